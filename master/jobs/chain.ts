/** Chains: the savesets that a restore of one point reads, and what stands in the way. Pure over a lookup of sealed points. */
import { type SavesetRecord } from '../catalog/saveset-rows.ts';

export type ChainPoint = Pick<SavesetRecord, 'savesetId' | 'baseId' | 'deviceId' | 'type' | 'createdAt'>;

export interface Chain<T extends ChainPoint> {
  /** Newest first, down to the full where the chain is complete. */
  readonly points: readonly T[];
  /** The saveset that is missing, or null when the chain is complete. */
  readonly missing: string | null;
}

/** Longer than any schedule makes one, and a bound should two rows ever name each other. */
const MAX_LINKS = 100_000;

/** Follows the bases of `point`; `lookup` knows sealed points only. */
export function chainOf<T extends ChainPoint>(
  point: T,
  lookup: (savesetId: string) => T | undefined,
): Chain<T> {
  const points = [point];
  let next = point.baseId;
  while (next !== null) {
    const base = lookup(next);
    if (base === undefined || points.length > MAX_LINKS) return { points, missing: next };
    points.push(base);
    next = base.baseId;
  }
  return { points, missing: null };
}
