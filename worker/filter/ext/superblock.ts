/**
 * The superblock: 1024 bytes at byte 1024 of the volume.
 *
 *   4   u32 blocks (336 u32 the upper half with 64-bit)      20  u32 first data block: 1 with blocks of 1 KiB, else 0
 *   24  u32 log2 of the block size in KiB                    28  u32 the same of clusters, with bigalloc
 *   32  u32 blocks per group    36  u32 clusters per group   40  u32 inodes per group
 *   56  u16 EF53                58  u16 state: 1 clean, 2 errors, 4 orphans being removed
 *   76  u32 revision            88  u16 inode bytes          92, 96, 100  u32 features
 *   104 UUID, 120 label (16 bytes each)                      206 u16 blocks reserved for more group descriptors
 *   224 u32 inode of the journal    228 u32 device of an external one
 *   254 u16 bytes of a group descriptor with 64-bit          260 u32 first descriptor block that META_BG has moved
 *   373 u8 kind of checksums, 1 = CRC-32C    588 2 × u32 groups with copies, with sparse_super2
 *   624 u32 seed of checksums                1020 u32 checksum
 *
 * Source: docs/format/ext.md, section 1.
 */
import { KiB } from '../../../shared/base/units.ts';
import { crc32c } from '../crc32c.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import { type Features, checkFeatures, compat, incompat, roCompat } from './features.ts';
import { complainOf, gateClosed } from './units.ts';

export const SUPERBLOCK_AT = 1024;
export const SUPERBLOCK_BYTES = 1024;

/** 8 EiB volumes have as many; 2^20 groups of 128 MiB are twice the largest virtual disk. */
const MAX_GROUPS = 1024 * 1024;
const MAX_BLOCK_SHIFT = 6;
const MAX_CLUSTER_BYTES = 512 * 1024 * KiB;
const CRC32C_KIND = 1;

/** What does not change while a volume lives, but for growing it. */
export interface Shape {
  readonly blockBytes: number;
  /** 1 without bigalloc. */
  readonly clusterBlocks: number;
  readonly blocks: number;
  readonly firstBlock: number;
  readonly groups: number;
  readonly groupBlocks: number;
  readonly groupInodes: number;
  readonly inodeBytes: number;
  readonly descriptorBytes: number;
  readonly reservedDescriptorBlocks: number;
  readonly firstMetaBlock: number;
  /** Groups that have copies with sparse_super2; null when other rules hold. */
  readonly backupGroups: readonly number[] | null;
  readonly hasSparseSuper: boolean;
  readonly hasMetaBg: boolean;
  readonly checksums: 'none' | 'crc16' | 'crc32c';
}

export interface Superblock {
  readonly shape: Shape;
  readonly features: Features;
  readonly label: string | null;
  readonly state: number;
  readonly uuid: Uint8Array;
  /** Where CRC-32C begins. */
  readonly checksumSeed: number;
  /** 0 without one. */
  readonly journalInode: number;
  readonly journalDevice: number;
}

/** The three words, whatever they say. @throws AppError `FS_STRUCTURE_INVALID` when it is no superblock */
export function decodeFeatures(bytes: Uint8Array, at: number): Features {
  const fields = fieldsOf(bytes, at, complainOf('superblock'));
  if (fields.u16(56) !== 0xef53) throw fields.damage('it is not of ext2, ext3 or ext4', 56);
  return { compat: fields.u32(92), incompat: fields.u32(96), roCompat: fields.u32(100) };
}

/**
 * Decodes the superblock at byte `at` of the disk.
 * @throws AppError `FS_STRUCTURE_INVALID` naming the field that cannot be, `FILTER_GATE_CLOSED` for features that are not known
 */
export function decodeSuperblock(bytes: Uint8Array, at: number): Superblock {
  const fields = fieldsOf(bytes, at, complainOf('superblock'));
  const features = decodeFeatures(bytes, at);
  checkRevision(fields, features);
  checkFeatures(features, at);
  const hasChecksums = (features.roCompat & roCompat.metadataChecksum) !== 0;
  if (hasChecksums) checkChecksum(fields);
  const uuid = fields.slice(104, 16).slice();
  const isSeeded = (features.incompat & incompat.checksumSeed) !== 0;
  return {
    shape: decodeShape(fields, features),
    features,
    label: decodeLabel(fields.slice(120, 16)),
    state: fields.u16(58),
    uuid,
    checksumSeed: isSeeded ? fields.u32(624) : crc32c(0xffffffff, uuid),
    journalInode: (features.compat & compat.hasJournal) === 0 ? 0 : fields.u32(224),
    journalDevice: fields.u32(228),
  };
}

function checkRevision(fields: Fields, features: Features): void {
  const revision = fields.u32(76);
  const isOld = revision === 0 && (features.compat | features.incompat | features.roCompat) === 0;
  if (revision === 1 || isOld) return;
  throw gateClosed('ext-features', `The volume has the unknown revision ${revision}`, fields.at + 76);
}

