/** Reclaiming as a user sees it: a run of the service, carried out by a real worker process. */
import { assert } from 'chai';
import { App } from '../../master/app.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { silentLog } from '../../shared/base/log.ts';
import { type RunView } from '../../shared/contract/api.ts';
import { parseConfig } from '../../shared/contract/config.ts';
import { openLocalStorage } from '../../shared/repository/storage-local.ts';
import { fakeVsphere } from '../support/app-harness.ts';
import { ReclaimWorld, smallDevice } from '../support/reclaim-world.ts';
import { type TempFolder, tempFolder } from '../support/temp.ts';
import { rejectsCode } from '../unit/vsphere/throws-code.ts';

const DEADLINE_MS = 60_000;
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('reclaiming by the service', function () {
  this.timeout(DEADLINE_MS);
  let temp: TempFolder;
  let app: App;
  let world: ReclaimWorld;

  before(async () => {
    temp = await tempFolder();
    world = new ReclaimWorld(await smallDevice(openLocalStorage(temp.file('tape0'))));
    const first = await world.write(range(1, 13));
    await world.write([1, 2, 30, 31]);
    await world.remove(first);
    const vsphere = fakeVsphere({ cleaned: [], removals: [], vms: () => [] });
    const config = parseConfig({ retryDelayMs: 20, heartbeatMs: 200 });
    const options = { dataDir: temp.file('data'), config, log: silentLog, clock: systemClock, vsphere };
    app = await App.open(options);
    await app.services.devices.add({ name: 'tape0', path: temp.file('tape0') });
  });
  after(async () => {
    await app[Symbol.asyncDispose]();
    await temp[Symbol.asyncDispose]();
  });

  async function done(runId: number): Promise<RunView> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    let run = await app.services.runs.show(runId);
    while (run.state !== 'done') run = await app.services.runs.wait(runId, run.revision, 500, signal);
    return run;
  }

  it('reports what it would free, and then frees it', async () => {
    const before = await world.packs();
    const dry = await app.services.devices.reclaim('tape0', { dryRun: true });
    await rejectsCode('DEVICE_IN_USE', app.services.devices.reclaim('tape0', {}));
    const [would] = (await done(dry.runId)).tasks;
    assert.deepInclude(would, { kind: 'reclaim', subject: 'device tape0', outcome: 'ok', savesetId: null });
    assert.deepInclude(would?.report, { kind: 'reclaim', dryRun: true, points: 1 });
    assert.deepEqual(await world.packs(), before);

    const run = await done((await app.services.devices.reclaim('tape0', { sparsePercent: 60 })).runId);
    const [task] = run.tasks;
    assert.deepInclude(run, { kind: 'reclaim', outcome: 'ok', job: null });
    assert(task?.report?.kind === 'reclaim');
    assert.equal(task.report.removed.packs, 2);
    assert.isAbove(task.phases.mark ?? -1, -1);
    assert.deepEqual(await world.packs(), await world.livePacks());
    await world.assertAllRestorable();
  });

  it('refuses a device that it does not know', async () => {
    await rejectsCode('USAGE_NOT_FOUND', app.services.devices.reclaim('tape7', {}));
  });
});
