/**
 * Points that are sound themselves and build on a damaged one: what they have of it may be lost to them too, or hidden by what they hold
 * themselves. Only verifying tells which; a check names them apart.
 */
import { type CheckedPoints } from './check-savesets.ts';
import { type CheckFindings } from './findings.ts';

/** Notes them; bases on other devices are not followed. */
export function addDependents(found: CheckFindings, { points, standIns }: CheckedPoints): void {
  const bases = new Map(points.map(({ savesetId, base }) => [savesetId, base?.savesetId]));
  /** Whether a point has lost something, or builds on one that has. */
  const answers = new Map<string, boolean>();
  for (const { savesetId } of points) {
    const passed: string[] = [];
    let at: string | undefined = savesetId;
    while (at !== undefined && !answers.has(at) && !found.brokenBases.has(at)) {
      // a ring, which only damage makes, ends where it began
      answers.set(at, false);
      passed.push(at);
      const base = bases.get(at);
      at = base === undefined || bases.has(base) || found.brokenBases.has(base) ? base : standIns.get(base);
    }
    const isConcerned = at !== undefined && (answers.get(at) ?? true);
    for (const id of passed) answers.set(id, isConcerned);
    if (isConcerned && !found.damagedPoints.has(savesetId)) found.dependents.add(savesetId);
  }
}
