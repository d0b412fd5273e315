/**
 * Free space that something beside the bitmap of a file system still wants: collected from many places, in any order, and taken
 * off the free runs at the end.
 *
 * Bounded in number like the free runs: with more, neighbours are joined over the gaps between them, so more is kept, never less.
 */
import { type Extent, type ExtentSet, closeGaps, endOf, normalize } from '../../shared/domain/extent.ts';

const MAX_KEPT_RUNS = 256 * 1024;

export interface KeptRuns {
  /** Keeps the units from `start` to before `end`; what is in use anyway costs nothing. */
  readonly add: (start: number, end: number) => void;
  /** Sorted and disjoint; may cover units that are in use. */
  readonly list: () => ExtentSet;
}

/** Collects what is to be kept of `free`, which is sorted; `maxRuns` is for tests. */
export function createKeptRuns(free: ExtentSet, maxRuns = MAX_KEPT_RUNS): KeptRuns {
  let runs: Extent[] = [];
  return {
    add: (start, end) => {
      if (start >= end || !touches(free, start, end)) return;
      runs.push({ start, length: end - start });
      if (runs.length > 2 * maxRuns) runs = joinedTo(normalize(runs), maxRuns);
    },
    list: () => joinedTo(normalize(runs), maxRuns),
  };
}

/** True when `[start, end)` has a unit of the sorted `free`. */
function touches(free: ExtentSet, start: number, end: number): boolean {
  let low = 0;
  let high = free.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const run = free[middle];
    if (run === undefined || endOf(run) > start) high = middle;
    else low = middle + 1;
  }
  const next = free[low];
  return next !== undefined && next.start < end;
}

function joinedTo(sorted: ExtentSet, maxRuns: number): Extent[] {
  let runs = sorted;
  for (let gap = 1; runs.length > maxRuns; gap *= 2) runs = closeGaps(runs, gap);
  return [...runs];
}
