/**
 * Packs: header and chunk records. The directory at the end is in pack-directory.ts. docs/format/device.md §4.
 *
 *   pack header, 44 bytes                       chunk record: 56 bytes, then the payload
 *    0  8 magic                                  0  4 magic
 *    8  4 version (1)                            4  1 codec: 0 none, 1 zstd, 2 deflate
 *   12  4 flags (0)                              5  1 flags: bit 0 encrypted
 *   16 16 pack id                                6  2 zero
 *   32  8 id of the attempt                      8  4 plain length       12 4 stored length
 *   40  4 CRC-32 of bytes 0–39                  16 32 chunk id
 *                                               48  4 CRC-32 of the payload
 *                                               52  4 CRC-32 of bytes 0–51
 */
import { crc32 } from 'node:zlib';
import { MiB } from '../base/units.ts';
import { ByteReader, invalid, unknownVersion } from './byte-reader.ts';
import { CHUNK_ID_BYTES, fromHex, magicOf, sameBytes, toHex } from './hash.ts';

export const PACK_VERSION = 1;
export const PACK_ID_BYTES = 16;
const ATTEMPT_ID_BYTES = 8;
export const PACK_HEADER_BYTES = 44;
export const CHUNK_HEADER_BYTES = 56;
/** Offsets inside a pack are 32 bits wide. */
export const MAX_PACK_BYTES = 2 ** 32 - 1;
/** The largest grid cell, so the largest chunk. */
export const MAX_CHUNK_BYTES = 4 * MiB;
/** A payload never grows beyond its chunk but for what encryption adds. */
export const MAX_STORED_BYTES = MAX_CHUNK_BYTES + 64;
/** What encryption adds to a payload: salt 16, nonce 12, tag 16. */
export const SEALED_PAYLOAD_EXTRA_BYTES = 44;

/** In the order of their numbers in the format. */
export const codecs = ['none', 'zstd', 'deflate'] as const;
export type Codec = (typeof codecs)[number];

/** What record and directory say of a chunk. */
export interface RecordFields {
  /** Chunk id: SHA-256 of the plain bytes, on an encrypted device their HMAC. */
  readonly id: Uint8Array;
  readonly codec: Codec;
  readonly isEncrypted: boolean;
  readonly plainLength: number;
  /** Length of the payload behind the header. */
  readonly storedLength: number;
}

export interface ChunkHeader extends RecordFields {
  /** CRC-32 of the payload as it is stored: finds decay without a key. */
  readonly payloadCrc: number;
}

export interface PackHeader {
  readonly packId: string;
  /** Who wrote the pack. */
  readonly attemptId: string;
}

const FLAG_ENCRYPTED = 1;
const PACK_MAGIC = magicOf('Blockhouse pack', 8);
const CHUNK_MAGIC = magicOf('Blockhouse chunk record', 4);

