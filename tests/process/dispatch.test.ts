/** The dispatcher over real worker processes: streams, turns, deaths, tokens. The workers are tests/support/fake-worker.ts. */
import { assert } from 'chai';
import { type Harness, eventually, harness } from '../support/app-harness.ts';

const inUse = (count: number) => (run: { streams: { inUse: number } }) => run.streams.inUse === count;
const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_x, i) => `${prefix}-${i}`);

/** How many workers worked at the same time, at most. */
async function mostAtOnce(service: Harness): Promise<number> {
  let now = 0;
  let most = 0;
  for (const { event } of await service.notes()) {
    if (event === 'begin') most = Math.max(most, ++now);
    if (event === 'end') now--;
  }
  return most;
}

describe('dispatch over worker processes', function () {
  this.timeout(60_000);

  const effective = [
    { title: 'uses four streams for ten VMs when the device has four', devices: [4], vms: 10, streams: 4 },
    { title: 'uses two streams of two one-stream devices', devices: [1, 1], vms: 10, streams: 2 },
    { title: 'uses three streams for three VMs', devices: [4], vms: 3, streams: 3 },
  ];
  for (const { title, devices, vms, streams } of effective) {
    it(title, async () => {
      await using service = await harness(devices.map((count, i) => ({ name: `tape${i}`, streams: count })));
      service.vms = names('gate', vms);
      await service.job('nightly', { maxParallelStreams: 4 });
      const runId = await service.run('nightly');
      const seen = await service.until(
        runId,
        (run) => run.tasks.filter((task) => task.progress !== null).length === streams,
      );
      assert.deepInclude(seen.streams, { setting: 4, effective: streams, inUse: streams });
      assert.equal(seen.snapshots, streams, 'only VMs that are worked on have a snapshot');
      for (const vm of service.vms) await service.openGate(vm);
      const run = await service.done(runId);
      assert.equal(run.outcome, 'ok');
      assert.equal(run.streams.effective, streams);
      assert.equal(run.snapshots, 0);
      assert.equal(await mostAtOnce(service), streams);
    });
  }

  it('lets one worker serve one VM after another on one stream, which it opens once', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = names('vm', 5);
    await service.job('nightly', {});
    const run = await service.done(await service.run('nightly'));
    assert.deepEqual(
      run.tasks.map((task) => task.outcome),
      ['ok', 'ok', 'ok', 'ok', 'ok'],
    );
    const notes = await service.notes();
    assert.equal(new Set(notes.map((note) => note.pid)).size, 1);
    assert.lengthOf(
      notes.filter((note) => note.event === 'opened'),
      1,
    );
    const steps = notes.map((note) => note.event).filter((event) => event === 'begin' || event === 'end');
    assert.deepEqual(steps, Array.from({ length: 5 }, () => ['begin', 'end']).flat());
  });

  it('gives streams back at once when nothing is queued any more', async () => {
    await using service = await harness([{ name: 'tape0', streams: 2 }]);
    service.vms = ['gate-long', 'vm-short'];
    await service.job('nightly', { maxParallelStreams: 2 });
    const runId = await service.run('nightly');
    const seen = await service.until(
      runId,
      (run) => run.streams.inUse === 1 && run.tasks[1]?.state === 'done',
    );
    assert.equal(seen.tasks[0]?.state, 'running');
    assert.equal((await service.app.services.devices.show('tape0')).streamsInUse, 1);
    await service.openGate('gate-long');
    await service.done(runId);
    await eventually(async () => (await service.app.services.devices.show('tape0')).streamsInUse === 0);
  });

  it('says what surplus demand waits for', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = ['gate-a', 'gate-b'];
    await service.job('first', { vmPatterns: ['gate-a'] });
    await service.job('second', { vmPatterns: ['gate-b'], maxParallelStreams: 4 });
    const first = await service.run('first');
    await service.until(first, (run) => run.tasks[0]?.state === 'running');
    const second = await service.run('second');
    const waiting = await service.app.services.runs.show(second);
    assert.equal(
      waiting.tasks[0]?.waitsFor,
      `waits for a stream of device "tape0", held by run ${first}, task ${waiting.tasks[0]!.taskId - 1}`,
    );
    assert.equal(waiting.streams.effective, 0);
    assert.equal(waiting.snapshots, 0);
    const device = await service.app.services.devices.show('tape0');
    assert.deepEqual(device.waiting, [{ runId: second, job: 'second', tasks: 1 }]);
    for (const vm of service.vms) await service.openGate(vm);
    await service.done(second);
  });

  it('lets two jobs share a device turn by turn', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = ['gate-a', ...names('a', 3), ...names('b', 3)];
    await service.job('a', { vmPatterns: ['gate-a', 'a-*'] });
    await service.job('b', { vmPatterns: ['b-*'] });
    const a = await service.run('a');
    await service.until(a, inUse(1));
    const b = await service.run('b');
    await service.openGate('gate-a');
    await Promise.all([service.done(a), service.done(b)]);
    const order = (await service.notes())
      .filter((note) => note.event === 'begin')
      .map((note) => note.vm?.[0]);
    const early = order.filter((first) => first !== 'g').slice(0, 5);
    assert.include(early.slice(0, 2), 'b', 'the later job does not wait for the end of the earlier one');
    assert.isAtLeast(early.filter((first) => first === 'b').length, 2);
    assert.isAtLeast(early.filter((first) => first === 'a').length, 2);
  });

  it('tries the task of a killed worker again under a new token, after its snapshot is gone', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = ['dies-once'];
    await service.job('nightly', {});
    const run = await service.done(await service.run('nightly'));
    const task = run.tasks[0];
    assert.equal(task?.outcome, 'ok');
    assert.equal(task?.attempts, 2);
    assert.deepEqual(
      task?.retriedErrors.map((error) => error.code),
      ['WORKER_DIED'],
    );
    const begun = (await service.notes()).filter((note) => note.event === 'begin');
    assert.equal(begun[0]?.taskId, begun[1]?.taskId, 'the TaskId stays');
    assert.isAbove(begun[1]?.token ?? 0, begun[0]?.token ?? 0);
    assert.deepEqual(service.cleaned, [`blockhouse-${begun[0]?.token}`]);
    assert.equal(run.snapshots, 0);
  });

  it('holds the retry back while the old snapshot cannot be removed', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = ['dies-once'];
    service.removals.push('failed', 'failed', 'failed', 'failed', 'failed', 'failed');
    await service.job('nightly', {});
    const run = await service.done(await service.run('nightly'));
    assert.equal(run.tasks[0]?.error?.code, 'SNAPSHOT_LEFT_OVER');
    assert.lengthOf(
      (await service.notes()).filter((note) => note.event === 'snapshot'),
      1,
      'no second snapshot is made',
    );
    assert.equal(run.snapshots, 1);
    assert.equal(run.warnings.at(-1)?.code, 'SNAPSHOT_LEFT_OVER');
  });

  it('tries a task again whose error may pass', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = ['fails-once', 'vm'];
    await service.job('nightly', {});
    const run = await service.done(await service.run('nightly'));
    assert.deepEqual(
      run.tasks.map(({ outcome, attempts }) => ({ outcome, attempts })),
      [
        { outcome: 'ok', attempts: 2 },
        { outcome: 'ok', attempts: 1 },
      ],
    );
  });

  it('refuses what comes under a token that is stale', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = ['stale', 'vm'];
    await service.job('nightly', {});
    await service.done(await service.run('nightly'));
    await eventually(async () => (await service.notes()).some((note) => note.event === 'stale'));
    const reply = (await service.notes()).find((note) => note.event === 'stale')?.reply;
    assert.equal(reply?.error?.code, 'IPC_FENCED');
  });

  it('ends a worker that is silent and tries its task again', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }], { workerSilenceMs: 500 });
    service.vms = ['silent'];
    await service.job('nightly', {});
    const run = await service.done(await service.run('nightly'));
    assert.equal(run.outcome, 'ok');
    assert.deepEqual(
      run.tasks[0]?.retriedErrors.map((error) => error.code),
      ['WORKER_SILENT'],
    );
  });

  it('cancels what runs and what waits', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = names('gate', 3);
    await service.job('nightly', {});
    const runId = await service.run('nightly');
    await service.until(runId, (run) => run.tasks[0]?.state === 'running');
    await service.app.services.runs.cancel(runId);
    const run = await service.done(runId);
    assert.equal(run.outcome, 'cancelled');
    assert.deepEqual(
      run.tasks.map((task) => task.outcome),
      ['cancelled', 'cancelled', 'cancelled'],
    );
    assert.equal(run.snapshots, 0);
    await eventually(async () => (await service.app.services.devices.show('tape0')).streamsInUse === 0);
  });

  it('ends a worker that does not hear the cancel', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }], { shutdownMs: 100 });
    service.vms = ['stuck'];
    await service.job('nightly', {});
    const runId = await service.run('nightly');
    await service.until(runId, (run) => run.tasks[0]?.state === 'running' && run.snapshots === 1);
    await service.app.services.runs.cancel(runId);
    const run = await service.done(runId);
    assert.equal(run.outcome, 'cancelled');
    await eventually(() => service.cleaned.length === 1);
  });

  it('fails the tasks when no device of the job can be opened', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = ['vm'];
    await service.job('nightly', {});
    const { rm } = await import('node:fs/promises');
    await rm(`${service.folder}/tape0`, { recursive: true });
    const run = await service.done(await service.run('nightly'));
    assert.equal(run.outcome, 'failed');
    assert.include(['DEVICE_OFFLINE', 'REPO_NOT_A_DEVICE'], run.tasks[0]?.error?.code);
    assert.equal(run.tasks[0]?.attempts, 0, 'no task was bound');
  });

  it('makes the second backup of a VM incremental, on the first', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = ['vm'];
    await service.job('nightly', {});
    const first = await service.done(await service.run('nightly'));
    const second = await service.done(await service.run('nightly'));
    assert.equal(first.tasks[0]?.type, 'full');
    assert.equal(second.tasks[0]?.type, 'incremental');
    const point = await service.app.services.points.show(second.tasks[0]?.savesetId ?? '');
    assert.deepEqual(point.chain, [second.tasks[0]?.savesetId, first.tasks[0]?.savesetId]);
  });

  it('verifies a restore point over a stream of its device, and remembers when', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = ['vm'];
    await service.job('nightly', {});
    const backup = await service.done(await service.run('nightly'));
    const savesetId = backup.tasks[0]?.savesetId ?? '';
    assert.isNull((await service.app.services.points.show(savesetId)).verifiedAt);
    const { runId } = await service.app.services.verify.start({ points: [savesetId.slice(0, 6)] });
    const run = await service.done(runId!);
    assert.deepInclude(run, { kind: 'verify', outcome: 'ok', job: null });
    assert.isNotNull((await service.app.services.points.show(savesetId)).verifiedAt);
  });

  it('takes up the points of a device that was removed and is added again', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = ['vm'];
    await service.job('nightly', {});
    await service.done(await service.run('nightly'));
    const { jobs, devices, points } = service.app.services;
    await eventually(async () => (await devices.show('tape0')).streamsInUse === 0);
    await jobs.remove('nightly');
    await devices.remove('tape0');
    assert.isFalse((await points.list({ limit: 5 }))[0]?.deviceOnline);
    const again = await devices.add({ name: 'other', path: `${service.folder}/tape0` });
    assert.equal(again.points, 1);
    assert.deepInclude((await points.list({ limit: 5 }))[0], { device: 'other', deviceOnline: true });
  });

  it('warns of a pattern that matches nothing, and does not call an empty run a success', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = ['vm', 'template-x'];
    await service.job('nightly', { vmPatterns: ['sap*', 'template*'] });
    const run = await service.done(await service.run('nightly'));
    assert.equal(run.outcome, 'warning');
    assert.deepEqual(
      run.warnings.map((warning) => warning.message),
      ['Pattern "sap*" matches no VM'],
    );
    const { selected, leftOut } = await service.app.services.jobs.selection(
      'nightly',
      AbortSignal.timeout(5000),
    );
    assert.isEmpty(selected);
    assert.lengthOf(leftOut, 1);
  });

  it('removes a snapshot that a worker left behind', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = ['leaves-it'];
    await service.job('nightly', {});
    const runId = await service.run('nightly');
    await service.done(runId);
    await eventually(async () => (await service.app.services.runs.show(runId)).snapshots === 0);
    assert.lengthOf(service.cleaned, 1);
  });

  it('never works on one VM twice at a time', async () => {
    await using service = await harness([{ name: 'tape0', streams: 2 }]);
    service.vms = ['gate-a'];
    await service.job('first', {});
    await service.job('second', {});
    const first = await service.run('first');
    const running = await service.until(first, (run) => run.tasks[0]?.state === 'running');
    const second = await service.run('second');
    const waiting = await service.app.services.runs.show(second);
    const taskId = running.tasks[0]!.taskId;
    assert.equal(
      waiting.tasks[0]?.waitsFor,
      `waits for run ${first}, task ${taskId}, which works on the same VM`,
    );
    assert.equal((await service.app.services.devices.show('tape0')).streamsInUse, 1);
    await service.openGate('gate-a');
    assert.equal((await service.done(second)).outcome, 'ok');
  });

  it('stops with its tasks cancelled, and knows that after a new start', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = names('gate', 2);
    await service.job('nightly', {});
    const runId = await service.run('nightly');
    await service.until(runId, (run) => run.tasks[0]?.state === 'running');
    await service.restart();
    const run = await service.app.services.runs.show(runId);
    assert.equal(run.state, 'done');
    assert.equal(run.outcome, 'cancelled');
    assert.equal(run.snapshots, 0);
  });

  it('leaves no password in the catalog', async () => {
    await using service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = ['vm'];
    await service.job('nightly', {});
    await service.done(await service.run('nightly'));
    const { readFile, readdir } = await import('node:fs/promises');
    for (const name of await readdir(service.dataDir)) {
      const bytes = await readFile(`${service.dataDir}/${name}`).catch(() => Buffer.alloc(0));
      assert.notInclude(bytes.toString('latin1'), 'geheim-7', name);
    }
  });
});
