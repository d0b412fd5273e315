/**
 * A record of the log: one header block, more of them for buffers larger than 32 KiB, and data. Big endian.
 *
 *   0   FEEDBABE       4   u32 round          8   u32 version 1, 2     12  u32 bytes of data
 *   16  u64 place of the record: round << 32 | block                    24  u64 place of the oldest record that is still needed
 *   32  u32 CRC-32C, little endian, 0 = none  40  u32 operations        44  64 × u32 first words of data blocks
 *   300 u32 1 = content is little endian      304 UUID                  320 u32 bytes of a buffer (version 2)
 *   further headers: u32 round, 64 × u32 first words of data blocks
 *
 * The first word of each data block is the round; the header holds what stood there. The CRC is over the header with 0 for
 * the CRC, the further headers that the data needs, and the data as it lies in the log.
 *
 * Source: docs/format/xfs.md, section 5.
 */
import { KiB } from '../../../shared/base/units.ts';
import { crc32c } from '../crc32c.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import { BASIC_BYTES, type LogRing, RECORD_MAGIC } from './log-ring.ts';
import { type Superblock } from './superblock.ts';
import { complainOf, sameBytes } from './units.ts';

const WORDS_PER_HEADER = 64;
const MAX_BUFFER_BYTES = 256 * KiB;
const CRC_AT = 32;
/** The header has 328 bytes where longs are 8 bytes, and 324 where they are 4. */
const HEADER_CRC_BYTES = [328, 324] as const;
const FURTHER_CRC_BYTES = 4 + 4 * WORDS_PER_HEADER;

export interface LogPlace {
  readonly cycle: number;
  readonly block: number;
}

export interface LogRecord {
  readonly block: number;
  /** Of header and data. */
  readonly lengthBlocks: number;
  /** Place of the oldest record that a recovery needs. */
  readonly tail: LogPlace;
  readonly operations: number;
  /** False when a tool wrote it rather than the kernel. */
  readonly hasCrc: boolean;
  readonly isLittleEndian: boolean;
  /** The data as it was before it went to the log. */
  readonly content: Fields;
}

/** True when a record begins at the start of `raw`. */
export function isRecordStart(raw: Uint8Array): boolean {
  return new DataView(raw.buffer, raw.byteOffset).getUint32(0) === RECORD_MAGIC;
}

/** Reads the record at `block`. @throws AppError `FS_STRUCTURE_INVALID` when there is none, or a damaged one */
export async function readRecord(ring: LogRing, superblock: Superblock, block: number): Promise<LogRecord> {
  const at = ring.placeOf(block);
  const complain = complainOf('record of the log');
  const header = fieldsOf(await ring.read(block, 1), at, complain);
  const { headerBlocks, dataBytes } = checkHeader(header, ring, block);
  if (!sameBytes(header.slice(304, 16), superblock.uuid)) throw header.damage('it is of another volume', 304);
  const dataBlocks = Math.ceil(dataBytes / BASIC_BYTES);
  const lengthBlocks = headerBlocks + dataBlocks;
  if (lengthBlocks > ring.windowBlocks) throw header.damage('it is larger than the log', 12);
  const raw = fieldsOf(await ring.read(block, lengthBlocks), at, complain);
  const hasCrc = checkRecordCrc(raw, headerBlocks, dataBytes);
  return {
    block,
    lengthBlocks,
    tail: { cycle: header.u32be(24), block: header.u32be(28) },
    operations: header.u32be(40),
    hasCrc,
    isLittleEndian: header.u32be(300) === 1,
    content: unpacked(raw, headerBlocks, dataBytes),
  };
}

interface Lengths {
  readonly headerBlocks: number;
  readonly dataBytes: number;
}

function checkHeader(header: Fields, ring: LogRing, block: number): Lengths {
  const cycle = ring.cycleAt(block);
  const isHere = header.u32be(0) === RECORD_MAGIC && header.u32be(4) === cycle;
  if (!isHere || header.u32be(16) !== cycle || header.u32be(20) !== block) {
    throw header.damage('it is not there', 0);
  }
  const version = header.u32be(8);
  if (version !== 1 && version !== 2) throw header.damage(`it has version ${version}`, 8);
  const dataBytes = header.u32be(12);
  const bufferBytes = version === 2 ? header.u32be(320) : 0;
  if (dataBytes > MAX_BUFFER_BYTES || bufferBytes > MAX_BUFFER_BYTES) {
    throw header.damage('it has no possible size', 12);
  }
  const headerBlocks = Math.max(1, Math.ceil(bufferBytes / (WORDS_PER_HEADER * BASIC_BYTES)));
  if (dataBytes > headerBlocks * WORDS_PER_HEADER * BASIC_BYTES) {
    throw header.damage('it has more data than its headers know', 12);
  }
  return { headerBlocks, dataBytes };
}

function checkRecordCrc(raw: Fields, headerBlocks: number, dataBytes: number): boolean {
  const stored = raw.u32(CRC_AT);
  if (stored === 0) return false;
  const needed = Math.ceil(dataBytes / (WORDS_PER_HEADER * BASIC_BYTES));
  const further = Array.from({ length: Math.max(0, Math.min(needed, headerBlocks) - 1) }, (_, i) =>
    raw.slice((i + 1) * BASIC_BYTES, FURTHER_CRC_BYTES),
  );
  const data = raw.slice(headerBlocks * BASIC_BYTES, dataBytes);
  const isSound = HEADER_CRC_BYTES.some((headerBytes) => {
    const after = raw.slice(CRC_AT + 4, headerBytes - CRC_AT - 4);
    const parts = [raw.slice(0, CRC_AT), new Uint8Array(4), after, ...further, data];
    return ~parts.reduce(crc32c, 0xffffffff) >>> 0 === stored;
  });
  if (!isSound) throw raw.damage('its checksum does not match', CRC_AT);
  return true;
}

function unpacked(raw: Fields, headerBlocks: number, dataBytes: number): Fields {
  const first = headerBlocks * BASIC_BYTES;
  const content = raw.slice(first, raw.lengthBytes - first).slice();
  for (let i = 0; i * BASIC_BYTES < content.length; i++) {
    const header = Math.floor(i / WORDS_PER_HEADER);
    const words = header === 0 ? 44 : header * BASIC_BYTES + 4;
    content.set(raw.slice(words + 4 * (i % WORDS_PER_HEADER), 4), i * BASIC_BYTES);
  }
  return fieldsOf(content.subarray(0, dataBytes), raw.at + first, complainOf('record of the log'));
}
