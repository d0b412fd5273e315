import { assert } from 'chai';
import { ageMs, hasRules, periodOf, policyText } from '../../../shared/domain/retention.ts';

const HOUR = 3_600_000;

describe('ageMs', () => {
  const table: readonly (readonly [string, number | undefined])[] = [
    ['1h', HOUR],
    ['30d', 30 * 24 * HOUR],
    ['8w', 8 * 7 * 24 * HOUR],
    ['9999w', 9999 * 7 * 24 * HOUR],
    ['0d', undefined],
    ['10000d', undefined],
    ['1.5d', undefined],
    ['3m', undefined],
    ['', undefined],
    ['d', undefined],
    [' 1d', undefined],
  ];
  for (const [text, ms] of table) {
    it(`makes ${String(ms)} of "${text}"`, () => assert.equal(ageMs(text), ms));
  }
});

describe('policyText', () => {
  it('names the rules in their order', () => {
    assert.equal(policyText({ daily: 14, within: '30d', last: 7 }), 'last 7, within 30d, daily 14');
    assert.equal(policyText({ weekly: 8, monthly: 12, yearly: 3 }), 'weekly 8, monthly 12, yearly 3');
  });

  it('says that everything is kept where there is no rule', () => {
    assert.equal(policyText(undefined), 'everything');
    assert.equal(policyText({ last: undefined }), 'everything');
    assert.isFalse(hasRules({}));
    assert.isTrue(hasRules({ yearly: 1 }));
  });
});

describe('periodOf', () => {
  const table = [
    { at: '2026-05-01T00:00:00.000Z', day: '2026-05-01', week: '2026-W18', month: '2026-05', year: '2026' },
    { at: '2026-05-01T23:59:59.999Z', day: '2026-05-01', week: '2026-W18', month: '2026-05', year: '2026' },
    // Sunday ends the week, Monday begins the next
    { at: '2026-05-03T12:00:00.000Z', day: '2026-05-03', week: '2026-W18', month: '2026-05', year: '2026' },
    { at: '2026-05-04T00:00:00.000Z', day: '2026-05-04', week: '2026-W19', month: '2026-05', year: '2026' },
    // the week of a year's first days may be the last of the year before, and the other way round
    { at: '2027-01-03T12:00:00.000Z', day: '2027-01-03', week: '2026-W53', month: '2027-01', year: '2027' },
    { at: '2024-12-30T12:00:00.000Z', day: '2024-12-30', week: '2025-W01', month: '2024-12', year: '2024' },
    { at: '2024-02-29T12:00:00.000Z', day: '2024-02-29', week: '2024-W09', month: '2024-02', year: '2024' },
  ];
  for (const { at, ...names } of table) {
    for (const [period, name] of Object.entries(names)) {
      it(`puts ${at} into ${period} ${name}`, () =>
        assert.equal(periodOf(period as keyof typeof names, Date.parse(at)), name));
    }
  }
});
