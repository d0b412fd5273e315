/**
 * From the extents of a disk to the pieces that pass through the pipeline. A cell of the grid that holds data becomes one
 * chunk; consecutive cells share a batch, which is read into one slot:
 *
 *   disk      |····DDDD|DDDDDDDD|········|··DD·DD·|        D data, · not data; bars are grid lines
 *   chunks         ════ ════════          ═════           from the first to the last data byte of a cell
 *   slot      |    1111 1111111|1|  2222 |                 one place per cell, so that data across a grid line is one read
 *   gaps                            ^                      inside a chunk but not data: zeros in the chunk
 *
 * Pure. A small gap is read together with its neighbours, because one larger request is cheaper than two, and set to zero
 * afterwards: a chunk never depends on bytes that the map does not call data.
 */
import {
  type Extent,
  type ExtentSet,
  closeGaps,
  complement,
  endOf,
  totalLength,
} from '../../shared/domain/extent.ts';
import { KiB, MiB } from '../../shared/base/units.ts';

/** Gaps up to this are read over. CBT's grain is as large, so it joins what differs by one grain. */
const MAX_READ_GAP_BYTES = 64 * KiB;

/** Largest single request to a transport; hosts refuse NFC and /folder requests far above it. */
export const MAX_READ_BYTES = 2 * MiB;

/** One chunk to be: a cell's data, from the first to the last byte of it. */
export interface Cell {
  /** Byte of the disk. */
  readonly start: number;
  readonly length: number;
  /** What of it is data; the rest will be zeros. */
  readonly data: ExtentSet;
}

/** A read from byte `start` of the disk to byte `at` of the slot. */
export interface ReadRequest {
  readonly start: number;
  readonly length: number;
  readonly at: number;
}

export interface PlacedCell {
  readonly cell: Cell;
  /** Where the chunk begins in the slot. */
  readonly at: number;
}

export interface Batch {
  readonly cells: readonly PlacedCell[];
  readonly reads: readonly ReadRequest[];
  /** Ranges of the slot that must be zeros after reading. */
  readonly gaps: ExtentSet;
}

/** The cells of `read` in the order of the disk. */
export function* cellsOf(read: ExtentSet, gridBytes: number): Generator<Cell> {
  let data: Extent[] = [];
  let cellNo = -1;
  for (const extent of read) {
    for (let start = extent.start; start < endOf(extent);) {
      const no = Math.floor(start / gridBytes);
      const end = Math.min(endOf(extent), (no + 1) * gridBytes);
      if (no !== cellNo && data.length > 0) {
        yield cellOver(data);
        data = [];
      }
      cellNo = no;
      data.push({ start, length: end - start });
      start = end;
    }
  }
  if (data.length > 0) yield cellOver(data);
}

function cellOver(data: readonly Extent[]): Cell {
  const first = data[0] ?? { start: 0, length: 0 };
  const last = data.at(-1) ?? first;
  return { start: first.start, length: endOf(last) - first.start, data };
}

/** Groups of up to `cellsPerBatch` cells, each in its own place of `gridBytes` in a slot. */
export function* batchesOf(read: ExtentSet, gridBytes: number, cellsPerBatch: number): Generator<Batch> {
  let cells: PlacedCell[] = [];
  for (const cell of cellsOf(read, gridBytes)) {
    cells.push({ cell, at: cells.length * gridBytes + (cell.start % gridBytes) });
    if (cells.length === cellsPerBatch) {
      yield { cells, reads: readsOf(cells), gaps: gapsOf(cells) };
      cells = [];
    }
  }
  if (cells.length > 0) yield { cells, reads: readsOf(cells), gaps: gapsOf(cells) };
}

/** Reads that join what touches on the disk and in the slot, cut to what a transport takes at once. */
function readsOf(cells: readonly PlacedCell[]): ReadRequest[] {
  const joined: ReadRequest[] = [];
  for (const { cell, at } of cells) {
    for (const extent of closeGaps(cell.data, MAX_READ_GAP_BYTES)) {
      const place = at + extent.start - cell.start;
      const last = joined.at(-1);
      const touches = last !== undefined && endOf(last) === extent.start && last.at + last.length === place;
      if (touches) joined[joined.length - 1] = { ...last, length: last.length + extent.length };
      else joined.push({ ...extent, at: place });
    }
  }
  return joined.flatMap(cutRead);
}

function cutRead(read: ReadRequest): ReadRequest[] {
  const parts: ReadRequest[] = [];
  for (let done = 0; done < read.length; done += MAX_READ_BYTES) {
    const length = Math.min(MAX_READ_BYTES, read.length - done);
    parts.push({ start: read.start + done, length, at: read.at + done });
  }
  return parts;
}

function gapsOf(cells: readonly PlacedCell[]): ExtentSet {
  return cells.flatMap(({ cell, at }) => {
    const inside = cell.data.map(({ start, length }) => ({ start: start - cell.start, length }));
    return complement(inside, cell.length).map(({ start, length }) => ({ start: at + start, length }));
  });
}

/** Bytes of a cell that are data. */
export function dataBytesOf(cell: Cell): number {
  return totalLength(cell.data);
}
