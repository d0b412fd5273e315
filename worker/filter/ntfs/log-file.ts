/**
 * $LogFile (record 2): was the volume brought to rest, or may $Bitmap lag behind the log? The two restart pages at 0 and 4096
 * tell. Of a log at rest nothing else is read.
 *
 *   page  0 "RSTR" (fix-ups; "CHKD" after chkdsk)   16 u32 page size   20 u32 log page size   24 u16 offset of the area
 *         26 u16 minor, 28 u16 major version: 1.1, or 2.0 while Windows 8 and later have it mounted
 *   area  0 u64 current LSN   12 u16 first client in use, FFFF = none   14 u16 flags, 2 = cleanly closed
 *   all FF: emptied by a Linux tool, nothing to replay
 *
 * Source: docs/format/ntfs.md, section 8.
 */
import { isFilledWith } from '../../../shared/base/filled.ts';
import { MiB } from '../../../shared/base/units.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import { requireContent } from './family.ts';
import { decodeFixup } from './fixup.ts';
import { gateClosed } from './gate.ts';
import { type LogRing, decodeLogRing } from './log-ring.ts';
import { type FileFamily } from './mft.ts';
import { type Stream, placeOf, readStream, requirePlain } from './stream.ts';
import { complainOf, ntfsDamage } from './units.ts';
import { type NtfsVolume } from './ntfs-volume.ts';

const RESTART_PAGE_BYTES = 4096;
const PAGES_BYTES = 2 * RESTART_PAGE_BYTES;
const NO_CLIENT = 0xffff;
const CLEAN_FLAG = 0x0002;
const KNOWN_VERSIONS = ['1.1', '2.0'];
const READ_BYTES = 4 * MiB;
/** Four times what any tool makes; reading more to prove that it is blank is not worth it. */
const MAX_BLANK_BYTES = 256 * MiB;

interface RestartPage {
  readonly currentLsn: bigint;
  readonly isClean: boolean;
  /** The page, and where its area lies. */
  readonly fields: Fields;
  readonly area: number;
}

/** What the first two pages say: `blank` when they hold nothing but FF; where to read on when it is open. */
export type LogState =
  { readonly kind: 'blank' } | { readonly kind: 'clean' } | { readonly kind: 'open'; readonly ring: LogRing };

export interface LogFile {
  readonly stream: Stream;
  readonly state: LogState;
}

/**
 * Decodes one restart page at `at` on the disk.
 * @throws AppError `FS_STRUCTURE_INVALID` when it is torn, `FILTER_GATE_CLOSED` for an unknown version or page size
 */
function decodeRestartPage(raw: Uint8Array, at: number): RestartPage {
  const what = 'restart page of $LogFile';
  const magic = fieldsOf(raw, at, complainOf(what)).ascii(0, 4) === 'CHKD' ? 'CHKD' : 'RSTR';
  const fields = fieldsOf(decodeFixup(raw, at, magic, what), at, complainOf(what));
  const version = `${fields.u16(28)}.${fields.u16(26)}`;
  if (!KNOWN_VERSIONS.includes(version)) {
    throw gateClosed('log-version', `The log has the unknown version ${version}`, at + 26);
  }
  if (fields.u32(16) !== RESTART_PAGE_BYTES || fields.u32(20) !== RESTART_PAGE_BYTES) {
    throw gateClosed('log-version', 'The pages of the log have an unknown size', at + 16);
  }
  const area = fields.u16(24);
  if (area % 8 !== 0) throw fields.damage('its restart area is out of place', 24);
  const currentLsn = BigInt(fields.u32(area)) + (BigInt(fields.u32(area + 4)) << 32n);
  const isClean = fields.u16(area + 12) === NO_CLIENT || (fields.u16(area + 14) & CLEAN_FLAG) !== 0;
  return { currentLsn, isClean, fields, area };
}

/**
 * The state that the first 8 KiB of the log tell. Both pages must be sound; with the same LSN both must be clean.
 * @throws AppError as `decodeRestartPage`, and as `decodeLogRing` when the log is open
 */
export function decodeLogState(pages: Uint8Array, at: number): LogState {
  if (isBlank(pages)) return { kind: 'blank' };
  const [first, second] = [0, RESTART_PAGE_BYTES].map((offset) =>
    decodeRestartPage(pages.subarray(offset, offset + RESTART_PAGE_BYTES), at + offset),
  ) as [RestartPage, RestartPage];
  const [newer, older] = first.currentLsn > second.currentLsn ? [first, second] : [second, first];
  const areOfOneAge = first.currentLsn === second.currentLsn;
  if (newer.isClean && (older.isClean || !areOfOneAge)) return { kind: 'clean' };
  const ring = decodeLogRing(newer.fields, newer.area);
  if (!areOfOneAge) return { kind: 'open', ring };
  const { oldestLsn } = decodeLogRing(older.fields, older.area);
  return { kind: 'open', ring: { ...ring, oldestLsn: Math.min(ring.oldestLsn, oldestLsn) } };
}

/**
 * Reads the state of the log, and where it lies.
 * @throws AppError `FILTER_GATE_CLOSED` when it is of an unknown kind, `FS_STRUCTURE_INVALID` when damaged
 */
export async function readLogFile(volume: NtfsVolume, logFile: FileFamily): Promise<LogFile> {
  const stream = requirePlain(volume, requireContent(volume, logFile, '$LogFile'));
  if (stream.initialisedBytes < PAGES_BYTES) throw ntfsDamage('$LogFile', 'it is too short', stream.at);
  const pages = new Uint8Array(PAGES_BYTES);
  await readStream(volume, stream, 0, pages);
  const state = decodeLogState(pages, placeOf(volume, stream, 0));
  if (state.kind === 'blank') await requireBlank(volume, stream);
  return { stream, state };
}

/** A log that is only blank at its start was not emptied by anybody. */
async function requireBlank(volume: NtfsVolume, stream: Stream): Promise<void> {
  if (stream.initialisedBytes > MAX_BLANK_BYTES) {
    throw gateClosed('log-version', 'The log is too long to prove that it is blank', stream.at);
  }
  const buffer = new Uint8Array(Math.min(READ_BYTES, stream.initialisedBytes));
  for (let offset = PAGES_BYTES; offset < stream.initialisedBytes; offset += buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, stream.initialisedBytes - offset));
    await readStream(volume, stream, offset, piece);
    if (!isBlank(piece)) {
      throw ntfsDamage('$LogFile', 'its restart pages are gone', placeOf(volume, stream, offset));
    }
  }
}

const isBlank = (bytes: Uint8Array): boolean => isFilledWith(bytes, 0xff);
