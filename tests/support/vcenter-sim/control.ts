/**
 * The operations of the control side, and the plain HTTP server on 127.0.0.1 that offers them: POST /<operation>
 * with a JSON object, answer JSON; an error is status 400 with {error}.
 */
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { join } from 'node:path';
import { addDisk } from './add-disk.ts';
import { addVm } from './build-site.ts';
import { type ControlTable, type DiskAddress, type SimStats, type VmState } from './control-api.ts';
import { writeRaw } from './disks/export-disk.ts';
import { fixturePatches } from './fixture-source.ts';
import { consolidate, createSnapshot, detachSnapshot } from './model/snapshot-work.ts';
import { type SimDisk, type SimVm } from './model/sim-vm.ts';
import { scriptedFault } from './sim-fault.ts';
import { type Site } from './site.ts';
import { Moref, type Data } from './values.ts';

/** Starts the control server; the caller listens and closes. */
export function controlServer(site: Site): Server {
  const table = controlTable(site) as Readonly<Record<string, (input: unknown) => unknown>>;
  return createServer((request, response) => {
    void answer(table, request).then(({ status, body }) => {
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(body));
    });
  });
}

async function answer(
  table: Readonly<Record<string, (input: unknown) => unknown>>,
  request: IncomingMessage,
): Promise<{ status: number; body: unknown }> {
  try {
    const name = (request.url ?? '/').slice(1);
    const operation = Object.hasOwn(table, name) ? table[name] : undefined;
    if (request.method !== 'POST' || operation === undefined)
      throw new Error(`There is no operation "${name}"`);
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    return { status: 200, body: await operation(JSON.parse(Buffer.concat(parts).toString() || '{}')) };
  } catch (error) {
    return { status: 400, body: { error: error instanceof Error ? error.message : String(error) } };
  }
}

function controlTable(site: Site): ControlTable {
  return { ...diskOperations(site), ...vmOperations(site), ...siteOperations(site) };
}

function vmNamed(site: Site, name: string): SimVm {
  const vm = site.vms.get(name);
  if (vm === undefined) throw new Error(`There is no machine "${name}"`);
  return vm;
}

function diskAt(site: Site, address: DiskAddress): SimDisk {
  const disk = vmNamed(site, address.vm).disks.find((each) => each.key === address.diskKey);
  if (disk === undefined) throw new Error(`"${address.vm}" has no disk ${String(address.diskKey)}`);
  return disk;
}

type DiskOperations = Pick<
  ControlTable,
  'guestWrite' | 'applyState' | 'exportDisk' | 'addDisk' | 'removeDisk' | 'resizeDisk'
>;

function diskOperations(site: Site): DiskOperations {
  const changed = (vm: string): null => (vmNamed(site, vm).configChanged(), site.inventory.touch(), null);
  return {
    guestWrite: async (input) => {
      const { chain } = diskAt(site, input);
      for (const { offset, base64 } of input.patches)
        await chain.write(offset, Buffer.from(base64, 'base64'));
      return null;
    },
    applyState: async (input) => {
      const { chain } = diskAt(site, input);
      for (const { offset, bytes } of await fixturePatches(input.fixture, input.from, input.to))
        await chain.write(offset, bytes);
      return null;
    },
    exportDisk: async (input) => {
      const { chain } = diskAt(site, input);
      const snapshot = vmNamed(site, input.vm)
        .snapshots()
        .find((each) => each.ref.id === input.snapshot);
      if (input.snapshot !== undefined && snapshot === undefined)
        throw new Error(`There is no snapshot "${input.snapshot}"`);
      const frozen = snapshot?.disks.find((each) => each.disk.key === input.diskKey);
      await chain.exclusively(() =>
        writeRaw(frozen?.layer ?? chain.top, frozen?.capacityBytes ?? chain.capacityBytes, input.path),
      );
      return null;
    },
    addDisk: async ({ vm, disk }) => {
      const added = await addDisk(site, vmNamed(site, vm), disk);
      changed(vm);
      return { key: added.key };
    },
    removeDisk: async (input) => {
      const vm = vmNamed(site, input.vm);
      const disk = diskAt(site, input);
      vm.disks.splice(vm.disks.indexOf(disk), 1);
      if (vm.rootSnapshots.length === 0) await disk.chain.destroy();
      return changed(input.vm);
    },
    resizeDisk: async (input) => {
      const disk = diskAt(site, input);
      if (disk.chain.layers.length > 1) throw new Error('A disk with snapshots cannot be resized');
      await disk.chain.exclusively(() => disk.chain.resize(input.capacityBytes));
      disk.chain.tracker = undefined;
      vmNamed(site, input.vm).stun();
      return changed(input.vm);
    },
  };
}

type VmOperations = Pick<
  ControlTable,
  'setVm' | 'vmState' | 'addVm' | 'destroyVm' | 'resetTracking' | 'createSnapshot' | 'removeAllSnapshots'
>;

