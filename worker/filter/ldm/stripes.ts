/**
 * Volumes in stripes: stripe s of the volume lies in column s mod n, in row s div n. Of any bytes of the volume that follow each
 * other, those in one column follow each other, too: no list of stripes is ever made.
 *
 * Source: docs/format/ldm.md, section 6.
 */
import { type Extent, type ExtentSet, endOf, normalize } from '../../../shared/domain/extent.ts';
import { type DiskPiece, type PlexBytes, byDisk, plexOf } from './plex.ts';

/** Columns of the same length, a multiple of `stripeBytes`; at least two. */
export function stripedPlex(columns: readonly DiskPiece[], stripeBytes: number): PlexBytes {
  const columnBytes = columns[0]?.length ?? 0;
  const stripes: Stripes = { columns: columns.length, stripeBytes };
  return plexOf(columns, columns.length * columnBytes, {
    dataShare: 1,
    async read(offset, into) {
      for (const [column, { disk, start }] of columns.entries()) {
        const own = ownRange(stripes, column, offset, offset + into.length);
        if (own.length === 0) continue;
        const bytes = new Uint8Array(own.length);
        await disk.readInto(start + own.start, bytes);
        scatter(stripes, { column, at: own.start, bytes }, { offset, into });
      }
    },
    dropOf: (free) =>
      byDisk(
        columns.flatMap(({ disk, start }, column) =>
          freeOfColumn(stripes, column, free).map((own) => ({
            disk,
            start: start + own.start,
            length: own.length,
          })),
        ),
      ),
  });
}

/** Bytes in stripes over columns; of a RAID-5 the columns are those that its data would have without parity. */
export interface Stripes {
  readonly columns: number;
  readonly stripeBytes: number;
}

/** How many bytes of `column` come before byte `position` of the volume. */
function columnOffset({ columns, stripeBytes }: Stripes, column: number, position: number): number {
  const stripe = Math.floor(position / stripeBytes);
  const row = Math.floor(stripe / columns);
  const inRow = stripe - row * columns;
  const beyond = inRow > column ? stripeBytes : inRow === column ? position - stripe * stripeBytes : 0;
  return row * stripeBytes + beyond;
}

/** Bytes of `column` that belong to `[start, end)` of the volume: they follow each other. */
export function ownRange(stripes: Stripes, column: number, start: number, end: number): Extent {
  const from = columnOffset(stripes, column, start);
  return { start: from, length: columnOffset(stripes, column, end) - from };
}

/** The same for all that is free. */
export function freeOfColumn(stripes: Stripes, column: number, free: ExtentSet): ExtentSet {
  return normalize(free.map((extent) => ownRange(stripes, column, extent.start, endOf(extent))));
}

/** Where bytes of the volume go. */
export interface Target {
  readonly offset: number;
  readonly into: Uint8Array;
}

/** Copies what lies in the target of `bytes`, the first one of which is byte `at` of the volume. */
export function copyInto(bytes: Uint8Array, at: number, { offset, into }: Target): void {
  const from = Math.max(at, offset);
  const to = Math.min(at + bytes.length, offset + into.length);
  if (from < to) into.set(bytes.subarray(from - at, to - at), from - offset);
}

interface ColumnBytes {
  readonly column: number;
  /** Where they lie in the column. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

function scatter(
  { columns, stripeBytes }: Stripes,
  { column, at, bytes }: ColumnBytes,
  target: Target,
): void {
  for (let done = 0; done < bytes.length;) {
    const row = Math.floor((at + done) / stripeBytes);
    const within = at + done - row * stripeBytes;
    const end = Math.min(bytes.length, done + stripeBytes - within);
    copyInto(bytes.subarray(done, end), (row * columns + column) * stripeBytes + within, target);
    done = end;
  }
}
