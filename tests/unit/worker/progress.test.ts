import { assert } from 'chai';
import { type TaskProgress } from '../../../shared/contract/ipc.ts';
import { PhaseWatch } from '../../../worker/phase-times.ts';
import { throttled } from '../../../worker/progress.ts';

function handClock(): {
  nowMs: () => number;
  monotonicMs: () => number;
  sleep: () => Promise<void>;
  every: () => Disposable;
  advance: (ms: number) => void;
} {
  let ms = 1000;
  return {
    nowMs: () => ms,
    monotonicMs: () => ms,
    sleep: () => Promise.resolve(),
    every: () => ({ [Symbol.dispose]: () => undefined }),
    advance: (by) => {
      ms += by;
    },
  };
}

const read = (doneBytes: number): TaskProgress => ({
  phase: 'read',
  what: 'disk 1',
  doneBytes,
  totalBytes: 10,
});

describe('throttled', () => {
  it('sends the first, then nothing until the pause is over', () => {
    const clock = handClock();
    const sent: number[] = [];
    const report = throttled(clock, (progress) => void sent.push(progress.doneBytes));
    report(read(1));
    report(read(2));
    clock.advance(251);
    report(read(3));
    assert.deepEqual(sent, [1, 3]);
  });

  it('sends a new phase, a new object and the end at once', () => {
    const sent: TaskProgress[] = [];
    const report = throttled(handClock(), (progress) => void sent.push(progress));
    report(read(1));
    report({ ...read(1), phase: 'write' });
    report({ ...read(1), phase: 'write', what: 'disk 2' });
    report({ ...read(10), phase: 'write', what: 'disk 2' });
    assert.lengthOf(sent, 4);
  });
});

describe('PhaseWatch', () => {
  it('adds up what each phase took, failures included', async () => {
    const clock = handClock();
    const watch = new PhaseWatch(clock);
    await watch.during('read', () => {
      clock.advance(30);
      return Promise.resolve();
    });
    await watch
      .during('read', () => {
        clock.advance(10);
        return Promise.reject(new Error('no'));
      })
      .catch(() => undefined);
    watch.move('read', 'write', 15);
    assert.deepEqual(watch.times, { read: 25, write: 15 });
  });

  it('never moves more than there is', () => {
    const watch = new PhaseWatch(handClock());
    watch.add('read', 5);
    watch.move('read', 'write', 50);
    assert.deepEqual(watch.times, { read: 0, write: 5 });
  });
});
