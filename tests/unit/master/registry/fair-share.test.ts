import { assert } from 'chai';
import fc from 'fast-check';
import { chooseClaim } from '../../../../master/registry/fair-share.ts';
import { type Lease, StreamRegistry } from '../../../../master/registry/stream-registry.ts';

describe('chooseClaim', () => {
  const cases = [
    { title: 'nobody when nobody asks', claims: [], winner: undefined },
    {
      title: 'the run that holds the fewest streams',
      claims: [
        { runId: 1, held: 2, servedAt: 1 },
        { runId: 2, held: 1, servedAt: 9 },
      ],
      winner: 2,
    },
    {
      title: 'among equals the one that was served longest ago',
      claims: [
        { runId: 1, held: 1, servedAt: 5 },
        { runId: 2, held: 1, servedAt: 3 },
      ],
      winner: 2,
    },
    {
      title: 'the older run when none was ever served',
      claims: [
        { runId: 8, held: 0, servedAt: 0 },
        { runId: 7, held: 0, servedAt: 0 },
      ],
      winner: 7,
    },
  ];
  for (const { title, claims, winner } of cases) {
    it(`chooses ${title}`, () => assert.equal(chooseClaim(claims)?.runId, winner));
  }
});

/** A device with `streams` whose runs always have more tasks; each step, one held stream comes to a task boundary. */
function simulate(streams: number, runs: readonly number[], picks: readonly number[]): number[] {
  const registry = new StreamRegistry();
  registry.setDevice('d', streams);
  const served: number[] = [];
  const leases: Lease[] = [];
  const lend = (): void => {
    while (registry.free('d') > 0) {
      const claims = runs.map((runId) => ({
        runId,
        held: registry.held('d', runId),
        servedAt: registry.servedAt('d', runId),
      }));
      const lease = registry.lend('d', chooseClaim(claims)!.runId);
      registry.serve(lease, served.push(lease.runId));
      leases.push(lease);
      assert.isAtMost(registry.leasesOf('d').length, streams);
    }
  };
  lend();
  for (const pick of picks) {
    const [lease] = leases.splice(pick % leases.length, 1);
    registry.giveBack(lease!);
    lend();
  }
  return served;
}

describe('fair share over many turns', () => {
  const input = fc.record({
    streams: fc.integer({ min: 1, max: 6 }),
    runs: fc.integer({ min: 1, max: 5 }),
    picks: fc.array(fc.nat(100), { minLength: 40, maxLength: 120 }),
  });

  it('never lends more than the device has, and serves every run before another has had its turn twice over', () => {
    const property = fc.property(input, ({ streams, runs, picks }) => {
      const ids = Array.from({ length: runs }, (_x, i) => i + 1);
      const served = simulate(streams, ids, picks);
      const window = (runs + 1) * (streams + 1);
      for (let start = 0; start + window <= served.length; start++) {
        const seen = new Set(served.slice(start, start + window));
        if (streams === 1) assert.equal(seen.size, runs, `no run starves: ${served.join(' ')}`);
      }
      const first = served.slice(0, Math.max(runs, streams) + runs * streams);
      assert.equal(new Set(first).size, runs);
    });
    fc.assert(property, { numRuns: 200 });
  });
});

describe('StreamRegistry', () => {
  it('counts free streams, and giving back twice is harmless', () => {
    const registry = new StreamRegistry();
    registry.setDevice('d', 2);
    const lease = registry.lend('d', 1);
    assert.equal(registry.free('d'), 1);
    registry.giveBack(lease);
    registry.giveBack(lease);
    assert.equal(registry.free('d'), 2);
  });

  it('refuses to lend more than there is', () => {
    const registry = new StreamRegistry();
    registry.setDevice('d', 1);
    registry.lend('d', 1);
    assert.throws(() => registry.lend('d', 2), /no stream is free/);
    assert.throws(() => registry.lend('unknown', 2), /no stream is free/);
    assert.throws(() => registry.removeDevice('d'), /streams are held/);
  });

  it('has nothing free while more is held than a smaller number allows', () => {
    const registry = new StreamRegistry();
    registry.setDevice('d', 2);
    registry.lend('d', 1);
    registry.lend('d', 1);
    registry.setDevice('d', 1);
    assert.equal(registry.free('d'), 0);
  });

  it('forgets the turns of a run that is done', () => {
    const registry = new StreamRegistry();
    registry.setDevice('d', 1);
    registry.giveBack(registry.lend('d', 1));
    assert.isAbove(registry.servedAt('d', 1), 0);
    registry.forgetRun(1);
    assert.equal(registry.servedAt('d', 1), 0);
  });
});
