/** Workers and the service are killed in the middle of a copy: nothing of the dead attempt is seen, and nothing is left behind. */
import { assert } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { whatIsWrong } from '../../support/disk-oracle.ts';
import { RealWorld, assertOutcome, eventually, taskOf } from '../../support/real-world.ts';
import { sourceArguments } from '../../support/run-source.ts';
import { type SiteConfig } from '../../support/vcenter-sim/config.ts';

const KILLED_APP = fileURLToPath(new URL('../../support/killed-app.ts', import.meta.url));

/** Slow enough for a copy to be caught in the middle: reads of a disk are several requests. */
const SITE: SiteConfig = {
  datastores: [{ name: 'ds1' }],
  hosts: [{ name: 'esx1.sim' }],
  folderBytesPerSecond: 4 * 2 ** 20,
  vms: ['web01', 'web02'].map((name) => ({
    name,
    guestOs: 'windows',
    cbt: true,
    disks: [{ fixture: 'win-mbr' }],
  })),
};

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a backup whose process is killed', function () {
  this.timeout(120_000);
  let world: RealWorld;

  beforeEach(async () => {
    world = await RealWorld.open({ site: SITE, settings: { taskAttempts: 3 } });
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('is done again by another worker, and there is one point', async () => {
    await world.addJob('nightly', ['web01']);
    const runId = await world.startJob('nightly');
    const seen = await world.until(
      runId,
      (run) => run.snapshots === 1 && (run.tasks[0]?.progress?.doneBytes ?? 0) > 0,
    );
    const pid = seen.tasks[0]!.workerPid!;
    const [snapshot] = (await world.sim.vmState('web01')).snapshots;
    process.kill(pid, 'SIGKILL');
    const run = await world.done(runId);
    assert.include(['ok', 'warning'], run.outcome, JSON.stringify(run.tasks));
    const task = taskOf(run, 'web01');
    assert.equal(task.attempts, 2);
    assert.notEqual(task.workerPid, pid);
    assert.deepEqual(
      task.retriedErrors.map(({ code }) => code),
      ['WORKER_DIED'],
    );
    const { snapshotsPeak, snapshotsCreated } = await world.sim.stats();
    assert.deepEqual({ snapshotsPeak, snapshotsCreated }, { snapshotsPeak: 1, snapshotsCreated: 2 });
    const removed = await world.sim.calls({ method: 'RemoveSnapshot_Task' });
    assert.isTrue(removed.some(({ object }) => object === snapshot!.moref));
    await world.assertNoSnapshots();
    assert.equal(await world.pointCount('web01'), 1);
    const point = await world.pointOf('web01');
    const { token, attempt } = await world.manifest(point.savesetId);
    assert.equal(attempt, 2);
    assert.isAbove(token, 1);
    assert.deepEqual(await world.unfinished(), [], 'the dead attempt left nothing that looks like a saveset');
    assertOutcome(await world.verify(point.savesetId), 'ok');
    const path = await world.restoreTo(point.savesetId, 2000);
    assert.deepEqual(await whatIsWrong(path, 'win-mbr', 'before'), []);
  });

  it('fails when the service is killed; the next start frees the machine and can back it up', async () => {
    await world.addJob('nightly', ['web01', 'web02']);
    await world.closeApp();
    const order = JSON.stringify({ dataDir: world.dataDir, config: world.config, job: 'nightly' });
    const child = spawn(process.execPath, [...sourceArguments, KILLED_APP, order], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const { runId, workerPid } = JSON.parse(line.toString()) as { runId: number; workerPid: number };
    assert.equal((await world.sim.stats()).snapshotsNow, 1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await eventually(() => !isAlive(workerPid));

    await world.openApp();
    const dead = await world.services.runs.show(runId);
    assert.deepInclude(dead, { state: 'done', outcome: 'failed' });
    assert.deepEqual(
      dead.tasks.map(({ error, savesetId }) => [error?.code, savesetId]),
      [
        ['SERVICE_STOPPING', null],
        ['SERVICE_STOPPING', null],
      ],
    );
    assert.isEmpty(await world.services.points.list({ limit: 10 }));
    await eventually(async () => (await world.sim.stats()).snapshotsNow === 0);
    await eventually(async () => (await world.services.runs.show(runId)).snapshots === 0);

    const run = await world.runJob('nightly');
    assert.include(['ok', 'warning'], run.outcome, JSON.stringify(run.tasks));
    for (const vm of ['web01', 'web02']) {
      assert.equal(await world.pointCount(vm), 1);
      const point = await world.pointOf(vm);
      assert.equal(point.type, 'full');
      const path = await world.restoreTo(point.savesetId, 2000);
      assert.deepEqual(await whatIsWrong(path, 'win-mbr', 'before'), []);
    }
    await world.assertNoSnapshots();
    assert.deepEqual(await world.unfinished(), []);
  });

  const moments = [
    { method: 'CreateSnapshot_Task', what: 'the server makes the snapshot' },
    { method: 'RemoveSnapshot_Task', what: 'the server removes the snapshot, and the manifest is stored' },
  ];
  for (const { method, what } of moments) {
    it(`is done again when its worker dies while ${what}`, async () => {
      await using slow = await RealWorld.open({
        site: { ...SITE, folderBytesPerSecond: 10 ** 9, taskDelayByMethodMs: { [method]: 4_000 } },
      });
      await slow.addJob('nightly', ['web01']);
      const runId = await slow.startJob('nightly');
      await eventually(async () => (await slow.sim.calls({ method })).length > 0);
      const { tasks } = await slow.services.runs.show(runId);
      process.kill(tasks[0]!.workerPid!, 'SIGKILL');
      const run = await slow.done(runId);
      assert.include(['ok', 'warning'], run.outcome, JSON.stringify(run.tasks));
      assert.equal(taskOf(run, 'web01').attempts, 2);
      const { snapshotsPeak, snapshotsCreated } = await slow.sim.stats();
      assert.deepEqual({ snapshotsPeak, snapshotsCreated }, { snapshotsPeak: 1, snapshotsCreated: 2 });
      await slow.assertNoSnapshots();
      assert.equal(await slow.pointCount('web01'), 1);
      assert.deepEqual(await slow.unfinished(), []);
      const point = await slow.pointOf('web01');
      assertOutcome(await slow.verify(point.savesetId), 'ok');
    });
  }

  it('stops within seconds when it is cancelled, and frees the machine', async () => {
    await world.addJob('nightly', ['web01']);
    const runId = await world.startJob('nightly');
    await world.until(runId, (run) => (run.tasks[0]?.progress?.doneBytes ?? 0) > 0 && run.snapshots === 1);
    await world.services.runs.cancel(runId);
    const run = await world.done(runId);
    assertOutcome(run, 'cancelled');
    await world.assertNoSnapshots();
    assert.equal(await world.pointCount('web01'), 0);
    assert.deepEqual(await world.unfinished(), []);
  });

  it('leaves no snapshot when it is cancelled while the server makes one', async () => {
    const method = 'CreateSnapshot_Task';
    await using slow = await RealWorld.open({
      site: { ...SITE, taskDelayByMethodMs: { [method]: 3_000 } },
    });
    await slow.addJob('nightly', ['web01']);
    const runId = await slow.startJob('nightly');
    await eventually(async () => (await slow.sim.calls({ method })).length > 0);
    await slow.services.runs.cancel(runId);
    assertOutcome(await slow.done(runId), 'cancelled');
    await slow.sim.control('idle', {});
    await eventually(async () => (await slow.sim.stats()).snapshotsNow === 0);
    await eventually(async () => (await slow.services.runs.show(runId)).snapshots === 0);
    assert.equal(await slow.pointCount('web01'), 0);
  });
});
