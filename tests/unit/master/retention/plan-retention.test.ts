import { assert } from 'chai';
import {
  type RetainedPoint,
  type RetentionInput,
  planRetention,
} from '../../../../master/retention/plan-retention.ts';

const NOW = Date.parse('2026-05-10T12:00:00.000Z');

/** A point of this day (`05-01`) or time; its id is the text. */
function at(time: string, more: Partial<RetainedPoint> = {}): RetainedPoint {
  const day = time.length === 5 ? `2026-${time}T20:00:00.000Z` : time;
  return { savesetId: time, baseId: null, createdAt: day, verifiedAt: null, pinNote: null, ...more };
}

function plan(points: readonly RetainedPoint[], input: Partial<RetentionInput> = {}) {
  const verdicts = planRetention(points, {
    policy: { last: 1 },
    nowMs: NOW,
    inUse: new Map(),
    whyLeft: () => undefined,
    ...input,
  });
  return {
    kept: verdicts.filter(({ keep }) => keep).map(({ point }) => point.savesetId),
    reasons: Object.fromEntries(verdicts.map(({ point, reasons }) => [point.savesetId, reasons.join('; ')])),
  };
}

const days = ['05-10', '05-09', '05-08', '05-07', '05-06', '05-05', '05-04', '05-03'].map((day) => at(day));
/** Sundays of nine weeks. */
const weeks = ['05-10', '05-03', '04-26', '04-19', '04-12', '04-05', '03-29', '03-22', '03-15'].map((day) =>
  at(day),
);

