import { assert } from 'chai';
import { AppError } from '../../../../shared/base/errors.ts';
import { KiB } from '../../../../shared/base/units.ts';
import { type ChangedAreas } from '../../../../shared/vsphere/changed-disk-areas.ts';
import {
  collectChangedAreas,
  isTrackingFailure,
  withRetries,
} from '../../../../worker/backup/changed-areas.ts';

const CAPACITY = 1024 * KiB;
const GRAIN = 64 * KiB;
const signal = new AbortController().signal;

/** Answers from a list, in order, whatever is asked. */
function answers(...windows: ChangedAreas[]): {
  ask: (start: number) => Promise<ChangedAreas>;
  asked: number[];
} {
  const asked: number[] = [];
  return {
    asked,
    ask: (start) => {
      asked.push(start);
      const window = windows.shift();
      return window === undefined ? Promise.reject(new Error('asked too often')) : Promise.resolve(window);
    },
  };
}

const window = (startOffset: number, length: number, ...areas: [number, number][]): ChangedAreas => ({
  startOffset,
  length,
  areas: areas.map(([start, areaLength]) => ({ start, length: areaLength })),
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
}

describe('collectChangedAreas', () => {
  it('asks from the end of each window until the disk is answered for', async () => {
    const { ask, asked } = answers(
      window(0, 10 * GRAIN, [GRAIN, GRAIN], [3 * GRAIN, GRAIN]),
      window(10 * GRAIN, 6 * GRAIN, [10 * GRAIN, GRAIN]),
    );
    assert.deepEqual(await collectChangedAreas(CAPACITY, ask, signal), [
      { start: GRAIN, length: GRAIN },
      { start: 3 * GRAIN, length: GRAIN },
      { start: 10 * GRAIN, length: GRAIN },
    ]);
    assert.deepEqual(asked, [0, 10 * GRAIN]);
  });

  it('goes on after an empty window in the middle', async () => {
    const { ask } = answers(window(0, 8 * GRAIN), window(8 * GRAIN, 8 * GRAIN, [15 * GRAIN, GRAIN]));
    assert.deepEqual(await collectChangedAreas(CAPACITY, ask, signal), [
      { start: 15 * GRAIN, length: GRAIN },
    ]);
  });

  it('joins areas that meet at the border of two windows', async () => {
    const { ask } = answers(
      window(0, 8 * GRAIN, [7 * GRAIN, GRAIN]),
      window(8 * GRAIN, 8 * GRAIN, [8 * GRAIN, GRAIN]),
    );
    assert.deepEqual(await collectChangedAreas(CAPACITY, ask, signal), [
      { start: 7 * GRAIN, length: 2 * GRAIN },
    ]);
  });

  const lies: readonly (readonly [string, ChangedAreas])[] = [
    ['a window that begins elsewhere', window(GRAIN, CAPACITY - GRAIN)],
    ['a window without length', window(0, 0)],
    ['a window that ends after the disk', window(0, CAPACITY + GRAIN)],
    ['areas out of order', window(0, CAPACITY, [3 * GRAIN, GRAIN], [GRAIN, GRAIN])],
    ['areas that overlap', window(0, CAPACITY, [0, 2 * GRAIN], [GRAIN, GRAIN])],
    ['an area outside its window', window(0, 4 * GRAIN, [5 * GRAIN, GRAIN])],
    ['an area without length', window(0, CAPACITY, [GRAIN, 0])],
  ];
  for (const [what, lie] of lies) {
    it(`refuses ${what}`, async () => {
      assert.equal(
        await codeOf(collectChangedAreas(CAPACITY, answers(lie).ask, signal)),
        'CBT_ANSWER_INVALID',
      );
    });
  }

  it('stops when it is cancelled', async () => {
    const cancelled = AbortSignal.abort(new AppError('CANCELLED', 'Stop'));
    assert.equal(await codeOf(collectChangedAreas(CAPACITY, answers().ask, cancelled)), 'CANCELLED');
  });
});

describe('withRetries', () => {
  const clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    sleep: () => Promise.resolve(),
    every: () => ({ [Symbol.dispose]: () => undefined }),
  };

  it('tries a tracking failure three times, then gives it on', async () => {
    let calls = 0;
    const work = (): Promise<never> => {
      calls++;
      return Promise.reject(new AppError('VSPHERE_FILE_FAULT', 'No'));
    };
    assert.equal(await codeOf(withRetries(work, clock, signal)), 'VSPHERE_FILE_FAULT');
    assert.equal(calls, 3);
  });

  it('gives what a later try answers', async () => {
    let calls = 0;
    const work = (): Promise<string> =>
      ++calls === 1 ? Promise.reject(new AppError('CBT_ANSWER_INVALID', 'No')) : Promise.resolve('yes');
    assert.equal(await withRetries(work, clock, signal), 'yes');
  });

  it('does not repeat what another try cannot mend', async () => {
    let calls = 0;
    const work = (): Promise<never> => {
      calls++;
      return Promise.reject(new AppError('VSPHERE_OBJECT_GONE', 'Gone'));
    };
    assert.equal(await codeOf(withRetries(work, clock, signal)), 'VSPHERE_OBJECT_GONE');
    assert.equal(calls, 1);
  });
});

describe('isTrackingFailure', () => {
  it('takes faults of tracking, and nothing that concerns the VM or the session', () => {
    assert.isTrue(isTrackingFailure(new AppError('VSPHERE_FILE_FAULT', 'x')));
    assert.isFalse(isTrackingFailure(new AppError('VSPHERE_OBJECT_GONE', 'x')));
    assert.isFalse(isTrackingFailure(new AppError('VSPHERE_UNREACHABLE', 'x')));
    assert.isFalse(isTrackingFailure(new AppError('CANCELLED', 'x')));
  });
});
