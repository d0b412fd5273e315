/** Records as they lie in a pack, proven by their checksums: no key is needed, and no chunk is unpacked. */
import { crc32 } from 'node:zlib';
import { AppError, hasCode } from '../../shared/base/errors.ts';
import { invalid } from '../../shared/format/byte-reader.ts';
import { sameBytes } from '../../shared/format/hash.ts';
import { packName } from '../../shared/format/names.ts';
import { CHUNK_HEADER_BYTES, MAX_STORED_BYTES, decodeChunkHeader } from '../../shared/format/pack.ts';
import { type NewChunk } from '../../shared/repository/pack-writer.ts';
import { type Storage } from '../../shared/repository/storage.ts';
import { TAG_BYTES } from './places.ts';

export interface WantedRecord {
  readonly packId: string;
  readonly offset: number;
  readonly storedLength: number;
  readonly tag: Uint8Array;
}

/**
 * The record at a place; the bytes are views on `buffer`, which has room for any.
 * @returns the error that says why it cannot be used
 */
export async function readRecord(
  storage: Storage,
  wanted: WantedRecord,
  buffer: Uint8Array,
): Promise<NewChunk | AppError> {
  const { packId, offset, storedLength, tag } = wanted;
  const what = `the record at byte ${offset} of pack ${packId}`;
  try {
    if (storedLength > MAX_STORED_BYTES) throw invalid(what, `it cannot have ${storedLength} bytes`);
    const into = buffer.subarray(0, CHUNK_HEADER_BYTES + storedLength);
    const record = into.subarray(0, await storage.readRange(packName(packId), offset, into));
    const header = decodeChunkHeader(record, what);
    const payload = record.subarray(CHUNK_HEADER_BYTES);
    if (!sameBytes(header.id.subarray(0, TAG_BYTES), tag)) throw invalid(what, 'it holds another chunk');
    if (header.storedLength !== payload.length) throw invalid(what, 'its length is not what was noted');
    if (crc32(payload) !== header.payloadCrc) throw invalid(what, 'its payload is damaged');
    return { ...header, payload };
  } catch (error) {
    const isOfIt =
      error instanceof AppError &&
      hasCode(error, 'FORMAT_INVALID', 'FORMAT_VERSION_UNKNOWN', 'REPO_OBJECT_MISSING', 'REPO_READ_FAILED');
    if (isOfIt) return error;
    throw error;
  }
}
