import { assert } from 'chai';
import { PlainProgress, renderLive } from '../../../master/cli/progress.ts';
import { type TaskView } from '../../../shared/contract/api.ts';
import { GiB, MiB } from '../../../shared/base/units.ts';
import { aRun, aTask } from '../../support/fake-services.ts';

const reading = (doneGiB: number, over: Partial<TaskView> = {}): TaskView =>
  aTask({
    state: 'running',
    outcome: null,
    progress: {
      phase: 'read',
      what: 'disk 2000',
      doneBytes: doneGiB * GiB,
      totalBytes: 10 * GiB,
      bytesPerSecond: 120 * MiB,
      etaMs: 51_000,
    },
    ...over,
  });
const waiting = (taskId: number): TaskView =>
  aTask({
    taskId,
    subject: `vm${taskId}`,
    state: 'queued',
    outcome: null,
    waitsFor: 'waits for device "disk1"',
  });
const running = (tasks: TaskView[]) => aRun({ state: 'running', outcome: null, finishedAt: null, tasks });

describe('renderLive', () => {
  it('shows a line per stream with phase, bytes, rate and time left', () => {
    const { bright } = renderLive(running([reading(4)]), { columns: 100, rows: 30 });
    assert.deepEqual(bright, [
      'run 12, job "nightly": 0 of 1 done; 0 of 2 streams in use',
      '  db01  read      40 %, 4.00 GiB of 10.0 GiB, 120 MiB/s, 51 s left',
    ]);
  });

  it('shows what waits and why, and sums up the many', () => {
    const few = renderLive(running([waiting(2)]), { columns: 100, rows: 30 });
    assert.deepEqual(few.dim, ['  vm2: waits for device "disk1"']);
    const many = renderLive(running(Array.from({ length: 9 }, (_, at) => waiting(at + 1))), {
      columns: 100,
      rows: 30,
    });
    assert.lengthOf(many.dim, 5);
    assert.equal(many.dim.at(-1), '  and 5 more wait');
  });

  it('never has more lines than the screen, nor wider ones', () => {
    const tasks = Array.from({ length: 64 }, (_, at) =>
      reading(1, { taskId: at + 1, subject: 'x'.repeat(90) }),
    );
    const screen = { columns: 60, rows: 12 };
    const { bright, dim } = renderLive(running([...tasks, waiting(99)]), screen);
    assert.isBelow(bright.length + dim.length, screen.rows);
    for (const line of [...bright, ...dim]) assert.isBelow(line.length, screen.columns);
  });

  it('lets no control character of a VM name act on the terminal', () => {
    const { bright } = renderLive(running([reading(1, { subject: 'db\u001b[2J01' })]), {
      columns: 100,
      rows: 30,
    });
    assert.include(bright[1], 'db?[2J01');
  });
});

describe('PlainProgress', () => {
  it('tells a change of phase at once', () => {
    const plain = new PlainProgress();
    assert.lengthOf(plain.next(running([reading(0)]), 0), 1);
    const write = reading(0.1);
    const changed = { ...write, progress: { ...write.progress!, phase: 'write' as const } };
    assert.match(plain.next(running([changed]), 10)[0] ?? '', /^db01: write 1 %/);
    assert.deepEqual(plain.next(aRun(), 20), ['db01: ok']);
  });

  it('tells a tenth more at most every five seconds', () => {
    const plain = new PlainProgress();
    plain.next(running([reading(0)]), 0);
    assert.deepEqual(plain.next(running([reading(2)]), 4_999), []);
    assert.deepEqual(plain.next(running([reading(0.9)]), 60_000), []);
    assert.lengthOf(plain.next(running([reading(2)]), 60_001), 1);
  });

  it('tells once why a task waits', () => {
    const plain = new PlainProgress();
    assert.deepEqual(plain.next(running([waiting(2)]), 0), ['vm2: waits for device "disk1"']);
    assert.deepEqual(plain.next(running([waiting(2)]), 90_000), []);
  });

  it('tells in one line what waits for the same', () => {
    const other = { ...waiting(4), waitsFor: 'waits for its turn' };
    assert.deepEqual(new PlainProgress().next(running([waiting(2), waiting(3), other]), 0), [
      'vm2 and 1 more: waits for device "disk1"',
      'vm4: waits for its turn',
    ]);
  });

  it('says what is worked on where it is not counted in bytes', () => {
    const { progress } = reading(0);
    const task = reading(0, { progress: { ...progress!, what: '3 of 9 indexes', totalBytes: 0 } });
    assert.match(new PlainProgress().next(running([task]), 0)[0] ?? '', /^db01: read 3 of 9 indexes/);
  });

  const queued = (waitsFor: string) => running([{ ...waiting(2), waitsFor }]);
  const ofDevice = 'waits for a stream of device "tape0", held by run';
  const same: readonly (readonly [string, string])[] = [
    [`${ofDevice} 41, task 7`, `${ofDevice} 41, task 8`],
    [`${ofDevice} 41`, `${ofDevice} 42, task 1 and 3 more`],
    [
      'waits for its turn: 2 of 2 streams of this run are in use',
      'waits for its turn: 3 of 4 streams of this run are in use',
    ],
    ['waits 1 min 30 s before attempt 2', 'waits 5 s before attempt 2'],
  ];
  for (const [before, after] of same) {
    it(`tells "${after}" a minute after "${before}" at the earliest`, () => {
      const plain = new PlainProgress();
      assert.deepEqual(plain.next(queued(before), 0), [`vm2: ${before}`]);
      assert.deepEqual(plain.next(queued(after), 59_999), []);
      assert.deepEqual(plain.next(queued(after), 60_000), [`vm2: ${after}`]);
      assert.deepEqual(plain.next(queued(before), 60_001), []);
    });
  }

  it('tells at once that a task waits for something else', () => {
    const plain = new PlainProgress();
    plain.next(queued(`${ofDevice} 41, task 7`), 0);
    for (const other of [
      'waits for a stream of device "tape1", held by run 41, task 7',
      'waits for a worker to start',
      'waits until the snapshot "x1" of an earlier attempt is removed',
      'waits until the snapshot "x2" of an earlier attempt is removed',
    ]) {
      assert.deepEqual(plain.next(queued(other), 1), [`vm2: ${other}`]);
    }
  });
});
