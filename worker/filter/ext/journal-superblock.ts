/**
 * The superblock of a journal (JBD2): block 0 of its file, big endian.
 *
 *   0  u32 C03B3998   4 u32 kind: 3 old, 4 with features     12 u32 block bytes   16 u32 blocks   20 u32 first block of the log
 *   24 u32 first sequence number   28 u32 first block in use, 0 = empty           32 u32 error
 *   36, 40, 44 u32 features        48 UUID          80 u8 kind of checksums, 4 = CRC-32C       252 u32 checksum
 *
 * Source: docs/format/ext.md, section 5.
 */
import { crc32c } from '../crc32c.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import { complainOf, gateClosed } from './units.ts';

export const JOURNAL_MAGIC = 0xc03b3998;
export const JOURNAL_SUPERBLOCK_BYTES = 1024;

/** Revoked blocks, 64-bit block numbers, checksums of version 2 and 3. */
const REVOKE = 0x1;
const IS_64_BIT = 0x2;
const CHECKSUM_V2 = 0x8;
const CHECKSUM_V3 = 0x10;
const FAST_COMMIT = 0x20;
const KNOWN = REVOKE | IS_64_BIT | CHECKSUM_V2 | CHECKSUM_V3;
const OLD_KIND = 3;
const NEW_KIND = 4;
const CRC32C_KIND = 4;

export interface JournalSuperblock {
  readonly blockBytes: number;
  /** Blocks of the journal, this one included. */
  readonly blocks: number;
  readonly firstBlock: number;
  readonly sequence: number;
  /** Block of the log where reading begins; 0 when the journal is empty. */
  readonly start: number;
  readonly hasError: boolean;
  readonly is64Bit: boolean;
  readonly checksums: 'none' | 'v2' | 'v3';
  /** Where checksums begin. */
  readonly checksumSeed: number;
}

/**
 * Decodes the superblock of a journal at byte `at` of the disk.
 * @throws AppError `FS_STRUCTURE_INVALID` when it cannot be, `FILTER_GATE_CLOSED` for features that are not known
 */
export function decodeJournalSuperblock(bytes: Uint8Array, at: number): JournalSuperblock {
  const fields = fieldsOf(bytes, at, complainOf('journal'));
  const kind = fields.u32be(4);
  if (fields.u32be(0) !== JOURNAL_MAGIC || (kind !== OLD_KIND && kind !== NEW_KIND)) {
    throw fields.damage('it has no superblock', 0);
  }
  const [compat, incompat] = kind === NEW_KIND ? [fields.u32be(36), fields.u32be(40)] : [0, 0];
  checkFeatures(fields, compat, incompat);
  const hasChecksums = (incompat & (CHECKSUM_V2 | CHECKSUM_V3)) !== 0;
  if (hasChecksums) checkChecksum(fields);
  return {
    ...decodePlaces(fields),
    hasError: fields.u32be(32) !== 0,
    is64Bit: (incompat & IS_64_BIT) !== 0,
    checksums: !hasChecksums ? 'none' : (incompat & CHECKSUM_V3) !== 0 ? 'v3' : 'v2',
    checksumSeed: crc32c(0xffffffff, fields.slice(48, 16)),
  };
}

function checkFeatures(fields: Fields, compat: number, incompat: number): void {
  if ((incompat & FAST_COMMIT) !== 0) {
    throw gateClosed('journal-fast-commit', 'The journal may hold fast commits', fields.at + 40);
  }
  if (compat !== 0 || (incompat & ~KNOWN) !== 0) {
    throw gateClosed('ext-features', 'The journal has features that are not known', fields.at + 36);
  }
}

function checkChecksum(fields: Fields): void {
  if (fields.u8(80) !== CRC32C_KIND) throw fields.damage('its checksums are of an unknown kind', 80);
  const parts = [fields.slice(0, 252), new Uint8Array(4), fields.slice(256, JOURNAL_SUPERBLOCK_BYTES - 256)];
  if (parts.reduce(crc32c, 0xffffffff) !== fields.u32be(252)) {
    throw fields.damage('the checksum of its superblock does not match', 252);
  }
}

function decodePlaces(
  fields: Fields,
): Pick<JournalSuperblock, 'blockBytes' | 'blocks' | 'firstBlock' | 'sequence' | 'start'> {
  const blocks = fields.u32be(16);
  const firstBlock = fields.u32be(20);
  const start = fields.u32be(28);
  if (!(firstBlock >= 1 && firstBlock < blocks)) throw fields.damage('its log has no possible place', 20);
  if (start !== 0 && !(start >= firstBlock && start < blocks)) {
    throw fields.damage('its log begins at no possible place', 28);
  }
  return { blockBytes: fields.u32be(12), blocks, firstBlock, sequence: fields.u32be(24), start };
}
