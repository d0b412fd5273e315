import { assert } from 'chai';
import { Catalog } from '../../../../master/catalog/catalog.ts';
import { beginAttempt } from '../../../../master/dispatch/begin-attempt.ts';
import { type SavesetKeeper } from '../../../../master/dispatch/ports.ts';
import { recover } from '../../../../master/dispatch/recovery.ts';
import { sealSaveset } from '../../../../master/dispatch/sealing.ts';
import { AppError, hasCode } from '../../../../shared/base/errors.ts';
import { systemClock } from '../../../../shared/base/clock.ts';
import { silentLog } from '../../../../shared/base/log.ts';
import { type Job } from '../../../../shared/domain/job.ts';
import { point } from '../../../support/points.ts';
import { tempFolder } from '../../../support/temp.ts';

const SHA = 'a'.repeat(64);
const DEVICE = 'd'.repeat(32);
const vm = { moref: 'vm-1', name: 'db01', instanceUuid: 'uuid-1', inventoryPath: '/db01' };
const options = {
  type: 'auto',
  abm: true,
  cbt: true,
  transport: 'auto',
  consistency: 'application',
  consistencyFallback: true,
} as const;
const job: Job = {
  name: 'nightly',
  server: 'vc',
  vmPatterns: ['*'],
  excludePatterns: [],
  devices: ['tape0'],
  maxParallelStreams: 1,
  options,
};

/** A catalog in the middle of one backup, with a second task that has not begun. */
async function interrupted() {
  const folder = await tempFolder();
  const catalog = Catalog.open(folder.path);
  catalog.devices.register({ deviceId: DEVICE, name: 'tape0', path: '/tape0', streams: 1 });
  const run = { kind: 'backup', job, requestedType: 'auto', startedAt: 't', streamSetting: 1 } as const;
  const runId = catalog.runs.insert({ ...run, warnings: [] });
  const taskId = catalog.tasks.insert(runId, 'db01', { kind: 'backup', server: 'vc', vm });
  catalog.tasks.insert(runId, 'db02', { kind: 'backup', server: 'vc', vm: { ...vm, moref: 'vm-2' } });
  const attempt = beginAttempt(catalog, { taskId, deviceId: DEVICE, pid: 1, at: 't' });
  const savesetId = attempt.savesetId ?? '';
  const { token } = attempt;
  const record = point(savesetId, { token, taskId, runId, deviceId: DEVICE, manifestSha256: SHA });
  const calls: string[] = [];
  const keeper: SavesetKeeper = {
    whyOffline: () => Promise.resolve(undefined),
    withKey: (device) => Promise.resolve(device),
    read: () => Promise.resolve({ sha256: SHA, record, disks: [], standsFor: [] }),
    isSealed: () => Promise.resolve(calls.includes('seal')),
    seal: () => Promise.resolve(void calls.push('seal')),
    discard: () => Promise.resolve(void calls.push('discard')),
    carryPin: () => Promise.resolve(),
    remove: () => Promise.resolve(),
    clear: (_device, isOver) => Promise.resolve([savesetId].filter(isOver)),
  };
  const context = { catalog, keeper, clock: systemClock, log: silentLog };
  const close = async (): Promise<void> => {
    catalog[Symbol.dispose]();
    await folder[Symbol.asyncDispose]();
  };
  return {
    ...context,
    context,
    record,
    runId,
    taskId,
    token,
    savesetId,
    calls,
    [Symbol.asyncDispose]: close,
  };
}

