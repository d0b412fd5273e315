/**
 * How long restore points are kept: the policy of a job, and its durations as text. What follows from a policy for given
 * points is master/retention's.
 */

/** A point is kept when one of the rules wants it; without any rule everything is kept. */
export interface RetentionPolicy {
  /** The newest points. */
  readonly last?: number | undefined;
  /** Points that are younger: `12h`, `30d`, `8w`. */
  readonly within?: string | undefined;
  /** The newest point of each of the latest days that have one; days, weeks (ISO), months and years are those of UTC. */
  readonly daily?: number | undefined;
  readonly weekly?: number | undefined;
  readonly monthly?: number | undefined;
  readonly yearly?: number | undefined;
}

export const retentionRules = ['last', 'within', 'daily', 'weekly', 'monthly', 'yearly'] as const;

/** A whole number from 1 to 9999 and its unit: hours, days or weeks. */
export const AGE_PATTERN = /^[1-9]\d{0,3}[hdw]$/;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;

/** Milliseconds of a text that fits `AGE_PATTERN`; undefined for any other. */
export function ageMs(text: string): number | undefined {
  if (!AGE_PATTERN.test(text)) return undefined;
  const amount = Number(text.slice(0, -1));
  if (text.endsWith('h')) return amount * HOUR_MS;
  return amount * (text.endsWith('d') ? DAY_MS : WEEK_MS);
}

/** Whether the policy keeps less than everything. */
export function hasRules(policy: RetentionPolicy): boolean {
  return retentionRules.some((rule) => policy[rule] !== undefined);
}

/** `last 7, within 30d, daily 14`; `everything` where there is no rule. */
export function policyText(policy: RetentionPolicy | undefined): string {
  if (policy === undefined || !hasRules(policy)) return 'everything';
  return retentionRules
    .filter((rule) => policy[rule] !== undefined)
    .map((rule) => `${rule} ${policy[rule]}`)
    .join(', ');
}

export type Period = 'day' | 'week' | 'month' | 'year';

/** The period of UTC that a time is in: `2026-05-01`, `2026-W18`, `2026-05`, `2026`. */
export function periodOf(period: Period, atMs: number): string {
  const iso = new Date(atMs).toISOString();
  const month = iso.slice(0, iso.indexOf('T') - 3);
  switch (period) {
    case 'day':
      return iso.slice(0, iso.indexOf('T'));
    case 'week':
      return isoWeek(atMs);
    case 'month':
      return month;
    case 'year':
      return month.slice(0, -3);
  }
}

/** ISO 8601: weeks begin on Monday, and a week is of the year that its Thursday is in. */
function isoWeek(atMs: number): string {
  const daysFromMonday = (new Date(atMs).getUTCDay() + 6) % 7;
  const thursday = new Date(atMs + (3 - daysFromMonday) * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / WEEK_MS) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}
