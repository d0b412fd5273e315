/** From a record as it lies in a pack to a proven chunk. Pure, so that it can run in any thread. */
import { invalid } from '../format/byte-reader.ts';
import { sameBytes, toHex } from '../format/hash.ts';
import { CHUNK_HEADER_BYTES, checkPayloadCrc, decodeChunkHeader } from '../format/pack.ts';
import { decompress } from './compression.ts';
import { type DeviceCipher } from './device-cipher.ts';

/** The chunk that must come out. */
export interface WantedChunk {
  readonly id: Uint8Array;
  readonly plainLength: number;
}

/**
 * Fills the first `plainLength` bytes of `into` with the chunk and checks them against its id.
 * @param record - header and payload, nothing behind
 * @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`; `into` may hold anything then
 */
export function decodeRecord(
  cipher: DeviceCipher,
  record: Uint8Array,
  chunk: WantedChunk,
  into: Uint8Array,
): void {
  const what = `the record of chunk ${toHex(chunk.id).slice(0, 16)}`;
  const header = decodeChunkHeader(record, what);
  if (!sameBytes(header.id, chunk.id)) throw invalid(what, `it holds chunk ${toHex(header.id).slice(0, 16)}`);
  const payload = record.subarray(CHUNK_HEADER_BYTES);
  const hasLengths = header.plainLength === chunk.plainLength && header.storedLength === payload.length;
  if (!hasLengths) throw invalid(what, 'its lengths are not those that were noted');
  if (!checkPayloadCrc(header, payload)) throw invalid(what, 'its payload is damaged');
  const plain = into.subarray(0, chunk.plainLength);
  decompress(header.codec, cipher.openPayload(header, payload, what), plain);
  if (!sameBytes(cipher.chunkId(plain), chunk.id)) throw invalid(what, 'its bytes are not what was stored');
}
