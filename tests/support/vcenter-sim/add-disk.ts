/**
 * Puts a disk into a machine: its flat file with the wanted content, its descriptor, its place on the controller.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DiskConfig } from './config.ts';
import { DiskChain, newCid } from './disks/disk-chain.ts';
import { openFlatLayer } from './disks/layer.ts';
import { copySparse, scanAllocation } from './disks/raw-import.ts';
import { firstState, writeFixture } from './fixture-source.ts';
import { type SimDatastore } from './model/places.ts';
import { type SimDisk, type SimVm } from './model/sim-vm.ts';
import { type Site } from './site.ts';

const FIRST_DISK_KEY = 2000;
const DEFAULT_CAPACITY_BYTES = 2 ** 20;

/** @returns the new disk, already one of the machine's. @throws Error when the content cannot be made */
export async function addDisk(site: Site, vm: SimVm, row: DiskConfig): Promise<SimDisk> {
  const slot = freeSlot(vm);
  const datastore = row.datastore === undefined ? vm.facts.datastore : site.datastores.get(row.datastore);
  if (datastore === undefined) throw new Error(`There is no datastore "${row.datastore ?? ''}"`);
  const stem = slot === 0 ? vm.name : `${vm.name}_${String(slot)}`;
  const disk: SimDisk = {
    key: FIRST_DISK_KEY + slot,
    unitNumber: slot < 7 ? slot : slot + 1,
    mode: row.mode ?? 'persistent',
    rdm: row.rdm,
    sharing: row.sharing ?? 'sharingNone',
    datastore,
    chain: await makeChain(vm, datastore, stem, row),
    starIsExact: true,
  };
  vm.disks.push(disk);
  vm.disks.sort((a, b) => a.key - b.key);
  return disk;
}

function freeSlot(vm: SimVm): number {
  const used = new Set(vm.disks.map((disk) => disk.key - FIRST_DISK_KEY));
  for (let slot = 0; slot < 15; slot++) if (!used.has(slot)) return slot;
  throw new Error(`"${vm.name}" has no free slot for a disk`);
}

async function makeChain(
  vm: SimVm,
  datastore: SimDatastore,
  stem: string,
  row: DiskConfig,
): Promise<DiskChain> {
  const folder = join(datastore.dir, vm.facts.dir);
  await mkdir(folder, { recursive: true });
  const createType =
    row.rdm === undefined
      ? 'vmfs'
      : row.rdm === 'physicalMode'
        ? 'vmfsPassthroughRawDeviceMap'
        : 'vmfsRawDeviceMap';
  const dataName = `${stem}${createType === 'vmfs' ? '-flat' : createType === 'vmfsRawDeviceMap' ? '-rdm' : '-rdmp'}.vmdk`;
  const dataPath = join(folder, dataName);
  const capacityBytes = await makeContent(row, dataPath);
  const base = await openFlatLayer({ descriptorName: `${stem}.vmdk`, dataName, dataPath, cid: newCid() });
  const facts = { folder, stem, uuid: diskUuid(), hwVersion: vm.facts.hwVersion, createType } as const;
  const chain = new DiskChain(facts, base, capacityBytes, await scanAllocation(dataPath, capacityBytes));
  await chain.describe(base);
  return chain;
}

const diskUuid = (): string => `6000C29${randomUUID().slice(7)}`;

async function makeContent(row: DiskConfig, path: string): Promise<number> {
  if (row.fixture !== undefined)
    await writeFixture(row.fixture, row.state ?? (await firstState(row.fixture)), path);
  else if (row.path !== undefined) await copySparse(row.path, path);
  else await writeFile(path, '');
  const made = (await stat(path)).size;
  const wanted = Math.max(row.capacityBytes ?? (made === 0 ? DEFAULT_CAPACITY_BYTES : 0), made);
  const capacityBytes = Math.ceil(wanted / 1024) * 1024;
  if (capacityBytes !== made) await truncate(path, capacityBytes);
  return capacityBytes;
}