function checkChecksum(fields: Fields): void {
  if (fields.u8(373) !== CRC32C_KIND) {
    throw gateClosed('ext-features', 'The volume has checksums of an unknown kind', fields.at + 373);
  }
  if (crc32c(0xffffffff, fields.slice(0, 1020)) !== fields.u32(1020)) {
    throw fields.damage('its checksum does not match', 1020);
  }
}

function decodeLabel(bytes: Uint8Array): string | null {
  const end = bytes.indexOf(0);
  const text = new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end));
  return text === '' ? null : text;
}

function decodeShape(fields: Fields, features: Features): Shape {
  const blockShift = fields.u32(24);
  if (blockShift > MAX_BLOCK_SHIFT) throw fields.damage('blocks have no possible size', 24);
  const blockBytes = KiB << blockShift;
  const has = (word: number, bit: number): boolean => (word & bit) !== 0;
  const is64Bit = has(features.incompat, incompat.is64Bit);
  const hasCrc32c = has(features.roCompat, roCompat.metadataChecksum);
  const hasCrc16 = has(features.roCompat, roCompat.gdtChecksum);
  const isOld = fields.u32(76) === 0;
  const blocks = fields.u32(4) + (is64Bit ? fields.u32(336) : 0) * 2 ** 32;
  return {
    blockBytes,
    blocks,
    ...decodeGroups(fields, { blocks, blockBytes, hasBigalloc: has(features.roCompat, roCompat.bigalloc) }),
    ...decodeInodes(fields, isOld, blockBytes),
    descriptorBytes: is64Bit ? decodeDescriptorBytes(fields, blockBytes) : 32,
    reservedDescriptorBlocks: fields.u16(206),
    firstMetaBlock: fields.u32(260),
    backupGroups: has(features.compat, compat.sparseSuper2) ? [fields.u32(588), fields.u32(592)] : null,
    hasSparseSuper: has(features.roCompat, roCompat.sparseSuper),
    hasMetaBg: has(features.incompat, incompat.metaBg),
    checksums: hasCrc32c ? 'crc32c' : hasCrc16 ? 'crc16' : 'none',
  };
}

function decodeGroups(
  fields: Fields,
  { blocks, blockBytes, hasBigalloc }: { blocks: number; blockBytes: number; hasBigalloc: boolean },
): Pick<Shape, 'clusterBlocks' | 'firstBlock' | 'groups' | 'groupBlocks'> {
  const firstBlock = fields.u32(20);
  const clusterBytes = hasBigalloc ? KiB * 2 ** fields.u32(28) : blockBytes;
  if (clusterBytes < blockBytes || clusterBytes > MAX_CLUSTER_BYTES) {
    throw fields.damage('clusters have no possible size', 28);
  }
  if (firstBlock !== (blockBytes === KiB && !hasBigalloc ? 1 : 0)) {
    throw fields.damage(`the first data block is ${firstBlock}`, 20);
  }
  const clusterBlocks = clusterBytes / blockBytes;
  const groupBlocks = fields.u32(32);
  const groupClusters = groupBlocks / clusterBlocks;
  const isPossible = groupClusters > 0 && groupClusters % 8 === 0 && groupClusters <= 8 * blockBytes;
  if (!isPossible || (hasBigalloc && fields.u32(36) !== groupClusters)) {
    throw fields.damage(`groups have ${groupBlocks} blocks`, 32);
  }
  if (!(blocks > firstBlock)) throw fields.damage(`the volume has ${blocks} blocks`, 4);
  const groups = Math.ceil((blocks - firstBlock) / groupBlocks);
  if (groups > MAX_GROUPS) throw gateClosed('too-large', `The volume has ${groups} groups`, fields.at + 4);
  return { clusterBlocks, firstBlock, groups, groupBlocks };
}

function decodeInodes(
  fields: Fields,
  isOld: boolean,
  blockBytes: number,
): Pick<Shape, 'groupInodes' | 'inodeBytes'> {
  const groupInodes = fields.u32(40);
  const inodeBytes = isOld ? 128 : fields.u16(88);
  const isSize = inodeBytes >= 128 && inodeBytes <= blockBytes && Number.isInteger(Math.log2(inodeBytes));
  if (!isSize || groupInodes === 0 || groupInodes > 8 * blockBytes)
    throw fields.damage('inodes have no possible size or number', 88);
  return { groupInodes, inodeBytes };
}

function decodeDescriptorBytes(fields: Fields, blockBytes: number): number {
  const bytes = fields.u16(254);
  if (bytes < 64 || bytes > blockBytes || !Number.isInteger(Math.log2(bytes))) {
    throw fields.damage(`group descriptors have ${bytes} bytes`, 254);
  }
  return bytes;
}
