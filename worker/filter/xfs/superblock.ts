/**
 * The superblock: the first sector of the volume, and a copy in the first sector of every other allocation group. Big endian.
 *
 *   0   "XFSB"                     4   u32 block bytes            8   u64 blocks of the volume
 *   16  u64 realtime blocks        32  UUID                       48  u64 block where the log begins, 0 = on another device
 *   84  u32 blocks of a group      88  u32 groups                 96  u32 blocks of the log
 *   100 u16 version and features   102 u16 sector bytes           108 label, 12 bytes
 *   120 u8 log2 of the block bytes 124 u8 log2 of the blocks of a group, rounded up
 *   126 u8 not 0 while it is being made                           208 … features of version 5
 *   224 u32 CRC-32C, little endian 248 UUID of metadata
 *
 * The place of the log is written as group << u8 at 124 | block of the group.
 *
 * Source: docs/format/xfs.md, section 1.
 */
import { KiB } from '../../../shared/base/units.ts';
import { type Extent } from '../../../shared/domain/extent.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import { type Features, decodeFeatures } from './features.ts';
import { checkCrc, complainOf, gateClosed, xfsDamage } from './units.ts';

/** The largest sector there is: enough to hold any superblock. */
export const MAX_SECTOR_BYTES = 32 * KiB;
/** 2^20 groups of 16 MiB; volumes of virtual disks have a few thousand at most. */
const MAX_GROUPS = 1024 * 1024;
const MIN_GROUP_BLOCKS = 64;
const MAX_BLOCK_SHIFT = 16;
/** 2 GiB. */
const MAX_LOG_BYTES = 2 ** 31;

/** Where everything lies; what may change only when a volume grows. */
export interface Shape {
  readonly blockBytes: number;
  readonly sectorBytes: number;
  readonly blocks: number;
  readonly groupBlocks: number;
  readonly groups: number;
  /** In blocks of the volume. */
  readonly log: Extent;
}

export interface Superblock {
  readonly shape: Shape;
  readonly features: Features;
  readonly label: string | null;
  readonly uuid: Uint8Array;
  /** What checksummed metadata names as its volume. */
  readonly metaUuid: Uint8Array;
}

/** Blocks of group `group`: the last one may be shorter. */
export function blocksOfGroup({ blocks, groupBlocks }: Shape, group: number): number {
  return Math.min(groupBlocks, blocks - group * groupBlocks);
}

/**
 * Decodes the superblock at byte `at` of the disk; `bytes` are at least its sector.
 * @throws AppError `FS_STRUCTURE_INVALID` naming the field that cannot be, `FILTER_GATE_CLOSED` for what is not understood
 */
export function decodeSuperblock(bytes: Uint8Array, at: number): Superblock {
  const fields = fieldsOf(bytes, at, complainOf('superblock'));
  if (fields.ascii(0, 4) !== 'XFSB') throw fields.damage('it is not of XFS', 0);
  const features = decodeFeatures(fields);
  const sectorBytes = fields.u16be(102);
  if (!isPowerWithin(sectorBytes, 512, MAX_SECTOR_BYTES)) {
    throw fields.damage('sectors have no possible size', 102);
  }
  if (features.hasCrc) checkCrc(fieldsOf(fields.slice(0, sectorBytes), at, complainOf('superblock')), 224);
  if (fields.u8(126) !== 0) throw fields.damage('the volume has not been made to its end', 126);
  checkPlace(fields);
  const uuid = fields.slice(32, 16).slice();
  return {
    shape: decodeShape(fields, sectorBytes),
    features,
    label: decodeLabel(fields.slice(108, 12)),
    uuid,
    metaUuid: features.hasMetaUuid ? fields.slice(248, 16).slice() : uuid,
  };
}

/** @throws AppError `FILTER_GATE_CLOSED` for volumes in several parts */
function checkPlace(fields: Fields): void {
  if (fields.u64be(16) !== 0) throw gateClosed('realtime', 'The volume has a realtime part', fields.at + 16);
  if (fields.u64be(48) === 0) {
    throw gateClosed('log-external', 'The log lies on another device', fields.at + 48);
  }
}

/**
 * Checks the copy at byte `at` of the disk against the superblock.
 * @throws AppError `FS_STRUCTURE_INVALID` when it gives the volume another shape
 */
export function checkCopy(superblock: Superblock, bytes: Uint8Array, at: number): void {
  const what = 'copy of the superblock';
  const fields = fieldsOf(bytes, at, complainOf(what));
  if (fields.ascii(0, 4) !== 'XFSB') throw fields.damage('it is not there', 0);
  if (superblock.features.hasCrc) checkCrc(fields, 224);
  const shape = decodeShape(fields, fields.u16be(102));
  if (JSON.stringify(shape) !== JSON.stringify(superblock.shape)) {
    throw xfsDamage(what, 'it gives the volume another shape', at);
  }
}

function decodeShape(fields: Fields, sectorBytes: number): Shape {
  const blockShift = fields.u8(120);
  const blockBytes = fields.u32be(4);
  if (!isPowerWithin(blockBytes, sectorBytes, 2 ** MAX_BLOCK_SHIFT) || blockBytes !== 2 ** blockShift) {
    throw fields.damage('blocks have no possible size', 4);
  }
  const blocks = fields.u64be(8);
  const groupBlocks = fields.u32be(84);
  const groups = fields.u32be(88);
  if (groups > MAX_GROUPS) throw gateClosed('too-large', `The volume has ${groups} groups`, fields.at + 88);
  if (groupBlocks < MIN_GROUP_BLOCKS || groups !== Math.ceil(blocks / groupBlocks)) {
    throw fields.damage(`${groups} groups of ${groupBlocks} blocks cannot be`, 84);
  }
  const log = decodeLog(fields, { blockBytes, groupBlocks, blocks });
  return { blockBytes, sectorBytes, blocks, groupBlocks, groups, log };
}

function decodeLog(
  fields: Fields,
  { blockBytes, groupBlocks, blocks }: { blockBytes: number; groupBlocks: number; blocks: number },
): Extent {
  const groupShift = fields.u8(124);
  if (groupShift !== Math.ceil(Math.log2(groupBlocks))) {
    throw fields.damage('groups have no possible size', 124);
  }
  const place = fields.u64be(48);
  const group = Math.floor(place / 2 ** groupShift);
  const block = place % 2 ** groupShift;
  const length = fields.u32be(96);
  const start = group * groupBlocks + block;
  const isInside = block + length <= groupBlocks && start + length <= blocks;
  if (length === 0 || length * blockBytes > MAX_LOG_BYTES || !isInside) {
    throw fields.damage('the log has no possible place', 48);
  }
  return { start, length };
}

function decodeLabel(bytes: Uint8Array): string | null {
  const end = bytes.indexOf(0);
  const text = new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end));
  return text === '' ? null : text;
}

function isPowerWithin(value: number, least: number, most: number): boolean {
  return value >= least && value <= most && Number.isInteger(Math.log2(value));
}