describe('recover', () => {
  it('gives up what was written, and ends the run with the truth', async () => {
    await using state = await interrupted();
    await recover(state.context);
    const [first, second] = state.catalog.tasks.ofRun(state.runId);
    assert.deepEqual([first?.error?.code, second?.error?.code], ['SERVICE_STOPPING', 'SERVICE_STOPPING']);
    assert.deepInclude(state.catalog.runs.get(state.runId), { state: 'done', outcome: 'failed' });
    assert.equal(state.catalog.savesets.stateOf(state.savesetId), 'gone');
    assert.deepEqual(state.calls, ['discard']);
    assert.isNull(first?.currentToken);
  });

  it('clears what attempts left that are over, and nothing of those that are not its own', async () => {
    await using state = await interrupted();
    const asked: boolean[] = [];
    const clear: SavesetKeeper['clear'] = (_device, isOver) => {
      asked.push(isOver(state.savesetId), isOver('f'.repeat(16)));
      return Promise.resolve([state.savesetId]);
    };
    assert.isFalse(state.catalog.tasks.isOver(state.savesetId));
    await recover({ ...state.context, keeper: { ...state.keeper, clear } });
    assert.deepEqual(asked, [true, false]);
  });

  it('starts also when a device cannot be looked at', async () => {
    await using state = await interrupted();
    const clear = () => Promise.reject(new AppError('DEVICE_OFFLINE', 'away'));
    await recover({ ...state.context, keeper: { ...state.keeper, clear } });
    assert.equal(state.catalog.runs.get(state.runId)?.outcome, 'failed');
  });

  for (const sealed of [false, true]) {
    it(`finishes the sealing of a saveset that is ${sealed ? '' : 'not '}sealed on its device`, async () => {
      await using state = await interrupted();
      state.catalog.tasks.setState(state.taskId, 'sealing');
      state.catalog.savesets.setSealing(state.savesetId, SHA);
      if (sealed) state.calls.push('seal');
      await recover(state.context);
      assert.equal(state.catalog.savesets.stateOf(state.savesetId), 'sealed');
      // once more where there is a seal: that ends the attempt
      assert.deepEqual(state.calls, sealed ? ['seal', 'seal'] : ['seal']);
      assert.equal(state.catalog.tasks.get(state.taskId)?.outcome, 'ok');
      assert.equal(state.catalog.runs.get(state.runId)?.outcome, 'partly');
    });
  }

  it('gives up a saveset whose manifest is not what was reported', async () => {
    await using state = await interrupted();
    state.catalog.tasks.setState(state.taskId, 'sealing');
    state.catalog.savesets.setSealing(state.savesetId, 'b'.repeat(64));
    await recover(state.context);
    assert.equal(state.catalog.savesets.stateOf(state.savesetId), 'gone');
    assert.equal(state.catalog.tasks.get(state.taskId)?.outcome, 'failed');
    assert.notInclude(state.calls, 'seal');
  });

  it('does nothing the second time', async () => {
    await using state = await interrupted();
    await recover(state.context);
    await recover(state.context);
    assert.deepEqual(state.calls, ['discard']);
  });
});

describe('sealSaveset', () => {
  const lies = [
    { title: 'another token', record: { token: 99 } },
    { title: 'another task', record: { taskId: 99 } },
    { title: 'another device', record: { deviceId: 'e'.repeat(32) } },
    { title: 'another id', record: { savesetId: 'f'.repeat(16) } },
    { title: 'another digest', sha256: 'c'.repeat(64) },
  ];
  for (const { title, record, sha256 } of lies) {
    it(`seals nothing whose manifest has ${title}`, async () => {
      await using state = await interrupted();
      const stored = {
        sha256: sha256 ?? SHA,
        record: { ...state.record, ...record },
        disks: [],
        standsFor: [],
      };
      const keeper = { ...state.keeper, read: () => Promise.resolve(stored) };
      const device = { deviceId: DEVICE, name: 'tape0', path: '/tape0', key: null };
      const { savesetId, taskId, token } = state;
      const claim = { savesetId, taskId, token, device, manifestSha256: SHA };
      const error: unknown = await sealSaveset({ ...state.context, keeper }, claim).catch(
        (caught: unknown) => caught,
      );
      assert.isTrue(hasCode(error, 'FORMAT_INVALID'));
      assert.isEmpty(state.calls);
      assert.equal(state.catalog.savesets.stateOf(savesetId), 'unsealed');
    });
  }

  it('leaves the catalog as it was when the device fails', async () => {
    await using state = await interrupted();
    const keeper = {
      ...state.keeper,
      seal: () => Promise.reject(new AppError('REPO_WRITE_FAILED', 'broken')),
    };
    const device = { deviceId: DEVICE, name: 'tape0', path: '/tape0', key: null };
    const { savesetId, taskId, token } = state;
    const claim = { savesetId, taskId, token, device, manifestSha256: SHA };
    const error: unknown = await sealSaveset({ ...state.context, keeper }, claim).catch(
      (caught: unknown) => caught,
    );
    assert.isTrue(hasCode(error, 'REPO_WRITE_FAILED'));
    assert.equal(state.catalog.savesets.stateOf(savesetId), 'unsealed');
  });
});
