/**
 * What one backup of one disk has to read, and what its map says about the rest: the rule that keeps an increment right
 * although earlier points dropped parts of the disk.
 *
 *   V        ranges whose content in the chain is right; its complement, `dropped`, is kept in every point's map as `free`
 *   read_n = keep_n ∩ (changed_n ∪ ¬V_{n-1})
 *   V_n    = (V_{n-1} − changed_n − together_n) ∪ read_n
 *
 * Without `¬V` a cluster that was free when an earlier point dropped it, and was given to a file without a new write
 * since (data first, metadata later), would be in no backup at all.
 */
import { type ExtentMap, buildExtentMap } from './extent-map.ts';
import { type ExtentSet, complement, intersect, subtract, union, wholeOf } from './extent.ts';

export interface DiskReadInput {
  readonly capacityBytes: number;
  /** What the guest may need (all of the disk when nothing is filtered). */
  readonly keep: ExtentSet;
  /** Changed since the base; everything when there is no base. */
  readonly changed: ExtentSet;
  /** `free` ranges of the base's map (¬V of the base); everything when there is no base. */
  readonly droppedBefore: ExtentSet;
  /** Dropped even where the chain has it right, as it is on other disks: what of these came back old would not fit. None of `keep`. */
  readonly together?: ExtentSet | undefined;
  /** Known to read as zeros without being read (never written since the disk was made). */
  readonly knownZero: ExtentSet;
}

export interface DiskReadPlan {
  /** To be read from the snapshot. */
  readonly read: ExtentSet;
  /** ¬V after this backup. */
  readonly dropped: ExtentSet;
  /** As it stands before reading: `data` where it will be read, `zero`, `free`, `same`. */
  readonly map: ExtentMap;
  /** Changed (for a disk without a base: anything) and left out because the guest does not use it. */
  readonly skipped: ExtentSet;
}

/** A disk without a base: everything counts as changed, nothing in the chain is right. */
export function withoutBase(
  input: Pick<DiskReadInput, 'capacityBytes' | 'keep' | 'knownZero'>,
): DiskReadInput {
  const whole = wholeOf(input.capacityBytes);
  return { ...input, changed: whole, droppedBefore: whole };
}

export function planDiskRead(input: DiskReadInput): DiskReadPlan {
  const { capacityBytes, keep, changed, droppedBefore, together = [] } = input;
  const candidates = union(changed, droppedBefore);
  const wanted = intersect(keep, candidates);
  const zero = intersect(wanted, input.knownZero);
  const read = subtract(wanted, zero);
  const stillRight = union(
    subtract(complement(droppedBefore, capacityBytes), union(changed, together)),
    wanted,
  );
  const dropped = complement(stillRight, capacityBytes);
  const map = buildExtentMap(
    capacityBytes,
    [
      { kind: 'data', extents: read },
      { kind: 'zero', extents: zero },
      { kind: 'free', extents: dropped },
    ],
    'same',
  );
  return { read, dropped, map, skipped: subtract(changed, keep) };
}
