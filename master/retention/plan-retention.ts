/**
 * What retention keeps and deletes of the points of one VM and job, and why. Pure. Reasons come in three steps:
 *
 *   1. of the point itself   a rule wants it, it is pinned, in use, the newest, or the last that was verified
 *   2. of its chain          a kept point needs its base, and so on down to the full
 *   3. of its device         what no step before keeps is left all the same where it cannot be deleted now, with its chain
 *
 * What has no reason after that is deleted. Laws that tests/property/retention.test.ts holds it to: no kept point has a
 * deleted base; planning again after the deletion deletes nothing; another rule never deletes more.
 */
import {
  type Period,
  type RetentionPolicy,
  ageMs,
  hasRules,
  periodOf,
} from '../../shared/domain/retention.ts';

/** What planning asks of a point. */
export interface RetainedPoint {
  readonly savesetId: string;
  readonly baseId: string | null;
  readonly createdAt: string;
  readonly verifiedAt: string | null;
  /** The note of its pin, empty when it has none; null when it is not pinned. */
  readonly pinNote: string | null;
}

export interface Verdict<T extends RetainedPoint> {
  readonly point: T;
  readonly keep: boolean;
  /** Never empty. */
  readonly reasons: readonly string[];
}

export interface RetentionInput<T extends RetainedPoint = RetainedPoint> {
  /** Undefined, or without rules: everything is kept. */
  readonly policy: RetentionPolicy | undefined;
  readonly nowMs: number;
  /** Said of every point where there is no rule. */
  readonly whyNoRules?: string;
  /** Numbers of open runs by the id of the saveset that they use. */
  readonly inUse: ReadonlyMap<string, number>;
  /** Why a point that may be deleted cannot be now; undefined when it can. */
  readonly whyLeft: (point: T) => string | undefined;
}

const PERIODS: readonly (readonly ['daily' | 'weekly' | 'monthly' | 'yearly', Period])[] = [
  ['daily', 'day'],
  ['weekly', 'week'],
  ['monthly', 'month'],
  ['yearly', 'year'],
];

/** One verdict per point, newest first. */
export function planRetention<T extends RetainedPoint>(
  points: readonly T[],
  input: RetentionInput<T>,
): readonly Verdict<T>[] {
  const newestFirst = [...points].sort(byAge);
  const reasons: Reasons = new Map(newestFirst.map((point) => [point.savesetId, { own: [], neededBy: [] }]));
  const keep: Keep = (point, reason) => void reasons.get(point.savesetId)?.own.push(reason);
  keepByPolicy(newestFirst, input, keep);
  keepForSafety(newestFirst, input, keep);
  keepChains(newestFirst, reasons);
  const candidates = newestFirst.filter((point) => !isKept(point, reasons));
  for (const point of candidates) {
    const left = input.whyLeft(point);
    if (left !== undefined) keep(point, left);
  }
  keepChains(candidates, reasons);
  return newestFirst.map((point) => verdict(point, reasons));
}

type Rules = Omit<RetentionInput, 'whyLeft'>;

type Keep = (point: RetainedPoint, reason: string) => void;

interface Reason {
  readonly own: string[];
  /** Kept points that build on it directly. */
  readonly neededBy: string[];
}

type Reasons = ReadonlyMap<string, Reason>;

function verdict<T extends RetainedPoint>(point: T, reasons: Reasons): Verdict<T> {
  const { own = [], neededBy = [] } = reasons.get(point.savesetId) ?? {};
  if (!isKept(point, reasons)) return { point, keep: false, reasons: ['no rule keeps it'] };
  const [first, ...others] = neededBy;
  if (first === undefined) return { point, keep: true, reasons: own };
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  return { point, keep: true, reasons: [...own, `needed by point ${first}${more}`] };
}

function isKept(point: RetainedPoint, reasons: Reasons): boolean {
  const reason = reasons.get(point.savesetId);
  return reason !== undefined && reason.own.length + reason.neededBy.length > 0;
}

/** Newest first; of the same moment, the order of ids decides, so that it is always the same. */
function byAge(a: RetainedPoint, b: RetainedPoint): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? 1 : -1;
  return a.savesetId < b.savesetId ? 1 : -1;
}

function keepByPolicy(points: readonly RetainedPoint[], input: Rules, keep: Keep): void {
  const { policy, nowMs } = input;
  if (policy === undefined || !hasRules(policy)) {
    for (const point of points) keep(point, input.whyNoRules ?? 'there is no rule: everything is kept');
    return;
  }
  const { last = 0, within = '' } = policy;
  for (const point of points.slice(0, last)) keep(point, `one of the last ${last}`);
  const sinceMs = nowMs - (ageMs(within) ?? -Infinity);
  for (const point of points) {
    if (Date.parse(point.createdAt) >= sinceMs) keep(point, `younger than ${within}`);
  }
  for (const [rule, period] of PERIODS)
    keepNewestPerPeriod(points, { period, limit: policy[rule] ?? 0 }, keep);
}

function keepNewestPerPeriod(
  points: readonly RetainedPoint[],
  rule: { readonly period: Period; readonly limit: number },
  keep: Keep,
): void {
  const seen = new Set<string>();
  for (const point of points) {
    if (seen.size === rule.limit) return;
    const name = periodOf(rule.period, Date.parse(point.createdAt));
    if (seen.has(name)) continue;
    seen.add(name);
    keep(point, `newest of ${rule.period} ${name} (${seen.size} of ${rule.limit})`);
  }
}

function keepForSafety(points: readonly RetainedPoint[], input: Rules, keep: Keep): void {
  const [newest] = points;
  if (newest !== undefined) keep(newest, 'newest point');
  const verified = points.find((point) => point.verifiedAt !== null);
  if (verified !== undefined) keep(verified, 'last verified point');
  for (const point of points) {
    if (point.pinNote !== null) keep(point, point.pinNote === '' ? 'pinned' : `pinned: ${point.pinNote}`);
    const run = input.inUse.get(point.savesetId);
    if (run !== undefined) keep(point, `in use by run ${run}`);
  }
}

/** Keeps what the kept ones of `points` build on, directly or not. */
function keepChains(points: readonly RetainedPoint[], reasons: Reasons): void {
  const byId = new Map(points.map((point) => [point.savesetId, point]));
  const waiting = points.filter((point) => isKept(point, reasons)).reverse();
  const done = new Set<string>();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (done.has(next.savesetId) || next.baseId === null) continue;
    done.add(next.savesetId);
    reasons.get(next.baseId)?.neededBy.push(next.savesetId);
    const base = byId.get(next.baseId);
    if (base !== undefined) waiting.push(base);
  }
}
