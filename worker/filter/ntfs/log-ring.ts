/**
 * The ring of log pages in $LogFile, as its restart pages tell it: where it begins and ends, and from which record on NTFS would
 * read it after a crash.
 *
 *   area    0 u64 current LSN   8 u16 clients   16 u32 sequence bits   22 u16 offset of the clients   24 u64 bytes of the log
 *           36 u16 bytes of a record's header, 48   38 u16 offset of the records in a page, 64
 *   client  0 u64 oldest LSN that is still needed
 *   LSN     the upper `sequence bits` bits count rounds, the others are the record's offset in the log / 8
 *
 * Source: docs/format/ntfs.md, section 8.
 */
import { type Fields } from '../fields.ts';
import { gateClosed } from './gate.ts';

export const LOG_PAGE_BYTES = 4096;
export const RECORDS_OFFSET = 64;
export const RECORD_HEADER_BYTES = 48;

export interface LogRing {
  readonly majorVersion: number;
  readonly lengthBytes: number;
  /** Offset of the first page of the ring; copies of its newest pages lie before it. */
  readonly firstPage: number;
  /** LSN of one round: a power of 2. */
  readonly lsnsPerRound: number;
  readonly oldestLsn: number;
  readonly currentLsn: number;
}

/** Behind the restart pages: two copies of the tail in 1.1, 32 copies in 2.0. */
const FIRST_PAGES: ReadonlyMap<number, number> = new Map([
  [1, 4 * LOG_PAGE_BYTES],
  [2, 34 * LOG_PAGE_BYTES],
]);
const MIN_OFFSET_BITS = 12;
const MAX_OFFSET_BITS = 32;

/**
 * Decodes the ring of the restart page in `fields`, whose area lies at `area`.
 * @throws AppError `FILTER_GATE_CLOSED` for one that is not understood, `FS_STRUCTURE_INVALID` for fields past the page
 */
export function decodeLogRing(fields: Fields, area: number): LogRing {
  const client = area + fields.u16(area + 22);
  const offsetBits = 64 - fields.u32(area + 16);
  const majorVersion = fields.u16(28);
  const ring = {
    majorVersion,
    lengthBytes: fields.u64(area + 24),
    firstPage: FIRST_PAGES.get(majorVersion) ?? 0,
    lsnsPerRound: 2 ** offsetBits,
    oldestLsn: fields.u64(client),
    currentLsn: fields.u64(area),
  };
  const isKnown =
    fields.u16(area + 8) === 1 &&
    fields.u16(area + 36) === RECORD_HEADER_BYTES &&
    fields.u16(area + 38) === RECORDS_OFFSET &&
    offsetBits >= MIN_OFFSET_BITS &&
    offsetBits <= MAX_OFFSET_BITS &&
    isPossible(ring);
  if (!isKnown) {
    throw gateClosed('log-unreadable', 'The log is open, and laid out in an unknown way', fields.at + area);
  }
  return ring;
}

function isPossible({ lengthBytes, firstPage, lsnsPerRound, oldestLsn, currentLsn }: LogRing): boolean {
  return (
    lengthBytes > firstPage &&
    lengthBytes % LOG_PAGE_BYTES === 0 &&
    lengthBytes <= lsnsPerRound * 8 &&
    oldestLsn > 0 &&
    oldestLsn <= currentLsn
  );
}

/** The record behind one that begins at `lsn` and has `dataBytes`: where its header begins, or where the data go on. */
export interface RecordSpan {
  /** Offsets of the pages in which the data go on. */
  readonly nextPages: readonly number[];
  readonly nextLsn: number;
}

/** Offset in the log of the record with `lsn`. */
export function offsetOfLsn(ring: LogRing, lsn: number): number {
  return (lsn % ring.lsnsPerRound) * 8;
}

/** Follows a record with `dataBytes` behind its header to its end. */
export function spanOf(ring: LogRing, lsn: number, dataBytes: number): RecordSpan {
  const start = offsetOfLsn(ring, lsn);
  let round = Math.floor(lsn / ring.lsnsPerRound);
  let page = start - (start % LOG_PAGE_BYTES);
  let end = start - page + RECORD_HEADER_BYTES + Math.ceil(dataBytes / 8) * 8;
  const nextPages: number[] = [];
  const turn = (): void => {
    page += LOG_PAGE_BYTES;
    if (page < ring.lengthBytes) return;
    page = ring.firstPage;
    round++;
  };
  while (end > LOG_PAGE_BYTES) {
    turn();
    nextPages.push(page);
    end += RECORDS_OFFSET - LOG_PAGE_BYTES;
  }
  if (LOG_PAGE_BYTES - end < RECORD_HEADER_BYTES) {
    turn();
    end = RECORDS_OFFSET;
  }
  return { nextPages, nextLsn: round * ring.lsnsPerRound + (page + end) / 8 };
}
