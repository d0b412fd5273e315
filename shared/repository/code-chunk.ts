/** From a plain chunk to what a record holds of it. Pure, so that it can run in any thread. */
import { crc32 } from 'node:zlib';
import { type ChunkHeader } from '../format/pack.ts';
import { compress } from './compression.ts';
import { type DeviceCipher } from './device-cipher.ts';

/** A chunk in its stored form. */
export interface CodedPayload extends Pick<ChunkHeader, 'codec' | 'isEncrypted' | 'payloadCrc'> {
  /** The plain bytes themselves, or a view on `into`. */
  readonly payload: Uint8Array;
}

/** @param into - room for the plain bytes and `SEALED_PAYLOAD_EXTRA_BYTES` */
export function codeChunk(
  cipher: DeviceCipher,
  id: Uint8Array,
  plain: Uint8Array,
  into: Uint8Array,
): CodedPayload {
  const { codec, length } = compress(plain, into);
  const coded = codec === 'none' ? plain : into.subarray(0, length);
  const payload = cipher.sealPayload({ id, codec, plainLength: plain.length }, coded, into);
  return { codec, isEncrypted: cipher.isEncrypting, payload, payloadCrc: crc32(payload) };
}
