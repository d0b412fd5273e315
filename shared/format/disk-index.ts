/**
 * The index of one segment of a disk in one saveset: what the point holds for every byte, and which chunks hold the data.
 * Positions count from the segment's first byte. Refs stay packed as they lie in the file: a segment has up to a million.
 *
 * A chunk belongs to one cell of the grid, and its span contains all `data` bytes of the cell: a backup makes it span from the
 * first to the last of them, and consolidating may leave fewer. Bytes in the span that are not `data` mean nothing.
 *
 *   ref, 56 bytes
 *    0 32 chunk id                  40  4 plain length
 *   32  4 cell                      44  4 number of the pack in the pack table
 *   36  4 start inside the cell     48  4 offset of the record      52  4 stored length
 */
import { type ExtentMap, checkExtentMap } from '../domain/extent-map.ts';
import { type Extent, endOf } from '../domain/extent.ts';
import { MAX_DISK_BYTES } from '../base/units.ts';
import { invalid } from './byte-reader.ts';
import { CHUNK_ID_BYTES } from './hash.ts';
import { MAX_CHUNK_BYTES, MAX_STORED_BYTES, PACK_HEADER_BYTES } from './pack.ts';

export const REF_BYTES = 56;
export const MIN_GRID_BYTES = 4096;
const MAX_CELLS = 2 ** 32;

/** A chunk and where it was put. The place is a hint: packs may be rewritten, the id stays. */
export interface ChunkAddress {
  /** SHA-256 of the plain bytes. */
  readonly id: Uint8Array;
  readonly packId: string;
  /** Where its record begins in the pack. */
  readonly offset: number;
  /** Length of the payload, without the record's header. */
  readonly storedLength: number;
  readonly plainLength: number;
}

/** The chunk that holds the disk's bytes from `start` on. */
export interface ChunkRef extends ChunkAddress {
  readonly start: number;
}

export interface DiskIndex extends ExtentMap {
  readonly gridBytes: number;
  readonly packs: readonly string[];
  /** Records of 56 bytes in the order of the disk; read them with `refAt`. */
  readonly refs: Uint8Array;
}

export function refCount(index: DiskIndex): number {
  return index.refs.length / REF_BYTES;
}

/**
 * The ref number `i`, its id a view.
 * @throws AppError `FORMAT_INVALID` when it names a pack that is not in the table
 */
export function refAt(index: DiskIndex, i: number): ChunkRef {
  const at = i * REF_BYTES;
  const view = new DataView(index.refs.buffer, index.refs.byteOffset + at, REF_BYTES);
  const packNo = view.getUint32(44, true);
  const packId = index.packs[packNo];
  if (packId === undefined) throw invalid('the disk index', `ref ${i} names pack ${packNo}`, { ref: i });
  return {
    start: view.getUint32(32, true) * index.gridBytes + view.getUint32(36, true),
    id: index.refs.subarray(at, at + CHUNK_ID_BYTES),
    packId,
    offset: view.getUint32(48, true),
    storedLength: view.getUint32(52, true),
    plainLength: view.getUint32(40, true),
  };
}

/** The refs in the order of the disk. */
export function* refsOf(index: DiskIndex): Generator<ChunkRef> {
  for (let i = 0; i < refCount(index); i++) yield refAt(index, i);
}

/** Per cell that holds `data`: from its first to its last byte of it. These are the chunks that a map needs. */
export function* cellSpans(map: ExtentMap, gridBytes: number): Generator<Extent> {
  let cell = -1;
  let start = 0;
  let end = 0;
  for (const run of map.runs) {
    if (run.kind !== 'data') continue;
    for (let position = run.start; position < endOf(run); position = end) {
      const next = Math.floor(position / gridBytes);
      if (next !== cell && cell >= 0) yield { start, length: end - start };
      if (next !== cell) start = position;
      cell = next;
      end = Math.min(endOf(run), (cell + 1) * gridBytes);
    }
  }
  if (cell >= 0) yield { start, length: end - start };
}

/**
 * Checks that the runs cover the segment, and that each cell with `data` has exactly one ref, which spans all of it.
 * @throws AppError `FORMAT_INVALID`
 */
export function checkDiskIndex(index: DiskIndex, what: string): void {
  checkGeometry(index, what);
  checkExtentMap(index);
  const refs = refsOf(index);
  for (const span of cellSpans(index, index.gridBytes)) {
    const next = refs.next();
    if (next.done === true || !holds(next.value, span, index)) {
      throw invalid(what, `no chunk holds the data at byte ${span.start}`, {
        at: span.start,
        length: span.length,
      });
    }
    checkPlace(next.value, what);
  }
  const extra = refs.next();
  if (extra.done !== true) throw invalid(what, `a chunk at byte ${extra.value.start} holds no data`);
}

/** Whether the ref spans the cell's data and lies inside the cell. */
function holds(ref: ChunkRef, span: Extent, { gridBytes, capacityBytes }: DiskIndex): boolean {
  const cellStart = Math.floor(span.start / gridBytes) * gridBytes;
  const cellEnd = Math.min(cellStart + gridBytes, capacityBytes);
  const refEnd = ref.start + ref.plainLength;
  return ref.start >= cellStart && ref.start <= span.start && refEnd >= endOf(span) && refEnd <= cellEnd;
}

/** @throws AppError `FORMAT_INVALID` when no disk or no grid can be like this */
export function checkGeometry(
  disk: { readonly capacityBytes: number; readonly gridBytes: number },
  what: string,
): void {
  const { capacityBytes, gridBytes } = disk;
  if (capacityBytes > MAX_DISK_BYTES) throw invalid(what, 'its capacity is out of range', { capacityBytes });
  const isGrid =
    gridBytes >= MIN_GRID_BYTES && gridBytes <= MAX_CHUNK_BYTES && (gridBytes & (gridBytes - 1)) === 0;
  if (!isGrid || capacityBytes / gridBytes > MAX_CELLS)
    throw invalid(what, 'its grid cannot be', { gridBytes });
}

function checkPlace(ref: ChunkRef, what: string): void {
  const isPossible =
    ref.offset >= PACK_HEADER_BYTES && ref.storedLength > 0 && ref.storedLength <= MAX_STORED_BYTES;
  if (!isPossible) throw invalid(what, `the chunk at byte ${ref.start} has an impossible place`);
}
