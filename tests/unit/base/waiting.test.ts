import { assert } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { cancelled, isCancel, withDeadline } from '../../../shared/base/abort.ts';
import { Semaphore, deferred, mapLimit } from '../../../shared/base/async.ts';
import { isoTime, systemClock } from '../../../shared/base/clock.ts';
import { DisposeStack } from '../../../shared/base/dispose.ts';
import { AppError, hasCode } from '../../../shared/base/errors.ts';

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('systemClock', () => {
  it('counts on while it sleeps', async () => {
    const [wall, steady] = [systemClock.nowMs(), systemClock.monotonicMs()];
    await systemClock.sleep(5);
    assert.isAtLeast(systemClock.nowMs(), wall);
    assert.isAbove(systemClock.monotonicMs(), steady);
  });

  it('wakes with the reason of the signal', async () => {
    const stop = new AbortController();
    const error = new AppError('CANCELLED', 'Stop');
    const sleeping = failureOf(systemClock.sleep(60_000, stop.signal));
    stop.abort(error);
    assert.equal(await sleeping, error);
    assert.equal(await failureOf(systemClock.sleep(60_000, stop.signal)), error);
  });

  it('ticks until it is disposed', async () => {
    let ticks = 0;
    const enough = deferred<undefined>();
    const timer = systemClock.every(1, () => {
      if (++ticks === 3) enough.resolve(undefined);
    });
    const alive = sleep(5_000, undefined, { ref: true });
    await Promise.race([enough.promise, alive]);
    timer[Symbol.dispose]();
    const counted = ticks;
    await sleep(10);
    assert.equal(ticks, counted);
    assert.isAtLeast(counted, 3);
  });
});

describe('isoTime', () => {
  it('is UTC with milliseconds', () => assert.equal(isoTime(1_000_000_000_001), '2001-09-09T01:46:40.001Z'));
});

describe('withDeadline', () => {
  it('aborts with the error that was asked for', async () => {
    using deadline = withDeadline(5, 'VSPHERE_TIMEOUT', 'Reading');
    await failureOf(sleep(5_000, undefined, { signal: deadline.signal }));
    assert.isTrue(hasCode(deadline.signal.reason, 'VSPHERE_TIMEOUT'));
  });

  it('aborts with the reason of the outer signal', () => {
    const outer = new AbortController();
    using deadline = withDeadline(60_000, 'VSPHERE_TIMEOUT', 'Reading', outer.signal);
    assert.isFalse(deadline.signal.aborted);
    outer.abort(cancelled('All'));
    assert.isTrue(isCancel(deadline.signal.reason));
  });
});

describe('isCancel', () => {
  for (const [what, error, expected] of [
    ['a cancel', cancelled('It'), true],
    ['an abort', Object.assign(new Error('x'), { name: 'AbortError' }), true],
    ['another AppError', new AppError('DEVICE_FULL', 'Full'), false],
    ['another error', new Error('x'), false],
    ['a text', 'AbortError', false],
  ] as const) {
    it(`is ${String(expected)} for ${what}`, () => assert.equal(isCancel(error), expected));
  }
});

describe('deferred', () => {
  it('is settled from outside', async () => {
    const no = deferred<number>();
    no.reject(new Error('no'));
    assert.instanceOf(await failureOf(no.promise), Error);
  });
});

describe('mapLimit', () => {
  it('keeps the order, and runs no more at a time than it may', async () => {
    let running = 0;
    let most = 0;
    const results = await mapLimit([5, 1, 3, 2, 4], 2, async (item, index) => {
      most = Math.max(most, ++running);
      await sleep(item);
      running--;
      return item * 10 + index;
    });
    assert.deepEqual(results, [50, 11, 32, 23, 44]);
    assert.equal(most, 2);
  });

  it('starts nothing new after a failure, and waits for what runs', async () => {
    const started: number[] = [];
    let ended = 0;
    const error = await failureOf(
      mapLimit([0, 1, 2, 3], 2, async (item) => {
        started.push(item);
        if (item === 0) throw new Error('first');
        await sleep(5);
        ended++;
      }),
    );
    assert.equal((error as Error).message, 'first');
    assert.deepEqual(started, [0, 1]);
    assert.equal(ended, 1);
  });

  it('has nothing to do for no items', async () =>
    assert.deepEqual(await mapLimit([], 3, () => Promise.resolve(1)), []));
});

describe('Semaphore', () => {
  it('lets so many in, the others in order, and takes a place back once', async () => {
    const gate = new Semaphore(1);
    const order: string[] = [];
    const first = await gate.acquire();
    const others = ['b', 'c'].map(async (name) => {
      const place = await gate.acquire();
      order.push(name);
      place[Symbol.dispose]();
    });
    order.push('a');
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await Promise.all(others);
    assert.deepEqual(order, ['a', 'b', 'c']);
  });
});

describe('DisposeStack', () => {
  it('closes the last first, all of them, and throws the first failure', async () => {
    const closed: string[] = [];
    const stack = new DisposeStack();
    stack.use({ [Symbol.dispose]: () => void closed.push('a') });
    for (const name of ['b', 'c']) {
      stack.use({
        [Symbol.asyncDispose]: () => {
          closed.push(name);
          return Promise.reject(new Error(name));
        },
      });
    }
    const error = await failureOf(stack[Symbol.asyncDispose]());
    assert.deepEqual(closed, ['c', 'b', 'a']);
    assert.equal((error as Error).message, 'c');
  });

  it('hands everything over when it is moved', async () => {
    const closed: string[] = [];
    const stack = new DisposeStack();
    stack.use({ [Symbol.dispose]: () => void closed.push('a') });
    const moved = stack.move();
    await stack[Symbol.asyncDispose]();
    assert.deepEqual(closed, []);
    await moved[Symbol.asyncDispose]();
    assert.deepEqual(closed, ['a']);
  });
});
