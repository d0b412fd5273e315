/**
 * What a check found, bounded however much it is. Each severity has a list of its own, so that notes never crowd out damage;
 * what does not fit is counted.
 */
import {
  type CheckFinding,
  MAX_FINDING_POINTS,
  MAX_REPORT_LIST,
} from '../../shared/contract/device-report.ts';

export type Severity = CheckFinding['severity'];

const severities: readonly Severity[] = ['damage', 'leftover', 'note'];
/** Above this points are no longer told apart, only counted. */
const MAX_KNOWN_POINTS = 1000;
/** The same for all findings together. */
const MAX_DAMAGED_POINTS = 100_000;

/** Restore points that something concerns. */
export class PointSet {
  readonly #known = new Set<string>();
  readonly #max: number;
  #more = 0;

  constructor(max = MAX_KNOWN_POINTS) {
    this.#max = max;
  }

  has(savesetId: string): boolean {
    return this.#known.has(savesetId);
  }

  add(savesetId: string): void {
    if (this.#known.size < this.#max) this.#known.add(savesetId);
    else if (!this.#known.has(savesetId)) this.#more++;
  }

  addAll(other: PointSet): void {
    for (const savesetId of other.#known) this.add(savesetId);
    this.#more += other.#more;
  }

  get size(): number {
    return this.#known.size + this.#more;
  }

  /** The first of them, and how many more there are. */
  get shown(): Pick<CheckFinding, 'points' | 'morePoints'> {
    const points = [...this.#known].sort().slice(0, MAX_FINDING_POINTS);
    return { points, morePoints: this.size - points.length };
  }
}

export interface NewFinding {
  readonly severity: Severity;
  /** Its name on the device. */
  readonly object: string;
  readonly what: string;
  readonly remedy: string;
  readonly points?: PointSet;
  /** Whether a repair makes an end of it. */
  readonly repairable?: boolean;
  /** Whether points that build on these lose the same. */
  readonly inherited?: boolean;
}

export class CheckFindings {
  readonly #shown = new Map<Severity, CheckFinding[]>(severities.map((severity) => [severity, []]));
  readonly #counts = new Map<Severity, number>();
  /** Points with damage. */
  readonly damagedPoints = new PointSet(MAX_DAMAGED_POINTS);
  /** Those among them whose damage others inherit. */
  readonly brokenBases = new PointSet(MAX_DAMAGED_POINTS);
  /** Points that build on those, however far, and are not damaged themselves. */
  readonly dependents = new PointSet(MAX_DAMAGED_POINTS);
  /** Damage that stays after a repair. */
  lastingDamage = 0;

  add(finding: NewFinding): void {
    const { severity, object, what, remedy, points, repairable = false, inherited = false } = finding;
    this.#counts.set(severity, this.count(severity) + 1);
    if (severity === 'damage' && !repairable) this.lastingDamage++;
    if (severity === 'damage' && points !== undefined) this.damagedPoints.addAll(points);
    if (inherited && points !== undefined) this.brokenBases.addAll(points);
    const list = this.#shown.get(severity);
    if (list === undefined || list.length >= MAX_REPORT_LIST) return;
    list.push({ severity, object, what, remedy, ...(points?.shown ?? { points: [], morePoints: 0 }) });
  }

  count(severity: Severity): number {
    return this.#counts.get(severity) ?? 0;
  }

  /** The worst first. */
  get shown(): CheckFinding[] {
    return severities.flatMap((severity) => this.#shown.get(severity) ?? []).slice(0, MAX_REPORT_LIST);
  }
}