describe('planRetention', () => {
  const rules: readonly (readonly [string, RetentionInput['policy'], readonly RetainedPoint[], string[]])[] =
    [
      ['the last ones', { last: 3 }, days, ['05-10', '05-09', '05-08']],
      ['what is younger', { within: '2d' }, days, ['05-10', '05-09', '05-08']],
      ['what is exactly as old', { within: '16h' }, days, ['05-10', '05-09']],
      ['a point per day', { daily: 2 }, days, ['05-10', '05-09']],
      ['a point per week, the newest', { weekly: 2 }, days, ['05-10', '05-03']],
      ['a point per month', { monthly: 3 }, weeks, ['05-10', '04-26', '03-29']],
      ['the newest of the year', { yearly: 5 }, weeks, ['05-10']],
      ['what any rule wants', { last: 1, weekly: 2, monthly: 2 }, weeks, ['05-10', '05-03', '04-26']],
    ];
  for (const [what, policy, points, kept] of rules) {
    it(`keeps ${what}`, () => assert.deepEqual(plan(points, { policy }).kept, kept));
  }

  it('counts days that have a point, not days of the calendar', () => {
    const points = [at('05-10'), at('04-01'), at('03-01'), at('02-01')];
    assert.deepEqual(plan(points, { policy: { daily: 3 } }).kept, ['05-10', '04-01', '03-01']);
  });

  it('keeps of a day the newest point, in UTC', () => {
    const [late, early] = ['2026-05-09T23:59:00.000Z', '2026-05-09T00:00:00.000Z'];
    const next = '2026-05-10T00:30:00.000Z';
    assert.deepEqual(plan([at(early), at(late), at(next)], { policy: { daily: 2 } }).kept, [next, late]);
  });

  it('says why, rule by rule', () => {
    const { reasons } = plan(days.slice(0, 3), { policy: { last: 2, within: '1d', daily: 2, yearly: 1 } });
    assert.equal(
      reasons['05-10'],
      'one of the last 2; younger than 1d; newest of day 2026-05-10 (1 of 2); newest of year 2026 (1 of 1); newest point',
    );
    assert.equal(reasons['05-09'], 'one of the last 2; younger than 1d; newest of day 2026-05-09 (2 of 2)');
    assert.equal(reasons['05-08'], 'no rule keeps it');
  });

  for (const policy of [undefined, {}, { last: undefined }]) {
    it(`keeps everything without a rule (${Object.keys(policy ?? { none: 1 }).join('') || 'empty'})`, () => {
      const { kept, reasons } = plan(days, { policy });
      assert.lengthOf(kept, days.length);
      assert.include(reasons['05-03'], 'there is no rule');
      const why = plan(days, { policy, whyNoRules: 'job "x" keeps everything' });
      assert.equal(why.reasons['05-03'], 'job "x" keeps everything');
    });
  }

  it('keeps the newest point and the last verified one, whatever the rules say', () => {
    const points = [at('05-05'), at('05-04', { verifiedAt: 't' }), at('05-03', { verifiedAt: 'u' })];
    const { kept, reasons } = plan(points, { policy: { within: '1h' } });
    assert.deepEqual(kept, ['05-05', '05-04']);
    assert.deepEqual(reasons, {
      '05-05': 'newest point',
      '05-04': 'last verified point',
      '05-03': 'no rule keeps it',
    });
  });

  it('keeps pins, with their note', () => {
    const points = [at('05-05'), at('05-04', { pinNote: '' }), at('05-03', { pinNote: 'audit' })];
    const { reasons } = plan(points);
    assert.deepEqual([reasons['05-04'], reasons['05-03']], ['pinned', 'pinned: audit']);
  });

  it('keeps what an open run uses', () => {
    const { reasons } = plan([at('05-05'), at('05-04')], { inUse: new Map([['05-04', 41]]) });
    assert.equal(reasons['05-04'], 'in use by run 41');
  });

  it('keeps the chain of what it keeps, down to the full, and nothing above', () => {
    const points = [
      at('05-05', { baseId: '05-04' }),
      at('05-04', { baseId: '05-03' }),
      at('05-03', { baseId: '05-01' }),
      at('05-02', { baseId: '05-01' }),
      at('05-01'),
      at('04-30'),
    ];
    const { kept, reasons } = plan(points, { inUse: new Map([['05-03', 7]]), policy: { within: '1h' } });
    assert.deepEqual(kept, ['05-05', '05-04', '05-03', '05-01']);
    assert.equal(reasons['05-03'], 'in use by run 7; needed by point 05-04');
    assert.equal(reasons['05-01'], 'needed by point 05-03');
  });

  it('names one of many points that need a base', () => {
    const points = ['05-05', '05-04', '05-03'].map((day) => at(day, { baseId: '05-01' }));
    const { reasons } = plan([...points, at('05-01')], { policy: { last: 3 } });
    assert.equal(reasons['05-01'], 'needed by point 05-05 and 2 more');
  });

  it('leaves what cannot be deleted now, with its chain', () => {
    const points = [at('05-05'), at('05-04', { baseId: '05-03' }), at('05-03'), at('05-02')];
    const whyLeft = ({ savesetId }: RetainedPoint) => (savesetId === '05-04' ? 'left: away' : undefined);
    const { kept, reasons } = plan(points, { whyLeft });
    assert.deepEqual(kept, ['05-05', '05-04', '05-03']);
    assert.deepEqual([reasons['05-04'], reasons['05-03']], ['left: away', 'needed by point 05-04']);
  });

  it('does not ask whether a point can be deleted that is kept anyway', () => {
    const { reasons } = plan([at('05-05')], { whyLeft: () => 'left: away' });
    assert.equal(reasons['05-05'], 'one of the last 1; newest point');
  });

  it('bears a base that is not there, and points that name each other', () => {
    assert.deepEqual(plan([at('05-05', { baseId: 'gone' })]).kept, ['05-05']);
    const ring = [at('05-05', { baseId: '05-04' }), at('05-04', { baseId: '05-05' })];
    assert.deepEqual(plan(ring).kept, ['05-05', '05-04']);
  });

  it('has an order for points of the same moment, and none for no points', () => {
    const createdAt = '2026-05-01T00:00:00.000Z';
    const twins = [at('a', { createdAt }), at('b', { createdAt })];
    assert.deepEqual(plan(twins).kept, ['b']);
    assert.deepEqual(plan([...twins].reverse()).kept, ['b']);
    assert.deepEqual(plan([]).kept, []);
  });
});
