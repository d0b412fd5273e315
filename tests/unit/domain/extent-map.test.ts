import { assert } from 'chai';
import fc from 'fast-check';
import { hasCode } from '../../../shared/base/errors.ts';
import {
  type ExtentKind,
  type ExtentMap,
  buildExtentMap,
  bytesOf,
  checkExtentMap,
  overlay,
  select,
} from '../../../shared/domain/extent-map.ts';
import { normalize } from '../../../shared/domain/extent.ts';

const CAPACITY = 64;
const kinds: readonly ExtentKind[] = ['data', 'zero', 'free', 'same'];
const anySet = fc
  .array(fc.record({ start: fc.nat(70), length: fc.nat(12) }), { maxLength: 8 })
  .map(normalize);
const anyLayers = fc.array(fc.record({ kind: fc.constantFrom(...kinds), extents: anySet }), { maxLength: 4 });
const anyMap = fc
  .tuple(anyLayers, fc.constantFrom(...kinds))
  .map(([layers, rest]) => buildExtentMap(CAPACITY, layers, rest));

const bytes = (map: ExtentMap): ExtentKind[] =>
  map.runs.flatMap((run) => Array<ExtentKind>(run.length).fill(run.kind));

describe('buildExtentMap', () => {
  it('gives each byte the kind of the first layer that names it, else the rest', () => {
    fc.assert(
      fc.property(anyLayers, fc.constantFrom(...kinds), (layers, rest) => {
        const map = buildExtentMap(CAPACITY, layers, rest);
        checkExtentMap(map);
        bytes(map).forEach((kind, at) => {
          const layer = layers.find(({ extents }) =>
            extents.some(({ start, length }) => start <= at && at < start + length),
          );
          assert.equal(kind, layer?.kind ?? rest);
        });
      }),
    );
  });

  it('has no runs for a disk of no bytes', () => assert.deepEqual(buildExtentMap(0, [], 'zero').runs, []));
});

describe('select and bytesOf', () => {
  it('split the disk between the kinds', () => {
    fc.assert(
      fc.property(anyMap, (map) => {
        const sums = kinds.map((kind) => bytesOf(map, kind));
        assert.equal(
          sums.reduce((a, b) => a + b, 0),
          CAPACITY,
        );
        for (const kind of kinds) assert.deepEqual(select(map, kind), normalize(select(map, kind)));
      }),
    );
  });
});

describe('overlay', () => {
  it('shows what lies below where the newer map says same', () => {
    fc.assert(
      fc.property(anyMap, anyMap, (newer, older) => {
        const [above, below] = [bytes(newer), bytes(older)];
        const both = overlay(newer, older);
        checkExtentMap(both);
        assert.deepEqual(
          bytes(both),
          above.map((kind, i) => (kind === 'same' ? (below[i] ?? 'zero') : kind)),
        );
      }),
    );
  });

  it('is associative', () => {
    fc.assert(
      fc.property(anyMap, anyMap, anyMap, (a, b, c) => {
        assert.deepEqual(overlay(overlay(a, b), c), overlay(a, overlay(b, c)));
      }),
    );
  });

  it('takes what a shorter base does not have for zeros', () => {
    const newer = buildExtentMap(8, [], 'same');
    assert.deepEqual(
      bytes(overlay(newer, buildExtentMap(4, [], 'data'))).join(),
      'data,data,data,data,zero,zero,zero,zero',
    );
  });
});

describe('checkExtentMap', () => {
  for (const [what, runs] of [
    [
      'a gap',
      [
        [0, 4],
        [5, 3],
      ],
    ],
    [
      'an overlap',
      [
        [0, 5],
        [4, 4],
      ],
    ],
    [
      'an empty run',
      [
        [0, 0],
        [0, 8],
      ],
    ],
    ['an early end', [[0, 7]]],
    ['a late end', [[0, 9]]],
  ] as const) {
    it(`refuses ${what}`, () => {
      const map = {
        capacityBytes: 8,
        runs: runs.map(([start, length]) => ({ kind: 'data' as const, start, length })),
      };
      try {
        checkExtentMap(map);
        assert.fail('it passed');
      } catch (error) {
        assert.isTrue(hasCode(error, 'FORMAT_INVALID'));
      }
    });
  }
});
