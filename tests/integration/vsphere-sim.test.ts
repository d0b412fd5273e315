import { assert } from 'chai';
import { systemClock } from '../../shared/base/clock.ts';
import { type AppError } from '../../shared/base/errors.ts';
import { silentLog } from '../../shared/base/log.ts';
import { type Extent, totalLength } from '../../shared/domain/extent.ts';
import { enableChangeTracking } from '../../shared/vsphere/change-tracking.ts';
import { queryChangedDiskAreas } from '../../shared/vsphere/changed-disk-areas.ts';
import { readSmallFile } from '../../shared/vsphere/datastore-files.ts';
import { listVms } from '../../shared/vsphere/inventory.ts';
import { moref } from '../../shared/vsphere/moref.ts';
import { backupVmPrivileges, missingPrivileges } from '../../shared/vsphere/privileges.ts';
import { type ConnectOptions, VsphereSession } from '../../shared/vsphere/session.ts';
import {
  consolidateDisks,
  createSnapshot,
  findSnapshotsByName,
  readSnapshotDisks,
  removeSnapshot,
} from '../../shared/vsphere/snapshots.ts';
import { readVm } from '../../shared/vsphere/virtual-machine.ts';
import { SimProcess } from '../support/vcenter-sim/sim-process.ts';
import { type CapturedRequest, validateRequests, whyNoSchema } from '../support/xsd.ts';
import { rejectsCode } from '../unit/vsphere/throws-code.ts';

const MIB = 2 ** 20;
const KIB64 = 65_536;
const signal = new AbortController().signal;

