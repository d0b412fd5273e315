/**
 * The pages of an open log. A page of the ring may be on the disk more than once: where it belongs, and as a newer copy before
 * the ring. All sound copies are held; which of them has a record is told by the record's LSN.
 *
 *   0 "RCRD" (fix-ups)   8 u64 last LSN, or in the two copies of version 1.1 the offset where the page belongs
 *   32 u64 last LSN that ends in the page   60 u32 offset where a copy of version 2.0 belongs   64 records
 *   all FF: never written
 *
 * Source: docs/format/ntfs.md, section 8.
 */
import { isFilledWith } from '../../../shared/base/filled.ts';
import { MiB } from '../../../shared/base/units.ts';
import { gateOf } from '../gate.ts';
import { decodeFixup } from './fixup.ts';
import { gateClosed } from './gate.ts';
import { LOG_PAGE_BYTES, type LogRing } from './log-ring.ts';
import { type NtfsVolume } from './ntfs-volume.ts';
import { type Stream, placeOf, readStream } from './stream.ts';

const READ_BYTES = 4 * MiB;
/** Twice what Windows makes by itself; it is the memory that an open log takes. */
const MAX_LOG_BYTES = 128 * MiB;
const RESTART_BYTES = 2 * LOG_PAGE_BYTES;
const MAGIC = 'RCRD';

export interface LogPage {
  readonly view: DataView;
  /** The last record that ends in it. */
  readonly endLsn: number;
  /** The last record that has a part in it, as far as that is told. */
  readonly seenLsn: number;
}

/** Sound copies of pages by the offset in the log at which their records belong. */
export type LogPages = ReadonlyMap<number, readonly LogPage[]>;

/**
 * Reads all pages behind the restart pages.
 * @throws AppError `FILTER_GATE_CLOSED` when one of them is neither sound nor blank, or the log is too long
 */
export async function readLogPages(volume: NtfsVolume, log: Stream, ring: LogRing): Promise<LogPages> {
  if (ring.lengthBytes > Math.min(log.initialisedBytes, MAX_LOG_BYTES)) {
    throw gateClosed('log-unreadable', `The log is open and has ${ring.lengthBytes} bytes`, log.at);
  }
  const pages = new Map<number, LogPage[]>();
  const buffer = new Uint8Array(Math.min(READ_BYTES, ring.lengthBytes));
  for (let start = RESTART_BYTES; start < ring.lengthBytes; start += buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, ring.lengthBytes - start));
    await readStream(volume, log, start, piece);
    for (let inPiece = 0; inPiece < piece.length; inPiece += LOG_PAGE_BYTES) {
      const raw = piece.subarray(inPiece, inPiece + LOG_PAGE_BYTES);
      const page = decodePage(raw, () => placeOf(volume, log, start + inPiece));
      if (page !== null) addPage(pages, ring, start + inPiece, page);
    }
  }
  return pages;
}

function decodePage(raw: Uint8Array, at: () => number): DataView | null {
  if (isFilledWith(raw, 0xff)) return null;
  try {
    return new DataView(decodeFixup(raw, at(), MAGIC, 'log page').buffer);
  } catch (error) {
    const cause = gateOf(error);
    if (cause === null) throw error;
    throw gateClosed('log-unreadable', `The log is open, and ${lowerFirst(cause.reason)}`, at());
  }
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

function addPage(pages: Map<number, LogPage[]>, ring: LogRing, offset: number, view: DataView): void {
  const isTailCopy = ring.majorVersion === 1 && offset < ring.firstPage;
  const endLsn = Number(view.getBigUint64(32, true));
  const seenLsn = isTailCopy ? endLsn : Math.max(endLsn, Number(view.getBigUint64(8, true)));
  const home = isTailCopy ? Number(view.getBigUint64(8, true)) : homeOf(ring, offset, view);
  const page = { view, endLsn, seenLsn };
  const copies = pages.get(home);
  if (copies === undefined) pages.set(home, [page]);
  else copies.push(page);
}

/** Before the ring of version 2.0 lie copies, and what version 1.1 left when it used that space as its ring. */
function homeOf(ring: LogRing, offset: number, view: DataView): number {
  if (offset >= ring.firstPage) return offset;
  const home = view.getUint32(60, true);
  const isCopy = home >= ring.firstPage && home < ring.lengthBytes && home % LOG_PAGE_BYTES === 0;
  return isCopy ? home : offset;
}
