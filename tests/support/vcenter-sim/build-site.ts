/**
 * Builds the inventory and the disks of a site from its configuration. Ids and UUIDs follow from names and
 * order, so two runs of one configuration look the same to a client.
 */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type DatastoreConfig, type SiteConfig, type VmConfig } from './config.ts';
import { SimCluster, SimDatastore, SimFolder, SimHost, SimNetwork } from './model/places.ts';
import { SimVm, type VmFacts } from './model/sim-vm.ts';
import { vmProperty } from './model/vm-properties.ts';
import { addDisk } from './add-disk.ts';
import { Site } from './site.ts';
import { Moref } from './values.ts';

const TIB = 2 ** 40;

/** Makes the site with all its files under `workDir`, which must be empty of `datastores/`. */
export async function buildSite(config: SiteConfig, workDir: string): Promise<Site> {
  const site = new Site(config, resolve(workDir));
  for (const [index, row] of config.datastores.entries()) await addDatastore(site, row, 20 + index);
  addPlaces(site);
  for (const row of config.vms) await addVm(site, row);
  return site;
}

async function addDatastore(site: Site, row: DatastoreConfig, id: number): Promise<void> {
  const dir = site.datastoreDir(row.name);
  await mkdir(dir, { recursive: true });
  const capacityBytes = row.capacityBytes ?? TIB;
  const facts = {
    name: row.name,
    dir,
    type: row.type ?? 'VMFS',
    capacityBytes,
    freeBytes: row.freeBytes ?? capacityBytes / 2,
  };
  const datastore = new SimDatastore(
    site.datacenter.folders.datastore,
    new Moref('Datastore', `datastore-${String(id)}`),
    facts,
  );
  site.datacenter.folders.datastore.children.push(datastore);
  site.datacenter.datastores.push(datastore);
  site.datastores.set(row.name, datastore);
  site.inventory.add(datastore);
}

function addPlaces(site: Site): void {
  const { host: hostFolder, network: networkFolder } = site.datacenter.folders;
  const cluster = new SimCluster(
    new Moref('ClusterComputeResource', 'domain-c7'),
    site.config.cluster ?? 'Cluster0',
    hostFolder,
  );
  const network = new SimNetwork(new Moref('Network', 'network-9'), 'VM Network', networkFolder);
  hostFolder.children.push(cluster);
  networkFolder.children.push(network);
  site.datacenter.networks.push(network);
  site.cluster = cluster;
  site.network = network;
  for (const object of [cluster, cluster.pool, network]) site.inventory.add(object);
  for (const [index, row] of site.config.hosts.entries()) {
    const host = new SimHost(new Moref('HostSystem', `host-${String(10 + index)}`), row.name, cluster, [
      ...site.datastores.values(),
    ]);
    cluster.hosts.push(host);
    site.hosts.set(row.name, host);
    site.inventory.add(host);
  }
}

/** Adds a machine with its disks and files. @throws Error when the configuration names what is not there */
export async function addVm(site: Site, row: VmConfig): Promise<SimVm> {
  const datastore = pick(site.datastores, row.datastore, `datastore of "${row.name}"`);
  const host = pick(site.hosts, row.host, `host of "${row.name}"`);
  const folder = folderAt(site, row.folder ?? '');
  const ref = new Moref('VirtualMachine', site.inventory.newId('vm'));
  const places = { folder, datastore, pool: site.cluster!.pool, network: site.network!.ref };
  const facts = { ...ownFacts(row), ...places, ref, properties: vmProperty };
  const powerState = row.powerState ?? (row.template === true ? 'poweredOff' : 'poweredOn');
  const vm = new SimVm(facts, host, powerState, row.toolsRunning ?? true);
  await writeVmFiles(vm);
  for (const disk of row.disks) await addDisk(site, vm, disk);
  vm.trackingWanted = (row.cbt ?? false) && vm.canTrack;
  vm.stun();
  folder.children.push(vm);
  for (const place of [datastore, host, vm.facts.pool]) place.users.add(vm);
  site.vms.set(row.name, vm);
  site.inventory.add(vm);
  return vm;
}

const VM_DEFAULTS = {
  template: false,
  hwVersion: 19,
  guestOs: 'linux',
  firmware: 'bios',
  annotation: '',
  cpus: 2,
  memoryMb: 4096,
  nvram: true,
  scsiSharedBus: 'noSharing',
} as const;

function ownFacts(
  row: VmConfig,
): Omit<VmFacts, 'properties' | 'ref' | 'folder' | 'datastore' | 'pool' | 'network'> {
  const { name } = row;
  const ids = { uuid: uuidFrom(`bios ${name}`), instanceUuid: uuidFrom(`instance ${name}`) };
  return { ...VM_DEFAULTS, ...row, ...ids, name, dir: name };
}

function pick<T>(from: ReadonlyMap<string, T>, name: string | undefined, what: string): T {
  const found = name === undefined ? from.values().next().value : from.get(name);
  if (found === undefined) throw new Error(`The ${what} is not in the configuration`);
  return found;
}

function folderAt(site: Site, path: string): SimFolder {
  let at = site.datacenter.folders.vm;
  for (const name of path.split('/').filter((part) => part !== '')) {
    let next = at.children.find(
      (child): child is SimFolder => child instanceof SimFolder && child.name === name,
    );
    if (next === undefined) {
      next = new SimFolder(new Moref('Folder', site.inventory.newId('group-v')), name, at, [
        'Folder',
        'VirtualMachine',
      ]);
      at.children.push(next);
      site.inventory.add(next);
    }
    at = next;
  }
  return at;
}

async function writeVmFiles(vm: SimVm): Promise<void> {
  const { facts } = vm;
  const vmx = join(facts.datastore.dir, facts.dir, `${vm.name}.vmx`);
  await mkdir(dirname(vmx), { recursive: true });
  const lines = [
    '.encoding = "UTF-8"',
    `displayName = "${vm.name}"`,
    `virtualHW.version = "${String(facts.hwVersion)}"`,
    '',
  ];
  await writeFile(vmx, lines.join('\n'));
  if (!facts.nvram) return;
  const block = createHash('sha512').update(`nvram ${vm.name}`).digest();
  await writeFile(vmx.replace(/vmx$/, 'nvram'), Buffer.alloc(8684, block));
}

/** A stable UUID made from text. */
function uuidFrom(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `42${hex.slice(2, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
