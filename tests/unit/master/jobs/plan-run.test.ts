import { assert } from 'chai';
import { type SavesetRecord } from '../../../../master/catalog/saveset-rows.ts';
import { chainOf } from '../../../../master/jobs/chain.ts';
import { planBase } from '../../../../master/jobs/plan-run.ts';
import { point } from '../../../support/points.ts';

const full = point('f');
const increment = point('i', { type: 'incremental', baseId: 'f' });

function sources(points: readonly SavesetRecord[], offline?: string) {
  const lookup = (id: string) => points.find((candidate) => candidate.savesetId === id);
  return {
    newest: (fullOnly: boolean) =>
      points.filter((candidate) => !fullOnly || candidate.type === 'full').at(-1),
    chain: (record: SavesetRecord) => chainOf(record, lookup),
    whyOffline: () => offline,
  };
}

describe('planBase', () => {
  const cases = [
    { asked: 'full', points: [full], type: 'full', base: null, reason: null },
    { asked: 'auto', points: [], type: 'full', base: null, reason: 'there is no point of this VM yet' },
    { asked: 'auto', points: [full, increment], type: 'incremental', base: 'i', reason: null },
    { asked: 'incremental', points: [full], type: 'incremental', base: 'f', reason: null },
    { asked: 'differential', points: [full, increment], type: 'differential', base: 'f', reason: null },
    {
      asked: 'differential',
      points: [],
      type: 'full',
      base: null,
      reason: 'there is no full of this VM yet',
    },
    { asked: 'auto', points: [increment], type: 'full', base: null, reason: 'the chain of i misses f' },
  ] as const;
  for (const { asked, points, type, base, reason } of cases) {
    it(`makes a ${type} on ${base ?? 'nothing'} of ${asked} with ${points.length} points`, () => {
      const plan = planBase(asked, sources(points));
      assert.deepEqual([plan.type, plan.base?.savesetId ?? null, plan.noBaseReason], [type, base, reason]);
    });
  }

  it('makes a full when a device of the chain is away', () => {
    const plan = planBase('auto', sources([full, increment], 'it is not mounted'));
    assert.deepEqual(plan, {
      type: 'full',
      base: null,
      noBaseReason: 'the base i cannot be read: it is not mounted',
    });
  });
});

describe('chainOf', () => {
  it('ends when two points name each other', () => {
    const a = point('a', { baseId: 'b' });
    const b = point('b', { baseId: 'a' });
    const chain = chainOf(a, (id) => (id === 'a' ? a : b));
    assert.isNotNull(chain.missing);
  });
});
