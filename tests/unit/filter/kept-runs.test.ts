import { assert } from 'chai';
import fc from 'fast-check';
import { complement, intersect, normalize, subtract } from '../../../shared/domain/extent.ts';
import { createKeptRuns } from '../../../worker/filter/kept-runs.ts';

const free = [
  { start: 10, length: 10 },
  { start: 40, length: 5 },
];

function kept(...ranges: readonly (readonly [number, number])[]) {
  const runs = createKeptRuns(free);
  for (const [start, end] of ranges) runs.add(start, end);
  return runs.list();
}

describe('createKeptRuns', () => {
  const cases: readonly [string, readonly [number, number], boolean][] = [
    ['before all free runs', [0, 10], false],
    ['up to the first free unit', [0, 11], true],
    ['inside a free run', [12, 13], true],
    ['the last free unit', [19, 30], true],
    ['between free runs', [20, 40], false],
    ['behind all free runs', [45, 100], false],
    ['over all of them', [0, 100], true],
    ['nothing', [12, 12], false],
  ];
  for (const [name, range, isKept] of cases) {
    it(`${isKept ? 'takes' : 'ignores'} a range ${name}`, () => {
      const expected = isKept ? [{ start: range[0], length: range[1] - range[0] }] : [];
      assert.deepEqual(kept(range), expected);
    });
  }

  it('joins ranges that overlap or touch', () => {
    assert.deepEqual(kept([14, 16], [10, 12], [12, 15]), [{ start: 10, length: 6 }]);
  });

  it('keeps all that was added and is free, however few runs it may hold', () => {
    const extent = fc.record({ start: fc.nat(500), length: fc.integer({ min: 1, max: 20 }) });
    fc.assert(
      fc.property(fc.array(extent), fc.array(extent), fc.integer({ min: 1, max: 8 }), (used, added, most) => {
        const isFree = complement(normalize(used), 600);
        const runs = createKeptRuns(isFree, most);
        for (const { start, length } of added) runs.add(start, start + length);
        const list = runs.list();
        assert.isAtMost(list.length, most);
        assert.deepEqual(subtract(intersect(isFree, normalize(added)), list), []);
      }),
    );
  });
});
