import { assert } from 'chai';
import { systemClock } from '../../../../shared/base/clock.ts';
import { type ErrorCode } from '../../../../shared/base/error-table.ts';
import { AppError, hasCode } from '../../../../shared/base/errors.ts';
import { silentLog } from '../../../../shared/base/log.ts';
import { type Consistency } from '../../../../shared/domain/consistency.ts';
import { VsphereSession } from '../../../../shared/vsphere/session.ts';
import { readVm } from '../../../../shared/vsphere/virtual-machine.ts';
import { SnapshotGuard, type SnapshotWish } from '../../../../worker/backup/snapshot-guard.ts';
import { type SnapshotLedger, type TaskContext } from '../../../../worker/task-context.ts';
import { type FaultRule } from '../../../support/vcenter-sim/fault-rules.ts';
import { SimProcess } from '../../../support/vcenter-sim/sim-process.ts';
import { rejectsCode } from '../../vsphere/throws-code.ts';

describe('SnapshotGuard', function () {
  this.timeout(30_000);
  let sim: SimProcess;
  let session: VsphereSession;
  let stop: AbortController;
  let ledger: string[];
  /** What the ledger refuses. */
  let refuse: Partial<Record<keyof SnapshotLedger, AppError>>;
  let number = 0;

  before(async () => {
    const disks = [{ capacityBytes: 2 ** 20 }];
    sim = await SimProcess.start({
      datastores: [{ name: 'ds1' }],
      hosts: [{ name: 'esx1' }],
      taskDelayMs: 5,
      vms: [
        { name: 'win', guestOs: 'windows', disks },
        { name: 'lin', guestOs: 'linux', disks },
        { name: 'off', powerState: 'poweredOff', disks },
      ],
    });
  });
  after(() => sim[Symbol.asyncDispose]());
  beforeEach(async () => {
    const { url, username, password, fingerprint } = sim;
    const clock = {
      ...systemClock,
      sleep: (ms: number, s?: AbortSignal) => systemClock.sleep(Math.min(ms, 5), s),
    };
    stop = new AbortController();
    const options = { url: `${url}/sdk`, username, password, fingerprint, log: silentLog, clock };
    session = await VsphereSession.connect(options, stop.signal);
    ledger = [];
    refuse = {};
  });
  afterEach(async () => {
    await session[Symbol.asyncDispose]();
    await sim.control('clearFaults', {});
    await sim.control('idle', {});
    for (const vm of ['win', 'lin', 'off']) await sim.control('removeAllSnapshots', { vm });
  });

  const note = (what: keyof SnapshotLedger) => (): Promise<void> => {
    ledger.push(what);
    const error = refuse[what];
    return error === undefined ? Promise.resolve() : Promise.reject(error);
  };

  function context(): TaskContext {
    const notUsed = (): never => {
      throw new Error('a snapshot needs no stream and no other session');
    };
    return {
      signal: stop.signal,
      clock: systemClock,
      log: silentLog,
      get stream() {
        return notUsed();
      },
      ledger: { intent: note('intent'), created: note('created'), removed: note('removed') },
      vsphere: notUsed,
      statesOf: notUsed,
      report: () => undefined,
    };
  }

  async function wish(
    vm: string,
    consistency: Consistency = 'crash',
    mayFallBack = true,
  ): Promise<SnapshotWish> {
    const details = await readVm(session, (await sim.vmState(vm)).moref, stop.signal);
    const name = `guard-${++number}`;
    return { session, vm: details, name, description: 'test', consistency, mayFallBack };
  }

  const create = async (...which: Parameters<typeof wish>): Promise<SnapshotGuard> =>
    SnapshotGuard.create(await wish(...which), context());
  const fails = (rule: Partial<FaultRule>): Promise<number> =>
    sim.fault({ method: 'CreateSnapshot_Task', ...rule });
  const snapshots = async (vm: string): Promise<number> => (await sim.vmState(vm)).snapshots.length;

  it('tells the ledger before, after, and when it has removed the snapshot, once', async () => {
    {
      await using guard = await create('lin');
      assert.equal(await snapshots('lin'), 1);
      assert.deepEqual(ledger, ['intent', 'created']);
      assert.deepEqual(await guard.remove(), []);
      assert.deepEqual(await guard.remove(), []);
    }
    assert.equal(await snapshots('lin'), 0);
    assert.deepEqual(ledger, ['intent', 'created', 'removed']);
  });

  it('removes the snapshot when it is disposed of, also after a cancel', async () => {
    const guard = await create('lin');
    stop.abort(new AppError('CANCELLED', 'It was cancelled'));
    await guard[Symbol.asyncDispose]();
    assert.equal(await snapshots('lin'), 0);
    assert.equal(ledger.at(-1), 'removed');
  });

  const levels: readonly (readonly [string, Consistency, Consistency])[] = [
    ['win', 'application', 'application'],
    ['lin', 'application', 'filesystem'],
    ['lin', 'filesystem', 'filesystem'],
    ['off', 'application', 'application'],
  ];
  for (const [vm, asked, reached] of levels) {
    it(`reaches ${reached} of "${vm}" when ${asked} is asked`, async () => {
      await using guard = await create(vm, asked);
      assert.deepInclude(guard.consistency, { asked, reached });
    });
  }

  it('goes down the ladder when the guest does not come to rest', async () => {
    await fails({ fault: 'ApplicationQuiesceFault', at: 'task' });
    await using guard = await create('lin', 'filesystem');
    assert.equal(guard.consistency.reached, 'crash');
    assert.match(guard.consistency.reason ?? '', /ApplicationQuiesceFault/);
  });

  it('does not go down when it may not', async () => {
    await fails({ fault: 'ApplicationQuiesceFault', at: 'task' });
    await rejectsCode('SNAPSHOT_QUIESCE_FAILED', create('lin', 'filesystem', false));
    assert.deepEqual(ledger, ['intent', 'removed']);
  });

  /** Of each code one fault by which the server says that it made no snapshot. */
  const decided: readonly (readonly [string, ErrorCode])[] = [
    ['TooManySnapshotLevels', 'SNAPSHOT_FAILED'],
    ['NoPermission', 'AUTH_NO_PERMISSION'],
    ['TaskInProgress', 'VSPHERE_BUSY'],
    ['CannotAccessFile', 'VSPHERE_FILE_FAULT'],
    ['FileLocked', 'VSPHERE_FILE_LOCKED'],
    ['InvalidName', 'VSPHERE_INVALID_ARGUMENT'],
    ['InvalidPowerState', 'VSPHERE_INVALID_STATE'],
    ['NoDiskSpace', 'VSPHERE_NO_SPACE'],
    ['NotSupported', 'VSPHERE_NOT_SUPPORTED'],
  ];
  for (const [fault, code] of decided) {
    it(`closes the intent after ${fault}`, async () => {
      await fails({ fault });
      await rejectsCode(code, create('lin'));
      assert.deepEqual(ledger, ['intent', 'removed']);
    });
  }

  /** What says nothing of whether a snapshot is being made. */
  const undecided: readonly (readonly [string, Partial<FaultRule>, ErrorCode])[] = [
    ['a fault that is not known', { fault: 'GenericVmConfigFault', at: 'task' }, 'SNAPSHOT_FAILED'],
    ['a task that somebody cancelled', { fault: 'RequestCanceled', at: 'task' }, 'SNAPSHOT_FAILED'],
    ['a host that does not answer', { fault: 'HostNotConnected', at: 'task' }, 'VSPHERE_HOST_UNAVAILABLE'],
    ['a time-out of the server', { fault: 'Timedout', at: 'task' }, 'VSPHERE_TIMEOUT'],
    ['an object that is gone', { fault: 'ManagedObjectNotFound' }, 'VSPHERE_OBJECT_GONE'],
    ['an answer that is cut', { action: 'cut-xml' }, 'VSPHERE_ANSWER_INVALID'],
    ['a connection that breaks', { action: 'drop' }, 'VSPHERE_UNREACHABLE'],
    ['an answer that is lost when the work has begun', { action: 'drop-after' }, 'VSPHERE_UNREACHABLE'],
  ];
  for (const [name, rule, code] of undecided) {
    it(`leaves the intent to the clean-up after ${name}`, async () => {
      await fails(rule);
      await rejectsCode(code, create('lin'));
      assert.deepEqual(ledger, ['intent']);
    });
  }

  it('makes nothing when the ledger does not take the intent', async () => {
    refuse.intent = new AppError('IPC_FENCED', 'It was given up');
    await rejectsCode('IPC_FENCED', create('lin'));
    assert.equal(await snapshots('lin'), 0);
  });

  it('removes the snapshot that the ledger does not take, and leaves the intent', async () => {
    refuse.created = new AppError('IPC_FENCED', 'It was given up');
    await rejectsCode('IPC_FENCED', create('lin'));
    assert.equal(await snapshots('lin'), 0);
    assert.deepEqual(ledger, ['intent', 'created']);
  });

  it('leaves the intent when the half-made snapshot cannot be looked for', async () => {
    await fails({ fault: 'NoDiskSpace', at: 'task' });
    const wanted = await wish('lin');
    await sim.fault({ method: 'RetrievePropertiesEx', fault: 'NoPermission' });
    await rejectsCode('VSPHERE_NO_SPACE', SnapshotGuard.create(wanted, context()));
    assert.deepEqual(ledger, ['intent']);
  });

  it('warns when the snapshot cannot be removed, and leaves it to the clean-up', async () => {
    const guard = await create('lin');
    await sim.fault({ method: 'RemoveSnapshot_Task', fault: 'FileLocked', at: 'task' });
    const [warning] = await guard.remove();
    assert.equal(warning?.code, 'SNAPSHOT_LEFT_OVER');
    assert.deepEqual(ledger, ['intent', 'created']);
  });

  it('says that the attempt was given up, but not when it is only disposed of', async () => {
    const guard = await create('lin');
    refuse.removed = new AppError('IPC_FENCED', 'It was given up');
    const error: unknown = await guard.remove().catch((reason: unknown) => reason);
    assert.isTrue(hasCode(error, 'IPC_FENCED'));
    const other = await create('win');
    await other[Symbol.asyncDispose]();
    assert.equal(await snapshots('win'), 0);
  });
});
