import { assert } from 'chai';
import fc from 'fast-check';
import {
  type Extent,
  type ExtentSet,
  closeGaps,
  coarsen,
  complement,
  covers,
  cutOut,
  intersect,
  normalize,
  slice,
  subtract,
  totalLength,
  union,
  wholeOf,
  widen,
} from '../../../shared/domain/extent.ts';

const CAPACITY = 96;
const anyExtents = fc.array(fc.record({ start: fc.nat(80), length: fc.nat(12) }), { maxLength: 10 });
const anySet = anyExtents.map(normalize);

/** The bytes of a list, as a set of numbers: the model that the algebra is measured by. */
function bytesOf(extents: readonly Extent[]): Set<number> {
  const bytes = new Set<number>();
  for (const { start, length } of extents) for (let i = 0; i < length; i++) bytes.add(start + i);
  return bytes;
}

function assertIs(actual: ExtentSet, expected: (byte: number) => boolean): void {
  const wanted = Array.from({ length: CAPACITY }, (_, i) => i).filter(expected);
  assert.deepEqual([...bytesOf(actual)], wanted);
  assert.deepEqual(normalize(actual), actual, 'sorted, disjoint and apart');
}

describe('normalize', () => {
  it('holds the bytes of what it was given, sorted and apart', () => {
    fc.assert(
      fc.property(anyExtents, (extents) => assertIs(normalize(extents), (i) => bytesOf(extents).has(i))),
    );
  });
});

describe('union, intersect, subtract, complement', () => {
  it('are what they are for sets of bytes', () => {
    fc.assert(
      fc.property(anySet, anySet, (a, b) => {
        const [inA, inB] = [bytesOf(a), bytesOf(b)];
        assertIs(union(a, b), (i) => inA.has(i) || inB.has(i));
        assertIs(intersect(a, b), (i) => inA.has(i) && inB.has(i));
        assertIs(subtract(a, b), (i) => inA.has(i) && !inB.has(i));
        assertIs(complement(a, CAPACITY), (i) => !inA.has(i));
      }),
    );
  });
});

describe('wholeOf', () => {
  it('is empty for a disk of no bytes', () => {
    assert.deepEqual(wholeOf(0), []);
    assert.equal(totalLength(wholeOf(7)), 7);
  });
});

describe('widen', () => {
  it('takes each grain that is touched, up to the capacity', () => {
    fc.assert(
      fc.property(anySet, fc.integer({ min: 1, max: 9 }), (a, grain) => {
        const grains = new Set([...bytesOf(a)].map((byte) => Math.floor(byte / grain)));
        assertIs(widen(a, grain, CAPACITY), (i) => grains.has(Math.floor(i / grain)));
      }),
    );
  });
});

describe('coarsen', () => {
  const set = [
    { start: 0, length: 10 },
    { start: 4000, length: 10 },
    { start: 20_000, length: 10 },
    { start: 100_000, length: 10 },
  ];

  it('leaves a set that is small enough as it is', () => assert.strictEqual(coarsen(set, 4), set));

  for (const [maxCount, expected] of [
    [3, [4010, 10, 10]],
    [2, [20_010, 10]],
    [1, [100_010]],
    [0, [100_010]],
  ] as const) {
    it(`closes the smallest gaps first, down to ${maxCount}`, () => {
      const coarser = coarsen(set, maxCount);
      assert.deepEqual(
        coarser.map(({ length }) => length),
        [...expected],
      );
      assert.deepEqual(subtract(set, coarser), []);
    });
  }
});

describe('cutOut', () => {
  it('counts from the beginning of the part', () => {
    const set = [
      { start: 5, length: 10 },
      { start: 20, length: 10 },
    ];
    assert.deepEqual(cutOut(set, { start: 10, length: 12 }), [
      { start: 0, length: 5 },
      { start: 10, length: 2 },
    ]);
  });
});

describe('closeGaps', () => {
  it('joins over gaps up to the limit and no larger ones', () => {
    const set = [
      { start: 0, length: 2 },
      { start: 4, length: 2 },
      { start: 9, length: 1 },
    ];
    assert.deepEqual(closeGaps(set, 2), [
      { start: 0, length: 6 },
      { start: 9, length: 1 },
    ]);
    assert.deepEqual(closeGaps([], 2), []);
  });
});

describe('slice and covers', () => {
  it('see the part of a range that is in the set', () => {
    fc.assert(
      fc.property(anySet, fc.nat(95), fc.nat(30), (a, start, length) => {
        const inside = bytesOf(a);
        const end = Math.min(CAPACITY, start + length);
        assertIs(slice(a, start, end), (i) => inside.has(i) && i >= start && i < end);
        const all = Array.from({ length: end - start }, (_, i) => start + i).every((i) => inside.has(i));
        assert.equal(covers(a, { start, length: end - start }), all);
      }),
    );
  });
});
