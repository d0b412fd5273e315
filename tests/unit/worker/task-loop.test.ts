import { assert } from 'chai';
import { readFile } from 'node:fs/promises';
import { systemClock } from '../../../shared/base/clock.ts';
import { AppError } from '../../../shared/base/errors.ts';
import { type BackupSpec, type ChainLink, type TaskSpec } from '../../../shared/contract/ipc.ts';
import { createDevice } from '../../../shared/repository/device.ts';
import { readSealedManifest, seal } from '../../../shared/repository/saveset-store.ts';
import { openLocalDevice } from '../../../worker/open-local-device.ts';
import { openLocalStorage } from '../../../shared/repository/storage-local.ts';
import { LoopWorker } from '../../support/loop-worker.ts';
import { type TempFolder, tempFolder } from '../../support/temp.ts';
import { SimProcess } from '../../support/vcenter-sim/sim-process.ts';

const MIB = 2 ** 20;
const DISK = 3 * MIB;

describe('TaskLoop', function () {
  this.timeout(30_000);
  let temp: TempFolder;
  let sim: SimProcess;
  let worker: LoopWorker;
  let device: ChainLink['device'];
  let number = 0;

  before(async () => {
    temp = await tempFolder();
    const path = temp.file('tape0');
    const { header } = await createDevice(openLocalStorage(path), { clock: systemClock });
    device = { deviceId: header.deviceId, name: 'tape0', path, key: null };
    sim = await SimProcess.start({
      datastores: [{ name: 'ds1' }],
      hosts: [{ name: 'esx1' }],
      vms: [
        { name: 'web', nvram: true, guestOs: 'windows', disks: [{ capacityBytes: DISK }] },
        { name: 'plain', disks: [{ capacityBytes: MIB }] },
        {
          name: 'odd',
          disks: [{ capacityBytes: MIB }, { capacityBytes: MIB, mode: 'independent_persistent' }],
        },
      ],
    });
    await sim.guestWrite('web', 2000, [{ offset: MIB, bytes: Buffer.alloc(70_000, 7) }]);
  });
  after(async () => {
    await sim[Symbol.asyncDispose]();
    await temp[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    worker = new LoopWorker();
    await worker.order({ type: 'open', device, threads: 1, heartbeatMs: 5 });
  });
  afterEach(async () => {
    assert.isTrue(await worker.order({ type: 'close' }), 'the worker shall end');
    await sim.control('clearFaults', {});
  });

  async function backup(vm: string, changes: Partial<BackupSpec> = {}): Promise<BackupSpec> {
    const { url, username, password, fingerprint } = sim;
    const { moref } = await sim.vmState(vm);
    return {
      kind: 'backup',
      job: null,
      taskId: ++number,
      attempt: 1,
      token: 100 + number,
      runId: 1,
      jobName: 'nightly',
      savesetId: `5eaf00d${String(number).padStart(9, '0')}`,
      server: { name: 'vc', url: `${url}/sdk`, username, password, fingerprint, datastorePaths: {} },
      vm: { moref, name: vm, instanceUuid: 'uuid', inventoryPath: `/DC0/vm/${vm}` },
      options: {
        type: 'auto',
        abm: true,
        cbt: true,
        transport: 'auto',
        consistency: 'crash',
        consistencyFallback: true,
      },
      device,
      base: null,
      noBaseReason: 'it is the first',
      ...changes,
    };
  }

  const rest = () => ({ taskId: ++number, attempt: 1, token: 100 + number, runId: 1 });

  async function sealed(spec: BackupSpec): Promise<ChainLink> {
    await seal(await openLocalDevice(device), spec.savesetId, {
      token: spec.token,
      sealedAt: new Date().toISOString(),
    });
    return { savesetId: spec.savesetId, device };
  }

  it('backs up, builds an increment on it, verifies and restores, over one session', async () => {
    const logins = (await sim.stats()).logins;
    const full = await backup('web');
    const first = await worker.work(full);
    assert.deepInclude(first, { status: 'ok', error: null });
    assert.equal(first.saveset?.savesetId, full.savesetId);
    assert.deepEqual(worker.ledger(), ['intent', 'created', 'removed']);
    const base = await sealed(full);

    await sim.guestWrite('web', 2000, [{ offset: 2 * MIB, bytes: Buffer.alloc(9, 9) }]);
    const next = await backup('web', { base, noBaseReason: null });
    const second = await worker.work(next);
    assert.equal(second.status, 'ok', JSON.stringify(second));
    assert.isBelow(second.counters.read, DISK / 2);
    const chain = [await sealed(next), base];
    const manifest = await readSealedManifest(await openLocalDevice(device), next.savesetId);
    assert.equal(manifest.type, 'incremental');

    assert.equal((await worker.work({ kind: 'verify', ...rest(), chain })).status, 'ok');
    const path = temp.file('web.raw');
    const target = { path, format: 'raw', overwrite: false } as const;
    const restored = await worker.work({ kind: 'restore', ...rest(), chain, diskKey: 2000, target });
    assert.equal(restored.status, 'ok', JSON.stringify(restored.error));
    const expected = Buffer.alloc(DISK);
    expected.fill(7, MIB, MIB + 70_000).fill(9, 2 * MIB, 2 * MIB + 9);
    assert.isTrue(expected.equals(await readFile(path)));

    assert.equal((await sim.stats()).logins, logins + 1);
    assert.include(
      worker.said.map(({ type }) => type),
      'progress',
    );
    assert.equal((await sim.stats()).snapshotsNow, 0);
  });

  it('makes a full when the base cannot be read, and says why', async () => {
    const base = { savesetId: '0'.repeat(16), device };
    const outcome = await worker.work(await backup('web', { base, noBaseReason: null }));
    assert.equal(outcome.status, 'warning');
    assert.include(
      outcome.warnings.map(({ code }) => code),
      'CBT_NOT_USABLE',
    );
  });

  it('warns of disks that no snapshot can hold, and of a level that was not reached', async () => {
    await sim.fault({
      method: 'CreateSnapshot_Task',
      fault: 'ApplicationQuiesceFault',
      at: 'task',
      count: 9,
    });
    await sim.fault({
      method: 'CreateSnapshotEx_Task',
      fault: 'ApplicationQuiesceFault',
      at: 'task',
      count: 9,
    });
    await sim.control('clearFaults', {});
    const spec = await backup('odd');
    await sim.fault({ method: 'CreateSnapshot_Task', fault: 'FilesystemQuiesceFault', at: 'task' });
    const options = { ...spec.options, consistency: 'filesystem' as const };
    const outcome = await worker.work({ ...spec, options });
    assert.equal(outcome.status, 'warning', JSON.stringify(outcome));
    assert.sameMembers(
      outcome.warnings.map(({ code }) => code),
      ['DISK_NOT_IN_IMAGE', 'CONSISTENCY_LOWERED'],
    );
  });

  it('warns when change tracking stays off and when firmware variables cannot be read', async () => {
    const spec = await backup('plain');
    await sim.fault({ method: 'ReconfigVM_Task', fault: 'NoPermission' });
    const outcome = await worker.work(spec);
    assert.include(
      outcome.warnings.map(({ code }) => code),
      'CBT_UNAVAILABLE',
    );

    await sim.fault({ method: 'folder', object: '.nvram', action: 'status', status: 404, count: 9 });
    const other = await worker.work(await backup('web'));
    assert.include(
      other.warnings.map(({ code }) => code),
      'CONFIGURATION_INCOMPLETE',
    );
  });

  it('opens a session to each server anew', async () => {
    const spec = await backup('web');
    await worker.work(spec);
    const wrong = { ...spec.server, password: 'wrong' };
    const outcome = await worker.work(await backup('web', { server: wrong }));
    assert.equal(outcome.error?.code, 'AUTH_LOGIN_REFUSED');
    assert.equal(outcome.status, 'failed');
  });

  it('reports a cancelled task as such, and leaves no snapshot', async () => {
    const spec = await backup('web');
    worker.refuse = (request) => {
      if (request.type === 'created') {
        void worker.order({ type: 'cancel', taskId: spec.taskId, token: spec.token });
        void worker.order({ type: 'cancel', taskId: spec.taskId, token: spec.token + 9 });
      }
      return undefined;
    };
    const outcome = await worker.work(spec);
    assert.equal(outcome.status, 'cancelled');
    assert.equal(outcome.error?.code, 'CANCELLED');
    assert.equal((await sim.stats()).snapshotsNow, 0);
  });

  it('fails a task that the master gives no spec of', async () => {
    const none = new LoopWorker();
    await none.order({ type: 'open', device, threads: 1, heartbeatMs: 1000 });
    await none.order({ type: 'assign', taskId: 7, token: 8 });
    const last = none.said.at(-1);
    assert.equal(last?.type === 'outcome' && last.outcome.error?.code, 'IPC_MESSAGE_INVALID');
    await none.order({ type: 'close' });
  });

  it('goes on when the master refuses an attempt or its outcome', async () => {
    const fenced = (what: string) => (request: { type: string }) =>
      request.type === what ? new AppError('IPC_FENCED', 'It was given up') : undefined;
    worker.refuse = fenced('fetch');
    const spec: TaskSpec = await backup('web');
    await worker.order({ type: 'assign', taskId: spec.taskId, token: spec.token });
    assert.isFalse(worker.said.some(({ type }) => type === 'outcome'));
    worker.refuse = fenced('outcome');
    assert.equal(
      (await worker.work({ kind: 'verify', ...rest(), chain: [{ savesetId: '0'.repeat(16), device }] }))
        .status,
      'failed',
    );
    worker.refuse = () => undefined;
    assert.equal((await worker.work(await backup('web'))).status, 'ok');
  });

  it('says why a stream cannot be opened, and that it lives', async () => {
    const lost = new LoopWorker();
    const gone = { ...device, path: temp.file('nowhere') };
    await lost.order({ type: 'open', device: gone, threads: 1, heartbeatMs: 1 });
    while (!lost.said.some(({ type }) => type === 'heartbeat')) await systemClock.sleep(1);
    const failed = lost.said.find(({ type }) => type === 'open-failed');
    assert.equal(failed?.type === 'open-failed' && failed.error.code, 'REPO_NOT_A_DEVICE');
    assert.isTrue(await lost.order({ type: 'close' }));
  });
});
