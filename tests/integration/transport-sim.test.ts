import { assert } from 'chai';
import { randomFillSync } from 'node:crypto';
import { type Clock, systemClock } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import { silentLog } from '../../shared/base/log.ts';
import { MiB } from '../../shared/base/units.ts';
import { VsphereSession } from '../../shared/vsphere/session.ts';
import { createSnapshot, readSnapshotDisks, removeSnapshot } from '../../shared/vsphere/snapshots.ts';
import { readVm } from '../../shared/vsphere/virtual-machine.ts';
import { type VmDisk } from '../../shared/vsphere/virtual-disk.ts';
import { type OpenedDisk, openDisk } from '../../worker/transport/open-disk.ts';
import { SimProcess } from '../support/vcenter-sim/sim-process.ts';

const CAPACITY = 6 * MiB;
const AT = 2 * MiB + 512;
const signal = new AbortController().signal;
const clock: Clock = {
  ...systemClock,
  sleep: (ms, stop) => systemClock.sleep(Math.min(ms, 10), stop),
};

describe('transports against the simulated vCenter', function () {
  this.timeout(30_000);
  const bytes = randomFillSync(Buffer.alloc(64 * 1024));
  let sim: SimProcess;
  let session: VsphereSession;
  let vm: string;
  let snapshot: string;
  let frozen: VmDisk;
  let running: VmDisk;

  before(async () => {
    sim = await SimProcess.start({
      datastores: [{ name: 'ds 1' }],
      hosts: [{ name: 'esx1' }],
      vms: [{ name: 'vm ä', disks: [{ capacityBytes: CAPACITY }] }],
    });
    const { url, username, password, fingerprint } = sim;
    session = await VsphereSession.connect(
      { url, username, password, fingerprint, log: silentLog, clock },
      signal,
    );
    vm = (await sim.vmState('vm ä')).moref;
    const [disk] = (await readVm(session, vm, signal)).disks;
    await sim.guestWrite('vm ä', disk!.key, [{ offset: AT, bytes }]);
    const request = { moref: vm, name: 'test', description: '', quiesce: 'crash' as const };
    snapshot = (await createSnapshot(session, request, signal)).moref;
    await sim.guestWrite('vm ä', disk!.key, [{ offset: AT, bytes: Buffer.alloc(512, 1) }]);
    frozen = (await readSnapshotDisks(session, snapshot, signal))[0]!;
    running = (await readVm(session, vm, signal)).disks[0]!;
  });
  after(async () => {
    await removeSnapshot(session, snapshot, signal);
    await session[Symbol.asyncDispose]();
    await sim[Symbol.asyncDispose]();
  });
  let opened: OpenedDisk | undefined;
  afterEach(async () => {
    await opened?.reader[Symbol.asyncDispose]();
    opened = undefined;
    await sim.control('clearFaults', {});
  });

  const open = (disk: VmDisk, mounted: boolean): Promise<OpenedDisk> =>
    openDisk(
      {
        choice: 'auto',
        session,
        dcPath: 'DC0',
        disk,
        datastorePaths: mounted ? sim.datastoreDirs : {},
        clock,
        log: silentLog,
      },
      signal,
    );

  async function expectFrozen({ reader }: OpenedDisk): Promise<void> {
    const content = Buffer.alloc(CAPACITY);
    await reader.read(0, content);
    const expected = Buffer.alloc(CAPACITY);
    bytes.copy(expected, AT);
    assert.isTrue(content.equals(expected));
  }

  for (const [transport, mounted] of [
    ['https', false],
    ['file', true],
  ] as const) {
    it(`reads the frozen content by ${transport}`, async () => {
      opened = await open(frozen, mounted);
      assert.equal(opened.reader.transport, transport);
      await expectFrozen(opened);
    });

    it(`refuses the delta that the guest writes to, by ${transport}`, async () => {
      const error = await open(running, mounted).catch((e: unknown) => e);
      assert.instanceOf(error, AppError);
      assert.equal(error.code, 'TRANSPORT_DELTA_CHAIN');
    });
  }

  it('reads on after the server forgot the session', async () => {
    opened = await open(frozen, false);
    await sim.control('expireSessions', {});
    await expectFrozen(opened);
  });

  it('reads on after the server was busy and cut connections', async () => {
    opened = await open(frozen, false);
    const rules = [
      await sim.fault({ method: 'folder', action: 'http503-html', count: 2 }),
      await sim.fault({ method: 'folder', action: 'drop', count: 2 }),
    ];
    await expectFrozen(opened);
    for (const rule of rules) assert.isAbove(await sim.hits(rule), 0);
  });
});
