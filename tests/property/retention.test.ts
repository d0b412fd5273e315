/** Laws of retention over any points, chains and rules. */
import { assert } from 'chai';
import fc from 'fast-check';
import { type RetainedPoint, planRetention } from '../../master/retention/plan-retention.ts';
import { type RetentionPolicy } from '../../shared/domain/retention.ts';

const NOW = Date.parse('2026-05-10T12:00:00.000Z');
const DAY_MS = 86_400_000;

interface Drawn {
  readonly ageDays: number;
  /** How far back the base is in the list; none for a full. */
  readonly base: number | null;
  readonly isVerified: boolean;
  readonly isPinned: boolean;
  readonly isUsed: boolean;
  readonly isAway: boolean;
}

const drawn = fc.array(
  fc.record<Drawn>({
    ageDays: fc.double({ min: -2, max: 900, noNaN: true }),
    base: fc.option(fc.integer({ min: 1, max: 4 })),
    isVerified: fc.boolean(),
    isPinned: fc.boolean(),
    isUsed: fc.boolean(),
    isAway: fc.boolean(),
  }),
  { maxLength: 40 },
);
const amount = fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined });
const policy: fc.Arbitrary<RetentionPolicy> = fc.record({
  last: amount,
  within: fc.option(fc.constantFrom('12h', '30d', '8w', '60w'), { nil: undefined }),
  daily: amount,
  weekly: amount,
  monthly: amount,
  yearly: amount,
});

/** Bases come from anywhere in the list, so that clocks that went back are among the cases. */
function pointsOf(all: readonly Drawn[]): readonly RetainedPoint[] {
  return all.map((one, i) => ({
    savesetId: `p${i}`,
    baseId: one.base === null || i < one.base ? null : `p${i - one.base}`,
    createdAt: new Date(NOW - one.ageDays * DAY_MS).toISOString(),
    verifiedAt: one.isVerified ? 't' : null,
    pinNote: one.isPinned ? '' : null,
  }));
}

function keptBy(rules: RetentionPolicy, all: readonly Drawn[], points: readonly RetainedPoint[]) {
  const ids = (test: (one: Drawn) => boolean) => all.flatMap((one, i) => (test(one) ? [`p${i}`] : []));
  const away = new Set(ids((one) => one.isAway));
  const verdicts = planRetention(points, {
    policy: rules,
    nowMs: NOW,
    inUse: new Map(ids((one) => one.isUsed).map((id) => [id, 1])),
    whyLeft: ({ savesetId }) => (away.has(savesetId) ? 'left' : undefined),
  });
  for (const { reasons } of verdicts) assert.isNotEmpty(reasons);
  assert.sameMembers(
    verdicts.map(({ point }) => point),
    [...points],
  );
  return new Set(verdicts.filter(({ keep }) => keep).map(({ point }) => point.savesetId));
}

describe('planRetention, whatever the points and rules', () => {
  it('never keeps a point without its base', () => {
    fc.assert(
      fc.property(drawn, policy, (all, rules) => {
        const points = pointsOf(all);
        const kept = keptBy(rules, all, points);
        for (const { savesetId, baseId } of points) {
          if (kept.has(savesetId) && baseId !== null)
            assert.isTrue(kept.has(baseId), `${savesetId} needs ${baseId}`);
        }
      }),
    );
  });

  it('keeps the newest, the last verified, pins, what is in use and what is away', () => {
    fc.assert(
      fc.property(drawn, policy, (all, rules) => {
        const points = pointsOf(all);
        const kept = keptBy(rules, all, points);
        const times = points.map(({ createdAt }) => createdAt).sort();
        const verified = points.filter(({ verifiedAt }) => verifiedAt !== null);
        const lastVerified = verified.map(({ createdAt }) => createdAt).sort();
        const isKeptOf = (time: string | undefined, among: readonly RetainedPoint[]): boolean =>
          time === undefined || among.some((point) => point.createdAt === time && kept.has(point.savesetId));
        assert.isTrue(isKeptOf(times.at(-1), points));
        assert.isTrue(isKeptOf(lastVerified.at(-1), verified));
        for (const [i, one] of all.entries()) {
          if (one.isPinned || one.isUsed || one.isAway) assert.isTrue(kept.has(`p${i}`));
        }
      }),
    );
  });

  it('deletes nothing more when it is planned again after the deletion', () => {
    fc.assert(
      fc.property(drawn, policy, (all, rules) => {
        const points = pointsOf(all);
        const kept = keptBy(rules, all, points);
        const left = points.filter(({ savesetId }) => kept.has(savesetId));
        assert.deepEqual(keptBy(rules, all, left), kept);
      }),
    );
  });

  it('never deletes more for one rule more', () => {
    const rule = fc.constantFrom('last', 'within', 'daily', 'weekly', 'monthly', 'yearly');
    fc.assert(
      fc.property(drawn, policy, policy, rule, (all, rules, others, added) => {
        const some = { ...rules, last: rules.last ?? 1 };
        fc.pre(some[added] === undefined || added === 'last');
        const before = keptBy(some, all, pointsOf(all));
        const after = keptBy({ ...some, [added]: added === 'last' ? 20 : others[added] }, all, pointsOf(all));
        for (const id of before) assert.isTrue(after.has(id), id);
      }),
    );
  });
});
