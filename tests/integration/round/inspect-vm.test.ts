/** A VM's disks looked at by a real worker: what is told, and that the snapshot goes whatever becomes of the worker. */
import { assert } from 'chai';
import { RealWorld, assertOutcome, eventually } from '../../support/real-world.ts';
import { loadDisk } from '../../support/fixtures.ts';
import { type SiteConfig } from '../../support/vcenter-sim/config.ts';

/** Slow enough to be caught in the middle. */
const SITE: SiteConfig = {
  datastores: [{ name: 'ds1' }],
  hosts: [{ name: 'esx1.sim' }],
  folderDelayMs: 5,
  vms: [{ name: 'web01', guestOs: 'windows', disks: [{ fixture: 'win-two' }] }],
};

describe('inspecting a VM', function () {
  this.timeout(120_000);
  let world: RealWorld;
  before(async () => {
    world = await RealWorld.open({ site: SITE, devices: {}, settings: { taskAttempts: 2 } });
  });
  afterEach(() => eventually(async () => (await world.sim.stats()).snapshotsNow === 0));
  after(async () => {
    await world.assertNoSnapshots();
    await world[Symbol.asyncDispose]();
  });

  const start = async (): Promise<number> =>
    (await world.services.inspect({ vm: 'web01' }, AbortSignal.timeout(10_000))).runId;

  it('needs no device, and tells what a backup would skip', async () => {
    const run = await world.done(await start());
    assertOutcome(run, 'ok');
    const { report, device, phases } = run.tasks[0]!;
    assert.isNull(device);
    assert.containsAllKeys(phases, ['snapshot', 'map', 'remove']);
    const [disk] = report?.kind === 'inspect' ? report.disks : [];
    const { volumes } = loadDisk('win-two').states[0]!;
    const free = volumes.reduce((sum, volume) => sum + volume.freeClusters * volume.clusterBytes, 0);
    assert.equal(disk!.skippedBytes, free);
  });

  it('removes the snapshot when the run is cancelled', async () => {
    const runId = await start();
    await world.until(runId, ({ tasks }) => tasks[0]!.progress?.phase === 'map');
    await world.services.runs.cancel(runId);
    const run = await world.done(runId);
    assertOutcome(run, 'cancelled');
    assert.isNull(run.tasks[0]!.report);
  });

  it('frees the VM of the snapshot of a worker that died, and looks again', async () => {
    const runId = await start();
    const seen = await world.until(runId, ({ snapshots }) => snapshots === 1);
    process.kill(seen.tasks[0]!.workerPid!, 'SIGKILL');
    const run = await world.done(runId);
    assertOutcome(run, 'ok');
    const { attempts, retriedErrors } = run.tasks[0]!;
    assert.deepEqual([attempts, retriedErrors.map(({ code }) => code)], [2, ['WORKER_DIED']]);
    assert.equal((await world.sim.stats()).snapshotsPeak, 1);
  });
});