function vmOperations(site: Site): VmOperations {
  return {
    setVm: (input) => setVm(site, input),
    vmState: ({ vm }) => stateOf(vmNamed(site, vm)),
    addVm: async ({ vm }) => ({ moref: (await addVm(site, vm)).ref.id }),
    destroyVm: async ({ vm }) => destroyVm(site, vmNamed(site, vm)),
    resetTracking: ({ vm }) => {
      for (const disk of vmNamed(site, vm).disks) disk.chain.tracker?.reset();
      return null;
    },
    createSnapshot: async ({ vm, name }) => {
      const ref = new Moref('VirtualMachineSnapshot', site.inventory.newId('snapshot'));
      const facts = {
        ref,
        number: site.counters.snapshotsCreated + 1,
        name,
        description: '',
        quiesced: false,
      };
      site.inventory.add(await createSnapshot(vmNamed(site, vm), facts));
      site.snapshotMade();
      return { moref: ref.id };
    },
    removeAllSnapshots: async ({ vm: name }) => {
      const vm = vmNamed(site, name);
      for (const gone of [...vm.rootSnapshots].flatMap((root) => detachSnapshot(root, true)))
        site.inventory.remove(gone.ref);
      await consolidate(vm, () => undefined);
      site.inventory.touch();
      return null;
    },
  };
}

function setVm(site: Site, input: Parameters<ControlTable['setVm']>[0]): null {
  const vm = vmNamed(site, input.vm);
  const host = input.host === undefined ? vm.host : site.hosts.get(input.host);
  if (host === undefined) throw new Error(`There is no host "${input.host ?? ''}"`);
  vm.host.users.delete(vm);
  vm.host = host;
  host.users.add(vm);
  if (input.powerState !== undefined && input.powerState !== vm.powerState) {
    vm.powerState = input.powerState;
    vm.stun();
  }
  vm.toolsRunning = input.toolsRunning ?? vm.toolsRunning;
  vm.connectionState = input.connectionState ?? vm.connectionState;
  vm.consolidationNeeded = input.consolidationNeeded ?? vm.consolidationNeeded;
  if (input.question !== undefined)
    vm.question = input.question === null ? undefined : questionOf(input.question);
  if (input.disabledMethods !== undefined) {
    vm.disabledMethods.clear();
    for (const name of input.disabledMethods) vm.disabledMethods.add(name);
  }
  site.inventory.touch();
  return null;
}

function questionOf(text: string): Data {
  const choice = { $type: 'ElementDescription', label: 'Yes', summary: 'Yes', key: '0' };
  return {
    $type: 'VirtualMachineQuestionInfo',
    id: '1',
    text,
    choice: { $type: 'ChoiceOption', choiceInfo: [choice], defaultIndex: 0 },
  };
}

function stateOf(vm: SimVm): VmState {
  return {
    moref: vm.ref.id,
    host: vm.host.name,
    powerState: vm.powerState,
    trackingWanted: vm.trackingWanted,
    trackingActive: vm.disks.some((disk) => disk.chain.tracker !== undefined),
    snapshots: vm.snapshots().map((snapshot) => ({ moref: snapshot.ref.id, name: snapshot.name })),
    disks: vm.disks.map(({ key, chain }) => ({
      key,
      capacityBytes: chain.capacityBytes,
      changeId: chain.tracker?.changeId ?? null,
      files: chain.layers.map((layer) => layer.dataPath),
    })),
  };
}

async function destroyVm(site: Site, vm: SimVm): Promise<null> {
  for (const disk of vm.disks) await disk.chain.exclusively(() => disk.chain.destroy());
  for (const snapshot of vm.snapshots()) site.inventory.remove(snapshot.ref);
  vm.parent.children.splice(vm.parent.children.indexOf(vm), 1);
  for (const place of [vm.facts.datastore, vm.host, vm.facts.pool]) place.users.delete(vm);
  site.vms.delete(vm.name);
  await rm(join(vm.facts.datastore.dir, vm.facts.dir), { recursive: true, force: true });
  site.inventory.remove(vm.ref);
  return null;
}

type SiteOperations = Omit<ControlTable, keyof DiskOperations | keyof VmOperations>;

function siteOperations(site: Site): SiteOperations {
  return {
    setHost: ({ host: name, connectionState, inMaintenance }) => {
      const host = site.hosts.get(name);
      if (host === undefined) throw new Error(`There is no host "${name}"`);
      host.connectionState = connectionState ?? host.connectionState;
      host.inMaintenance = inMaintenance ?? host.inMaintenance;
      site.inventory.touch();
      return null;
    },
    setDatastore: ({ datastore: name, freeBytes }) => {
      const datastore = site.datastores.get(name);
      if (datastore === undefined) throw new Error(`There is no datastore "${name}"`);
      datastore.freeBytes = freeBytes;
      site.inventory.touch();
      return null;
    },
    expireSessions: () => (site.sessions.closeAll(), null),
    fault: ({ rule }) => {
      if (rule.fault !== undefined) scriptedFault(rule.fault, site.root.ref, '');
      return { id: site.faults.add(rule) };
    },
    faults: () => site.faults.list(),
    clearFaults: () => (site.faults.clear(), null),
    calls: ({ filter }) => site.calls.find(filter),
    clearCalls: () => (site.calls.clear(), null),
    stats: () => statsOf(site),
    idle: async () => (await site.tasks.idle(), null),
  };
}

function statsOf(site: Site): SimStats {
  const byVm = [...site.vms.values()].map(
    (vm) =>
      [
        vm.name,
        { now: vm.snapshotCount, peak: vm.snapshotPeak, consolidationNeeded: vm.consolidationNeeded },
      ] as const,
  );
  return {
    ...site.counters,
    snapshotsNow: site.snapshotsNow,
    byVm: Object.fromEntries(byVm),
    sessionsNow: site.sessions.count,
    logins: site.sessions.logins,
  };
}