describe('vSphere client against the simulated vCenter', function () {
  this.timeout(30_000);
  let sim: SimProcess;
  let session: VsphereSession;
  const requests: CapturedRequest[] = [];

  const connectOptions = (changes: Partial<ConnectOptions> = {}): ConnectOptions => ({
    url: sim.url,
    username: sim.username,
    password: sim.password,
    fingerprint: sim.fingerprint,
    log: silentLog,
    clock: { ...systemClock, sleep: (ms, stop) => systemClock.sleep(Math.min(ms, 20), stop) },
    onRequest: (method, envelope) => void requests.push({ method, envelope }),
    ...changes,
  });

  before(async () => {
    const many = Array.from({ length: 12 }, (_, i) => ({
      name: `bulk${i}`,
      folder: 'Bulk',
      disks: [{ capacityBytes: MIB }],
    }));
    sim = await SimProcess.start({
      datastores: [{ name: 'ds 1' }],
      hosts: [{ name: 'esx1' }, { name: 'esx2' }],
      maxObjectsPerPage: 5,
      cbtMaxExtents: 3,
      deniedPrivileges: ['VirtualMachine.Config.ChangeTracking'],
      vms: [
        {
          name: 'win',
          folder: 'A/B',
          guestOs: 'windows',
          nvram: true,
          cbt: true,
          disks: [{ capacityBytes: 8 * MIB }],
        },
        {
          name: 'lin',
          folder: 'A',
          host: 'esx2',
          guestOs: 'linux',
          toolsRunning: false,
          disks: [{ capacityBytes: MIB }],
        },
        ...many,
      ],
    });
  });
  after(() => sim[Symbol.asyncDispose]());
  beforeEach(async () => {
    session = await VsphereSession.connect(connectOptions(), signal);
  });
  afterEach(async () => {
    await sim.control('clearFaults', {});
    await session[Symbol.asyncDispose]();
  });

  const find = async (name: string): Promise<string> => (await sim.vmState(name)).moref;
  const crash = (vm: string, name: string) => ({
    moref: vm,
    name,
    description: 'test <&>',
    quiesce: 'crash' as const,
  });

  it('refuses a wrong password', async () => {
    const wrong = VsphereSession.connect(connectOptions({ password: 'wrong' }), signal);
    await rejectsCode('AUTH_LOGIN_REFUSED', wrong);
  });

  it('lists all VMs over several pages, with their paths', async () => {
    const vms = await listVms(session, signal);
    assert.equal(vms.length, 14);
    const win = vms.find((vm) => vm.name === 'win');
    assert.deepInclude(win, { inventoryPath: '/DC0/vm/A/B/win', host: 'esx1', changeTrackingEnabled: true });
    const pages = await sim.calls({ method: 'ContinueRetrievePropertiesEx' });
    assert.isAbove(pages.length, 1);
  });

  it('starts the list anew when the session is lost between two pages', async () => {
    const rule = await sim.fault({ method: 'ContinueRetrievePropertiesEx', fault: 'NotAuthenticated' });
    assert.equal((await listVms(session, signal)).length, 14);
    assert.equal(await sim.hits(rule), 1);
  });

  it('works on after the server forgot the session', async () => {
    await sim.control('expireSessions', {});
    const vm = await readVm(session, await find('win'), signal);
    assert.deepInclude(vm, { name: 'win', datacenterPath: 'DC0', hasSnapshots: false, question: null });
    assert.equal((await listVms(session, signal)).length, 14);
  });

  it('says what is wrong with a VM that cannot be read', async () => {
    await rejectsCode('VSPHERE_OBJECT_GONE', readVm(session, 'vm-99999', signal));
    await sim.control('setVm', { vm: 'bulk1', connectionState: 'inaccessible' });
    const error = await rejectsCode('VSPHERE_INVALID_STATE', readVm(session, await find('bulk1'), signal));
    assert.equal(error.facts['connectionState'], 'inaccessible');
    assert.include(
      (await listVms(session, signal)).map((vm) => vm.name),
      'bulk1',
    );
  });

  it('reads frozen disks and changed areas over all pages of a snapshot', async () => {
    const vm = await find('win');
    const first = await createSnapshot(session, { ...crash(vm, 'one'), quiesce: 'application' }, signal);
    const base = (await readSnapshotDisks(session, first.moref, signal))[0]!;
    await removeSnapshot(session, first.moref, signal);
    const patches = Array.from({ length: 10 }, (_, i) => ({
      offset: i * 4 * KIB64,
      bytes: Buffer.alloc(512, i + 1),
    }));
    await sim.guestWrite('win', base.key, patches);
    const second = await createSnapshot(session, crash(vm, 'two'), signal);
    const areas: Extent[] = [];
    let windows = 0;
    for (let startOffset = 0; startOffset < base.capacityBytes; windows++) {
      const query = {
        vmMoref: vm,
        snapshotMoref: second.moref,
        deviceKey: base.key,
        startOffset,
        changeId: base.changeId!,
      };
      const window = await queryChangedDiskAreas(session, query, signal);
      assert.equal(window.startOffset, startOffset);
      areas.push(...window.areas);
      startOffset += window.length;
    }
    assert.isAbove(windows, 3);
    assert.deepEqual(
      areas.map((area) => area.start),
      patches.map((patch) => patch.offset),
    );
    assert.equal(totalLength(areas), 10 * KIB64);
    await removeSnapshot(session, second.moref, signal);
  });

  it('names the fault of a question that cannot be answered', async () => {
    const vm = await find('win');
    const snapshot = await createSnapshot(session, crash(vm, 'ask'), signal);
    const ask = (changes: object): Promise<unknown> => {
      const query = {
        vmMoref: vm,
        snapshotMoref: snapshot.moref,
        deviceKey: 2000,
        startOffset: 0,
        changeId: '*',
      };
      return queryChangedDiskAreas(session, { ...query, ...changes }, signal);
    };
    const stale = '52 de c0 d9 b9 43 9d 10-61 d5 4c 1b e9 7b 65 63/4';
    await rejectsCode('VSPHERE_FILE_FAULT', ask({ changeId: stale }));
    await rejectsCode('VSPHERE_INVALID_ARGUMENT', ask({ startOffset: 8 * MIB }));
    const wrong = await rejectsCode('VSPHERE_FAULT', ask({ deviceKey: 4711 }));
    assert.equal(wrong.facts['fault'], 'NotFound');
    await removeSnapshot(session, snapshot.moref, signal);
  });

  it('finds snapshots by their exact name and removes them, twice without harm', async () => {
    const vm = await find('win');
    const made = await createSnapshot(session, crash(vm, ' blank at both ends '), signal);
    assert.deepEqual(await findSnapshotsByName(session, vm, ' blank at both ends ', signal), [made]);
    assert.isEmpty(await findSnapshotsByName(session, vm, 'blank at both ends', signal));
    await removeSnapshot(session, made.moref, signal);
    await removeSnapshot(session, made.moref, signal);
    assert.isFalse((await readVm(session, vm, signal)).hasSnapshots);
  });

  it('tries the removal again while another task holds the VM', async () => {
    const vm = await find('win');
    const made = await createSnapshot(session, crash(vm, 'busy'), signal);
    const rule = await sim.fault({ method: 'RemoveSnapshot_Task', fault: 'TaskInProgress', count: 3 });
    await removeSnapshot(session, made.moref, signal);
    assert.equal(await sim.hits(rule), 3);
    assert.equal((await sim.stats()).snapshotsNow, 0);
  });

  it('learns the outcome of a task whose watch breaks', async () => {
    const vm = await find('win');
    const dropped = await sim.fault({ method: 'WaitForUpdatesEx', action: 'drop' });
    const forgotten = await sim.fault({ method: 'WaitForUpdatesEx', fault: 'NotAuthenticated' });
    const made = await createSnapshot(session, crash(vm, 'watched'), signal);
    assert.equal(await sim.hits(dropped), 1);
    assert.equal(await sim.hits(forgotten), 1);
    await removeSnapshot(session, made.moref, signal);
  });

  const snapshotFaults = [
    ['ApplicationQuiesceFault', 'SNAPSHOT_QUIESCE_FAILED'],
    ['FilesystemQuiesceFault', 'SNAPSHOT_QUIESCE_FAILED'],
    ['TooManySnapshotLevels', 'SNAPSHOT_FAILED'],
    ['NoDiskSpace', 'VSPHERE_NO_SPACE'],
    ['FileLocked', 'VSPHERE_FILE_LOCKED'],
  ] as const;
  for (const [fault, code] of snapshotFaults) {
    it(`reports a snapshot task that ends in ${fault} as ${code}`, async () => {
      const vm = await find('win');
      await sim.fault({ method: 'CreateSnapshot_Task', fault, at: 'task' });
      await rejectsCode(
        code,
        createSnapshot(session, { ...crash(vm, fault), quiesce: 'filesystem' }, signal),
      );
    });
  }

  it('takes a plain quiesced snapshot where the VSS call is not supported', async () => {
    const vm = await find('win');
    await sim.fault({ method: 'CreateSnapshotEx_Task', fault: 'NotSupported' });
    const made = await createSnapshot(session, { ...crash(vm, 'plain'), quiesce: 'application' }, signal);
    assert.include((await sim.calls({ method: 'CreateSnapshot_Task' })).at(-1)!.body, 'quiesce>true<');
    await removeSnapshot(session, made.moref, signal);
  });

  it('does not pretend to quiesce a guest whose Tools do not run', async () => {
    const vm = await find('lin');
    const before = (await sim.stats()).snapshotsCreated;
    const quiesced = createSnapshot(session, { ...crash(vm, 'q'), quiesce: 'filesystem' }, signal);
    await rejectsCode('SNAPSHOT_QUIESCE_FAILED', quiesced);
    assert.equal((await sim.stats()).snapshotsCreated, before);
  });

  it('names missing privileges, and the one that a call wanted', async () => {
    const vm = await find('bulk2');
    const missing = await missingPrivileges(
      session,
      [moref('VirtualMachine', vm)],
      backupVmPrivileges,
      signal,
    );
    assert.deepEqual(missing, ['VirtualMachine.Config.ChangeTracking']);
    const refused = await rejectsCode('AUTH_NO_PERMISSION', enableChangeTracking(session, vm, signal));
    assert.equal(refused.facts['privilegeId'], 'VirtualMachine.Config.ChangeTracking');
  });

  it('does not enable change tracking while there are snapshots', async () => {
    await sim.control('createSnapshot', { vm: 'bulk3', name: 'foreign' });
    await rejectsCode('CBT_UNAVAILABLE', enableChangeTracking(session, await find('bulk3'), signal));
    await enableChangeTracking(session, await find('win'), signal);
    await sim.control('removeAllSnapshots', { vm: 'bulk3' });
  });

  it('consolidates', async () => {
    await sim.control('setVm', { vm: 'bulk4', consolidationNeeded: true });
    const vm = await find('bulk4');
    assert.isTrue((await readVm(session, vm, signal)).consolidationNeeded);
    await consolidateDisks(session, vm, signal);
    assert.isFalse((await readVm(session, vm, signal)).consolidationNeeded);
  });

  it('reads a small file with its cookie, in a session made anew too', async () => {
    const { datacenterPath, nvramFile } = await readVm(session, await find('win'), signal);
    const file = { datacenterPath, datastorePath: nvramFile!, maxBytes: MIB };
    assert.isAbove((await readSmallFile(session, file, signal)).length, 0);
    await sim.control('expireSessions', {});
    assert.isAbove((await readSmallFile(session, file, signal)).length, 0);
    await rejectsCode('VSPHERE_FILE_FAULT', readSmallFile(session, { ...file, maxBytes: 1 }, signal));
    const missing = { ...file, datastorePath: '[ds 1] win/nothing.here' };
    await rejectsCode('VSPHERE_FILE_FAULT', readSmallFile(session, missing, signal));
  });

  it('gives up a wait for a task as soon as it is cancelled', async () => {
    const vm = await find('win');
    await sim.fault({ method: 'WaitForUpdatesEx', action: 'delay', delayMs: 20_000 });
    const stop = new AbortController();
    const making = createSnapshot(session, crash(vm, 'given up'), stop.signal).catch(
      (error: unknown) => error as AppError,
    );
    while ((await sim.calls({ method: 'CreateFilter' })).at(-1)?.outcome !== 'ok') await systemClock.sleep(5);
    stop.abort();
    assert.equal(((await making) as AppError).code, 'CANCELLED');
    await sim.control('idle', {});
    for (const left of await findSnapshotsByName(session, vm, 'given up', signal)) {
      await removeSnapshot(session, left.moref, signal);
    }
  });

  it('sent nothing that the schema of VMware refuses', async function () {
    const why = whyNoSchema();
    if (why !== undefined) {
      console.log(`      skipped: ${why}`);
      this.skip();
    }
    assert.isAbove(requests.length, 100);
    assert.deepEqual(await validateRequests(requests), []);
  });
});
