/**
 * The records of a pack as they lie in it, without asking its directory and without a key: from record to record by their
 * lengths, and behind damage on to the next header with the right CRC. docs/format/device.md §4.
 */
import { crc32 } from 'node:zlib';
import { hasCode } from '../../shared/base/errors.ts';
import { MiB } from '../../shared/base/units.ts';
import { packName } from '../../shared/format/names.ts';
import {
  CHUNK_HEADER_BYTES,
  type ChunkHeader,
  MAX_STORED_BYTES,
  PACK_HEADER_BYTES,
  decodeChunkHeader,
  findChunkHeader,
} from '../../shared/format/pack.ts';
import { type PackPlace } from '../../shared/repository/pack-directories.ts';
import { type Storage } from '../../shared/repository/storage.ts';

/** Holds the largest record, and some more for each read to be worth it. */
const WINDOW_BYTES = CHUNK_HEADER_BYTES + MAX_STORED_BYTES + 4 * MiB;

export interface ScannedRecord extends ChunkHeader {
  readonly offset: number;
  /** Whether the payload has the CRC that the header says. */
  readonly isSound: boolean;
  /** Header and payload; valid until the next record is asked for, and shorter where the pack ends too early. */
  readonly bytes: Uint8Array;
}

/** @throws AppError what the storage says; the signal's reason */
export async function* scanRecords(
  storage: Storage,
  pack: PackPlace,
  signal: AbortSignal,
): AsyncGenerator<ScannedRecord> {
  const window = new Uint8Array(Math.min(WINDOW_BYTES, pack.lengthBytes));
  let start = Math.min(PACK_HEADER_BYTES, pack.lengthBytes);
  while (start < pack.lengthBytes) {
    signal.throwIfAborted();
    const length = await storage.readRange(packName(pack.packId), start, window);
    if (length < CHUNK_HEADER_BYTES) return;
    const isLast = start + length >= pack.lengthBytes || length < window.length;
    const bytes = window.subarray(0, length);
    const next: number = yield* recordsIn(bytes, { start, isLast });
    if (isLast || next === 0) return;
    start += next;
  }
}

/** Gives the records of a window, and returns where in it the next window begins. */
function* recordsIn(
  bytes: Uint8Array,
  window: { readonly start: number; readonly isLast: boolean },
): Generator<ScannedRecord, number> {
  let at = findChunkHeader(bytes, 0);
  while (at >= 0) {
    const header = headerAt(bytes, at);
    if (header === undefined) {
      at = findChunkHeader(bytes, at + 1);
      continue;
    }
    const end = at + CHUNK_HEADER_BYTES + header.storedLength;
    if (end > bytes.length && !window.isLast) return at;
    const record = bytes.subarray(at, end);
    const isSound = end <= bytes.length && crc32(record.subarray(CHUNK_HEADER_BYTES)) === header.payloadCrc;
    yield { ...header, offset: window.start + at, isSound, bytes: record };
    // lengths that led into nowhere are not believed
    at = findChunkHeader(bytes, isSound || beginsRecord(bytes, end) ? end : at + 1);
  }
  return window.isLast ? bytes.length : bytes.length - CHUNK_HEADER_BYTES + 1;
}

/** Undefined for one that a later program may have written, or no program. */
function headerAt(bytes: Uint8Array, at: number): ChunkHeader | undefined {
  try {
    return decodeChunkHeader(bytes.subarray(at), 'a record');
  } catch (error) {
    if (hasCode(error, 'FORMAT_INVALID', 'FORMAT_VERSION_UNKNOWN')) return undefined;
    throw error;
  }
}

function beginsRecord(bytes: Uint8Array, at: number): boolean {
  const end = at + CHUNK_HEADER_BYTES;
  return end <= bytes.length && findChunkHeader(bytes.subarray(0, end), at) === at;
}