/** The first bytes of a pack. */
export function encodePackHeader({ packId, attemptId }: PackHeader): Uint8Array {
  const bytes = new Uint8Array(PACK_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(PACK_MAGIC);
  view.setUint32(8, PACK_VERSION, true);
  bytes.set(fromHex(packId, PACK_ID_BYTES), 16);
  bytes.set(fromHex(attemptId, ATTEMPT_ID_BYTES), 32);
  view.setUint32(40, crc32(bytes.subarray(0, 40)), true);
  return bytes;
}

/**
 * The pack's own id and its writer's, from its first bytes.
 * @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`
 */
export function decodePackHeader(bytes: Uint8Array, what: string): PackHeader {
  const reader = new ByteReader(bytes, what);
  if (!sameBytes(reader.bytes(8), PACK_MAGIC)) throw invalid(what, 'it does not begin like a pack');
  const version = reader.u32();
  if (version > PACK_VERSION) throw unknownVersion(what, `its version is ${version}`, { version });
  const flags = reader.u32();
  const packId = toHex(reader.bytes(PACK_ID_BYTES));
  const attemptId = toHex(reader.bytes(ATTEMPT_ID_BYTES));
  const isSound = reader.u32() === crc32(bytes.subarray(0, 40)) && version === PACK_VERSION;
  if (!isSound) throw invalid(what, 'its header is damaged');
  if (flags !== 0) throw unknownVersion(what, `its flags are ${flags}`, { flags });
  return { packId, attemptId };
}

/** Writes a record's header to the first 56 bytes of `into`. */
export function writeChunkHeader(into: Uint8Array, header: ChunkHeader): void {
  const view = new DataView(into.buffer, into.byteOffset, CHUNK_HEADER_BYTES);
  into.set(CHUNK_MAGIC);
  view.setUint32(4, codecField(header), true);
  view.setUint32(8, header.plainLength, true);
  view.setUint32(12, header.storedLength, true);
  into.set(header.id, 16);
  view.setUint32(48, header.payloadCrc, true);
  view.setUint32(52, crc32(into.subarray(0, 52)), true);
}

/**
 * A record's header; `id` is a view on `bytes`.
 * @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`
 */
export function decodeChunkHeader(bytes: Uint8Array, what: string): ChunkHeader {
  const reader = new ByteReader(bytes, what);
  if (!sameBytes(reader.bytes(4), CHUNK_MAGIC)) throw invalid(what, 'there is no chunk record');
  const codecAndFlags = reader.u32();
  const plainLength = reader.u32();
  const storedLength = reader.u32();
  const id = reader.bytes(CHUNK_ID_BYTES);
  const payloadCrc = reader.u32();
  if (reader.u32() !== crc32(bytes.subarray(0, 52))) throw invalid(what, 'its record header is damaged');
  const header = { id, ...decodeCodecField(codecAndFlags, what), plainLength, storedLength, payloadCrc };
  checkLengths(header, what);
  return header;
}

/** Codec and flags as one field of 32 bits: byte 0 the codec, byte 1 the flags. */
export function codecField({ codec, isEncrypted }: Pick<RecordFields, 'codec' | 'isEncrypted'>): number {
  return codecs.indexOf(codec) + (isEncrypted ? FLAG_ENCRYPTED * 0x100 : 0);
}

/** @throws AppError `FORMAT_VERSION_UNKNOWN` for any other codec or flag */
export function decodeCodecField(field: number, what: string): Pick<RecordFields, 'codec' | 'isEncrypted'> {
  const codec = codecs[field & 0xff];
  const flags = field >>> 8;
  if (codec === undefined || flags > FLAG_ENCRYPTED) {
    throw unknownVersion(what, 'it is coded in an unknown way', { codecAndFlags: field });
  }
  return { codec, isEncrypted: flags === FLAG_ENCRYPTED };
}

/** Whether the payload is what was stored, in clear or not. */
export function checkPayloadCrc(header: Pick<ChunkHeader, 'payloadCrc'>, payload: Uint8Array): boolean {
  return crc32(payload) === header.payloadCrc;
}

/** @throws AppError `FORMAT_INVALID` when no chunk can have these lengths */
export function checkLengths(header: RecordFields, what: string): void {
  const { plainLength, storedLength, codec, isEncrypted } = header;
  const codedLength = storedLength - (isEncrypted ? SEALED_PAYLOAD_EXTRA_BYTES : 0);
  const isPossible =
    plainLength > 0 &&
    plainLength <= MAX_CHUNK_BYTES &&
    codedLength > 0 &&
    storedLength <= MAX_STORED_BYTES &&
    (codec !== 'none' || codedLength === plainLength);
  if (!isPossible) throw invalid(what, 'its lengths cannot be', { plainLength, storedLength });
}

/**
 * The position of the next sound record header at or after `from`, or -1. It finds the way on after damage, and through
 * a pack without its directory. A header that is cut off by the end of `bytes` is not found.
 */
export function findChunkHeader(bytes: Uint8Array, from: number): number {
  const searched = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = searched.indexOf(CHUNK_MAGIC, from); at >= 0; at = searched.indexOf(CHUNK_MAGIC, at + 1)) {
    const header = bytes.subarray(at, at + CHUNK_HEADER_BYTES);
    if (header.length < CHUNK_HEADER_BYTES) return -1;
    if (new ByteReader(header.subarray(52), '').u32() === crc32(header.subarray(0, 52))) return at;
  }
  return -1;
}
