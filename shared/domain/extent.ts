/**
 * Extents: half-open byte ranges, and the algebra of sorted, disjoint, non-touching lists of them (`ExtentSet`).
 * Every function takes and returns such lists and runs in time linear in their length; `normalize` makes one from
 * anything. Laws are in tests/unit/domain/extent.test.ts.
 */

/** Bytes `start` to `start + length`, the end not included. */
export interface Extent {
  readonly start: number;
  /** More than zero. */
  readonly length: number;
}

/** Sorted, disjoint, and no two touch. */
export type ExtentSet = readonly Extent[];

export const endOf = (extent: Extent): number => extent.start + extent.length;

/** The set of everything below `capacity`. */
export function wholeOf(capacity: number): ExtentSet {
  return capacity > 0 ? [{ start: 0, length: capacity }] : [];
}

/** Sorts and joins whatever overlaps or touches; empty extents vanish. */
export function normalize(extents: Iterable<Extent>): ExtentSet {
  const sorted = [...extents].filter((extent) => extent.length > 0).sort((a, b) => a.start - b.start);
  const result: Extent[] = [];
  for (const extent of sorted) pushJoined(result, extent.start, endOf(extent));
  return result;
}

/** Appends, joining with the last one where they touch. Starts must not go back before the last one's start. */
function pushJoined(result: Extent[], start: number, end: number): void {
  const last = result.at(-1);
  if (last !== undefined && start <= endOf(last)) {
    if (end > endOf(last)) result[result.length - 1] = { start: last.start, length: end - last.start };
    return;
  }
  if (end > start) result.push({ start, length: end - start });
}

/** In `a` or in `b`. */
export function union(a: ExtentSet, b: ExtentSet): ExtentSet {
  const result: Extent[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const left = a[i];
    const right = b[j];
    const next = right === undefined || (left !== undefined && left.start <= right.start) ? left : right;
    if (next === undefined) return result;
    if (next === left) i++;
    else j++;
    pushJoined(result, next.start, endOf(next));
  }
}

/** In `a` and in `b`. */
export function intersect(a: ExtentSet, b: ExtentSet): ExtentSet {
  const result: Extent[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const left = a[i];
    const right = b[j];
    if (left === undefined || right === undefined) return result;
    const start = Math.max(left.start, right.start);
    const end = Math.min(endOf(left), endOf(right));
    if (start < end) result.push({ start, length: end - start });
    if (endOf(left) <= endOf(right)) i++;
    else j++;
  }
}

/** In `a` but not in `b`. */
export function subtract(a: ExtentSet, b: ExtentSet): ExtentSet {
  const result: Extent[] = [];
  let j = 0;
  for (const extent of a) {
    let start = extent.start;
    const end = endOf(extent);
    for (let cut = b[j]; cut !== undefined && cut.start < end; cut = b[j]) {
      if (cut.start > start) result.push({ start, length: cut.start - start });
      start = Math.max(start, endOf(cut));
      if (endOf(cut) >= end) break;
      j++;
    }
    if (start < end) result.push({ start, length: end - start });
  }
  return result;
}

/** Everything below `capacity` that is not in `a`. */
export function complement(a: ExtentSet, capacity: number): ExtentSet {
  return subtract(wholeOf(capacity), a);
}

export function totalLength(a: ExtentSet): number {
  let sum = 0;
  for (const extent of a) sum += extent.length;
  return sum;
}

/** Each extent grown to whole grains of `grainBytes`, cut at `capacity`. */
export function widen(a: ExtentSet, grainBytes: number, capacity: number): ExtentSet {
  const result: Extent[] = [];
  for (const extent of a) {
    const start = Math.floor(extent.start / grainBytes) * grainBytes;
    const end = Math.min(capacity, Math.ceil(endOf(extent) / grainBytes) * grainBytes);
    pushJoined(result, start, end);
  }
  return result;
}

/** Joins neighbours whose gap is at most `gapBytes`: one larger read is cheaper than two. */
export function closeGaps(a: ExtentSet, gapBytes: number): ExtentSet {
  const result: Extent[] = [];
  for (const extent of a) {
    const last = result.at(-1);
    if (last !== undefined && extent.start - endOf(last) <= gapBytes) {
      result[result.length - 1] = { start: last.start, length: endOf(extent) - last.start };
    } else result.push(extent);
  }
  return result;
}

/** A set of at most `maxCount` extents, one at least, that contains `a`: small gaps are closed first. */
export function coarsen(a: ExtentSet, maxCount: number): ExtentSet {
  let result = a;
  for (let gapBytes = 4096; result.length > Math.max(1, maxCount); gapBytes *= 2)
    result = closeGaps(result, gapBytes);
  return result;
}

/** The parts of `a` inside `[start, end)`, found by halving, so that one cell of a large disk is cheap. */
export function slice(a: ExtentSet, start: number, end: number): ExtentSet {
  const result: Extent[] = [];
  if (start >= end) return result;
  for (let i = firstEndingAfter(a, start); i < a.length; i++) {
    const extent = a[i];
    if (extent === undefined || extent.start >= end) break;
    const from = Math.max(start, extent.start);
    result.push({ start: from, length: Math.min(end, endOf(extent)) - from });
  }
  return result;
}

/** Moved by `bytes`, which may be negative. */
export function shift(a: ExtentSet, bytes: number): ExtentSet {
  return a.map(({ start, length }) => ({ start: start + bytes, length }));
}

/** The parts of `a` inside `within`, counted from its beginning. */
export function cutOut(a: ExtentSet, within: Extent): ExtentSet {
  return shift(slice(a, within.start, endOf(within)), -within.start);
}

/** The number of the first one that ends behind `position`, found by halving; they are in order and do not overlap. */
export function firstEndingAfter(a: readonly Extent[], position: number): number {
  let low = 0;
  let high = a.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const extent = a[middle];
    if (extent !== undefined && endOf(extent) <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** True when every byte of `[start, start + length)` is in `a`. */
export function covers(a: ExtentSet, wanted: Extent): boolean {
  if (wanted.length === 0) return true;
  const extent = a[firstEndingAfter(a, wanted.start)];
  return extent !== undefined && extent.start <= wanted.start && endOf(wanted) <= endOf(extent);
}
