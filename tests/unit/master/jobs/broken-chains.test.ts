import { assert } from 'chai';
import { brokenChains } from '../../../../master/jobs/broken-chains.ts';

/** Each point with its base; `-` for a full. */
function brokenAmong(links: Record<string, string>): [string, string][] {
  const baseOf = (id: string): string | null | undefined => (links[id] === '-' ? null : links[id]);
  return [...brokenChains(Object.keys(links), { baseOf })];
}

describe('brokenChains', () => {
  it('finds nothing wrong with whole chains', () => {
    assert.isEmpty(brokenAmong({ a: '-', b: 'a', c: 'b', d: 'a', e: '-' }));
  });

  it('names what every point above a gap lacks', () => {
    assert.deepEqual(brokenAmong({ a: '-', c: 'b', d: 'c', e: 'a' }), [
      ['c', 'b'],
      ['d', 'b'],
    ]);
  });

  it('ends at savesets that name each other', () => {
    const broken = brokenAmong({ a: 'c', b: 'a', c: 'b', d: 'd', e: '-' });
    assert.deepEqual(
      broken.map(([savesetId]) => savesetId),
      ['a', 'b', 'c', 'd'],
    );
  });

  it('walks a long chain once', () => {
    const links: Record<string, string> = { p0: '-' };
    for (let i = 1; i < 20_000; i++) links[`p${i}`] = `p${i - 1}`;
    let asked = 0;
    const baseOf = (id: string): string | null => {
      asked++;
      return links[id] === '-' ? null : (links[id] ?? null);
    };
    assert.isEmpty([...brokenChains(Object.keys(links).reverse(), { baseOf })]);
    assert.equal(asked, 20_000);
  });
});
