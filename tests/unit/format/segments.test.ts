import { assert } from 'chai';
import { segmentCount, segmentsOf } from '../../../shared/format/segments.ts';

describe('segmentsOf', () => {
  const cases: [number, number[]][] = [
    [0, []],
    [1, [1]],
    [100, [100]],
    [101, [100, 1]],
    [250, [100, 100, 50]],
  ];
  for (const [capacity, lengths] of cases) {
    it(`cuts ${capacity} bytes into ${lengths.length} segments of 100`, () => {
      const segments = [...segmentsOf(capacity, 100)];
      assert.deepEqual(
        segments,
        lengths.map((length, i) => ({ start: i * 100, length })),
      );
      assert.equal(segmentCount(capacity, 100), lengths.length);
    });
  }
});
