/**
 * A disk is described in segments, so that neither an index nor the memory to use it grows with the disk: 1 TiB in chunks of
 * 1 MiB has an index of 56 MiB. docs/format/device.md §1, §3, §5.
 *
 *   disk      |──────── segment 0 ────────|──────── segment 1 ────────|─ segment 2 ─|
 *   index      positions count from the beginning of each segment
 */
import { type Extent } from '../domain/extent.ts';

/** Bounds an index: 56 MiB of refs. */
export const MAX_SEGMENT_CELLS = 2 ** 20;

/** How many indexes a layer of the disk has; none for a disk of no length. */
export function segmentCount(capacityBytes: number, segmentBytes: number): number {
  return Math.ceil(capacityBytes / segmentBytes);
}

/** Where each segment lies on the disk, in order. */
export function* segmentsOf(capacityBytes: number, segmentBytes: number): Generator<Extent> {
  for (let start = 0; start < capacityBytes; start += segmentBytes)
    yield { start, length: Math.min(segmentBytes, capacityBytes - start) };
}
