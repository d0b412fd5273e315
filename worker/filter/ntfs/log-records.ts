/**
 * The records of an open log from the oldest one that NTFS would need after a crash. They must follow each other without a gap
 * to the newest one that is found, or the log is not understood.
 *
 *   0 u64 LSN   24 u32 bytes of data   32 u32 type: 1 a change, 2 a checkpoint   48 data, going on at 64 of the next page
 *
 * Source: docs/format/ntfs.md, section 8.
 */
import { gateClosed } from './gate.ts';
import { type LogPage, type LogPages } from './log-pages.ts';
import {
  LOG_PAGE_BYTES,
  type LogRing,
  RECORDS_OFFSET,
  RECORD_HEADER_BYTES,
  offsetOfLsn,
  spanOf,
} from './log-ring.ts';

export const CHANGE = 1;
const CHECKPOINT = 2;

export interface LogRecord {
  readonly lsn: number;
  readonly type: number;
  readonly data: Uint8Array;
}

/** A header, and the page that has it. */
interface Found {
  readonly lsn: number;
  readonly page: LogPage;
  readonly offset: number;
}

/**
 * All needed records in order; `at` is where the log lies, for messages.
 * @throws AppError `FILTER_GATE_CLOSED` when one is missing or cannot be joined
 */
export function* logRecords(ring: LogRing, pages: LogPages, at: number): Generator<LogRecord> {
  const fail = (problem: string): Error =>
    gateClosed('log-unreadable', `The log is open, and ${problem}`, at);
  let expected = ring.oldestLsn;
  let last = 0;
  for (const found of findRecords(ring, pages)) {
    if (found.lsn !== expected) throw fail(`record ${expected} is missing`);
    const dataBytes = found.page.view.getUint32(found.offset + 24, true);
    const { nextPages, nextLsn } = spanOf(ring, found.lsn, dataBytes);
    const data = joinData(found, dataBytes, nextPages, pages);
    if (data === null) throw fail(`record ${found.lsn} has no end`);
    last = found.lsn;
    expected = nextLsn;
    yield { lsn: found.lsn, type: found.page.view.getUint32(found.offset + 32, true), data };
  }
  if (last < ring.currentLsn) throw fail(`record ${ring.currentLsn} is missing`);
}

/** Every header with an LSN that belongs where it lies, each LSN once, in order. */
function findRecords(ring: LogRing, pages: LogPages): Found[] {
  const found = new Map<number, Found>();
  for (const [home, copies] of pages) {
    for (const page of copies) findInPage(ring, home, page, found);
  }
  return [...found.values()].sort((a, b) => a.lsn - b.lsn);
}

function findInPage(ring: LogRing, home: number, page: LogPage, found: Map<number, Found>): void {
  const { view } = page;
  for (let offset = RECORDS_OFFSET; offset + RECORD_HEADER_BYTES <= LOG_PAGE_BYTES; offset += 8) {
    const lsn = view.getUint32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
    if (lsn < ring.oldestLsn || offsetOfLsn(ring, lsn) !== home + offset) continue;
    const type = view.getUint32(offset + 32, true);
    if (type !== CHANGE && type !== CHECKPOINT) continue;
    if (view.getUint32(offset + 24, true) > ring.lengthBytes) continue;
    const other = found.get(lsn);
    if (other === undefined || other.page.endLsn < page.endLsn) found.set(lsn, { lsn, page, offset });
  }
}

/** Null when a page that the record goes on in is not there any more, or not yet. */
function joinData(
  { lsn, page, offset }: Found,
  dataBytes: number,
  nextPages: readonly number[],
  pages: LogPages,
): Uint8Array | null {
  const data = new Uint8Array(dataBytes);
  let filled = copyPart(data, 0, page.view, offset + RECORD_HEADER_BYTES);
  for (const next of nextPages) {
    const copy = newestWith(pages.get(next) ?? [], lsn);
    if (copy === null) return null;
    filled += copyPart(data, filled, copy.view, RECORDS_OFFSET);
  }
  return data;
}

/** Copies what fits of `page` from `from` on, and returns how much. */
function copyPart(data: Uint8Array, filled: number, page: DataView, from: number): number {
  const length = Math.min(data.length - filled, LOG_PAGE_BYTES - from);
  data.set(new Uint8Array(page.buffer, page.byteOffset + from, length), filled);
  return length;
}

/** Of the copies of a page that have seen `lsn`, the one with the newest end. */
function newestWith(copies: readonly LogPage[], lsn: number): LogPage | null {
  const later = copies.filter(({ seenLsn }) => seenLsn >= lsn).sort((a, b) => b.endLsn - a.endLsn);
  return later[0] ?? null;
}
