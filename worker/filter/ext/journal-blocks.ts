/**
 * Blocks that control a journal, big endian: 0 u32 C03B3998, 4 u32 kind, 8 u32 sequence number.
 *
 *   1 descriptor  tags from 12 on, each for one of the blocks that follow; with checksums, CRC-32C in the last 4 bytes
 *     tag         0 u32 block   6 u16 flags   8 u32 upper half (64-bit)      checksums v2: 4 u16 of the content, 2 bytes more
 *     tag, v3     0 u32 block   4 u32 flags   8 u32 upper half   12 u32 checksum of the content
 *                 flags: 1 escaped, 2 without the UUID of 16 bytes behind it, 4 deleted, 8 the last
 *   2 commit      16 u32 checksum of the block, itself as 0
 *   5 revoke      12 u32 bytes in use; block numbers from 16 on, 4 or 8 bytes each
 *
 * Source: docs/format/ext.md, section 5.
 */
import { crc32c } from '../crc32c.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import { JOURNAL_MAGIC, type JournalSuperblock } from './journal-superblock.ts';
import { complainOf } from './units.ts';

export const journalKinds = { descriptor: 1, commit: 2, revoke: 5 } as const;

/** One block that a transaction writes. */
export interface JournalTag {
  readonly block: number;
  /** Its first four bytes were the magic number, and are 0 in the journal. */
  readonly isEscaped: boolean;
  readonly isDeleted: boolean;
  /** Of the content as the journal holds it; 16 or 32 bits. */
  readonly checksum: number;
}

export interface ControlBlock {
  readonly kind: number;
  readonly sequence: number;
}

const HEADER_BYTES = 12;
const TAIL_BYTES = 4;
const UUID_BYTES = 16;
const flags = { escaped: 1, sameUuid: 2, deleted: 4, last: 8 } as const;

/** The header, or null for a block that controls nothing. */
export function decodeControl(bytes: Uint8Array): ControlBlock | null {
  const fields = fieldsOf(bytes, 0, complainOf('journal'));
  if (fields.u32be(0) !== JOURNAL_MAGIC) return null;
  return { kind: fields.u32be(4), sequence: fields.u32be(8) };
}

/** The tags of a descriptor. @throws AppError `FS_STRUCTURE_INVALID` for a checksum that does not match */
export function decodeTags(journal: JournalSuperblock, bytes: Uint8Array, at: number): JournalTag[] {
  const fields = fieldsOf(bytes, at, complainOf('journal'));
  const end = endOfRecords(journal, fields);
  const tagBytes = tagBytesOf(journal);
  const tags: JournalTag[] = [];
  let position = HEADER_BYTES;
  while (position + tagBytes <= end) {
    const { tag, bits } = decodeTag(journal, fields, position);
    tags.push(tag);
    position += tagBytes + ((bits & flags.sameUuid) !== 0 ? 0 : UUID_BYTES);
    if ((bits & flags.last) !== 0) return tags;
  }
  return tags;
}

function tagBytesOf({ checksums, is64Bit }: JournalSuperblock): number {
  if (checksums === 'v3') return 16;
  return (checksums === 'v2' ? 10 : 8) + (is64Bit ? 4 : 0);
}

function decodeTag(
  { checksums, is64Bit }: JournalSuperblock,
  fields: Fields,
  position: number,
): { tag: JournalTag; bits: number } {
  const isV3 = checksums === 'v3';
  const bits = isV3 ? fields.u32be(position + 4) : fields.u16be(position + 6);
  const upper = is64Bit ? fields.u32be(position + 8) : 0;
  const tag: JournalTag = {
    block: fields.u32be(position) + upper * 2 ** 32,
    isEscaped: (bits & flags.escaped) !== 0,
    isDeleted: (bits & flags.deleted) !== 0,
    checksum: isV3 ? fields.u32be(position + 12) : fields.u16be(position + 4),
  };
  return { tag, bits };
}

/** The blocks that a revoke block names. @throws AppError `FS_STRUCTURE_INVALID` when it cannot be */
export function decodeRevoked(journal: JournalSuperblock, bytes: Uint8Array, at: number): number[] {
  const fields = fieldsOf(bytes, at, complainOf('journal'));
  const end = fields.u32be(12);
  if (end > endOfRecords(journal, fields)) throw fields.damage('a revoke block is too long', 12);
  const step = journal.is64Bit ? 8 : 4;
  const revoked: number[] = [];
  for (let position = 16; position + step <= end; position += step) {
    revoked.push(journal.is64Bit ? fields.u64be(position) : fields.u32be(position));
  }
  return revoked;
}

/** @throws AppError `FS_STRUCTURE_INVALID` for a checksum that does not match */
export function checkCommit(journal: JournalSuperblock, bytes: Uint8Array, at: number): void {
  if (journal.checksums === 'none') return;
  const fields = fieldsOf(bytes, at, complainOf('journal'));
  const parts = [fields.slice(0, 16), new Uint8Array(4), fields.slice(20, bytes.length - 20)];
  if (parts.reduce(crc32c, journal.checksumSeed) !== fields.u32be(16)) {
    throw fields.damage('the checksum of a commit does not match', 16);
  }
}

/** True when `content`, as the journal holds it, is what transaction `sequence` wrote. */
export function isContentSound(
  journal: JournalSuperblock,
  content: Uint8Array,
  { sequence, checksum }: { sequence: number; checksum: number },
): boolean {
  if (journal.checksums === 'none') return true;
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, sequence);
  const wanted = [number, content].reduce(crc32c, journal.checksumSeed);
  return checksum === (journal.checksums === 'v3' ? wanted : wanted & 0xffff);
}

/** Where tags and revoked blocks end: before the checksum, which is checked. */
function endOfRecords(journal: JournalSuperblock, fields: Fields): number {
  if (journal.checksums === 'none') return fields.lengthBytes;
  const end = fields.lengthBytes - TAIL_BYTES;
  const parts = [fields.slice(0, end), new Uint8Array(TAIL_BYTES)];
  if (parts.reduce(crc32c, journal.checksumSeed) !== fields.u32be(end)) {
    throw fields.damage('the checksum of a block does not match', end);
  }
  return end;
}
