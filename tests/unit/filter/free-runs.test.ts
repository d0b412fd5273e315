import { assert } from 'chai';
import { createBitmapScan } from '../../../worker/filter/free-runs.ts';

function scan(clusters: number, bytes: readonly number[], maxRuns?: number) {
  const bitmap = createBitmapScan(clusters, maxRuns);
  bitmap.add(Uint8Array.from(bytes));
  return bitmap.finish();
}

describe('createBitmapScan', () => {
  it('finds clear bits, the lowest bit first', () => {
    assert.deepEqual(scan(8, [0b11100101]), {
      runs: [
        { start: 1, length: 1 },
        { start: 3, length: 2 },
      ],
      count: 3,
    });
  });

  it('joins across words and pieces', () => {
    const bitmap = createBitmapScan(96);
    bitmap.add(Uint8Array.from([0xff, 0xff, 0xff, 0x7f]));
    bitmap.add(Uint8Array.from([0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff]));
    assert.deepEqual(bitmap.finish(), { runs: [{ start: 31, length: 34 }], count: 34 });
  });

  for (const clusters of [1, 7, 31, 32, 33, 63, 64]) {
    it(`takes bits past cluster ${clusters} as used`, () => {
      assert.deepEqual(scan(clusters, Array<number>(8).fill(0)), {
        runs: [{ start: 0, length: clusters }],
        count: clusters,
      });
    });
  }

  it('finds nothing in a full volume', () => {
    assert.deepEqual(scan(40, Array<number>(8).fill(0xff)), { runs: [], count: 0 });
  });

  it('gives up the shortest runs when there are too many, and still counts them', () => {
    const many = [0b10101010, 0b10101010, 0, 0, 0b11110011, 0xff];
    const { runs, count } = scan(48, many, 2);
    assert.deepEqual(runs, [
      { start: 16, length: 16 },
      { start: 34, length: 2 },
    ]);
    assert.equal(count, 26);
  });
});
