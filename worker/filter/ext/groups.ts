/**
 * Group descriptors: where the bitmaps and inodes of every group lie, and how much of it is free.
 *
 *   0  u32 block of the block bitmap    4 u32 of the inode bitmap    8 u32 of the inode table     (32, 36, 40 u32 upper halves)
 *   12 u16 free clusters (44 u16)      18 u16 flags: 2 = bitmap not written, counts only with checksums
 *   24 u16 checksum of the bitmap (56 u16)                          30 u16 checksum of this descriptor
 *
 * Upper halves exist in descriptors of 64 bytes and more.
 *
 * Source: docs/format/ext.md, section 4.
 */
import { MiB } from '../../../shared/base/units.ts';
import { fieldsOf } from '../fields.ts';
import { type Blocks } from './blocks.ts';
import { descriptorChecksum } from './checksum.ts';
import { descriptorBlock, descriptorBlocks, descriptorsPerBlock } from './geometry.ts';
import { type Shape, type Superblock } from './superblock.ts';
import { complainOf, extDamage } from './units.ts';

export interface GroupDescriptor {
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
  readonly freeClusters: number;
  /** The bitmap was never written: nothing but the file system's own structures lies in the group. */
  readonly isUninitialised: boolean;
  readonly bitmapChecksum: number;
}

const BLOCK_UNINIT = 2;
const WIDE_BYTES = 64;

export const inodeTableBlocks = (shape: Shape): number =>
  Math.ceil((shape.groupInodes * shape.inodeBytes) / shape.blockBytes);

export const hasWideDescriptors = (shape: Shape): boolean => shape.descriptorBytes >= WIDE_BYTES;

/**
 * Decodes the descriptor of `group`, which lies at `at` on the disk; its checksum is not looked at.
 * @throws AppError `FS_STRUCTURE_INVALID` when something lies outside the volume
 */
function decodeDescriptor(bytes: Uint8Array, at: number, shape: Shape): GroupDescriptor {
  const fields = fieldsOf(bytes, at, complainOf('group descriptor'));
  const isWide = hasWideDescriptors(shape);
  const place = (offset: number, lengthBlocks: number): number => {
    const block = fields.u32(offset) + (isWide ? fields.u32(offset + 32) : 0) * 2 ** 32;
    const isInside = block >= shape.firstBlock && lengthBlocks <= shape.blocks - block;
    if (!isInside) throw fields.damage('it names a place outside the volume', offset);
    return block;
  };
  return {
    blockBitmap: place(0, 1),
    inodeBitmap: place(4, 1),
    inodeTable: place(8, inodeTableBlocks(shape)),
    freeClusters: fields.u16(12) + (isWide ? fields.u16(44) << 16 : 0),
    isUninitialised: shape.checksums !== 'none' && (fields.u16(18) & BLOCK_UNINIT) !== 0,
    bitmapChecksum: (fields.u16(24) | (isWide ? fields.u16(56) << 16 : 0)) >>> 0,
  };
}

/** Reads the descriptor of one group without its checksum: enough to find an inode. */
export async function readDescriptor(blocks: Blocks, group: number): Promise<GroupDescriptor> {
  const { shape } = blocks;
  const perBlock = descriptorsPerBlock(shape);
  const block = descriptorBlock(shape, Math.floor(group / perBlock));
  const offset = (group % perBlock) * shape.descriptorBytes;
  const bytes = await blocks.read(block, 1);
  const own = bytes.subarray(offset, offset + shape.descriptorBytes);
  return decodeDescriptor(own, blocks.placeOf(block) + offset, shape);
}

/**
 * All descriptors, in the order of the groups, in pieces as they are read.
 * @throws AppError `FS_STRUCTURE_INVALID` for a checksum that does not match or a place outside the volume
 */
export async function* readDescriptors(
  blocks: Blocks,
  superblock: Superblock,
): AsyncGenerator<GroupDescriptor[]> {
  const { shape } = blocks;
  const perBlock = descriptorsPerBlock(shape);
  const total = descriptorBlocks(shape);
  let index = 0;
  while (index < total) {
    const first = descriptorBlock(shape, index);
    const count = adjacentBlocks(shape, index, total);
    const bytes = await blocks.read(first, count);
    const groups = Math.min(count * perBlock, shape.groups - index * perBlock);
    yield Array.from({ length: groups }, (_, i) => {
      const offset = Math.floor(i / perBlock) * shape.blockBytes + (i % perBlock) * shape.descriptorBytes;
      const own = bytes.subarray(offset, offset + shape.descriptorBytes);
      const at = blocks.placeOf(first) + offset;
      checkChecksum(superblock, index * perBlock + i, own, at);
      return decodeDescriptor(own, at, shape);
    });
    index += count;
  }
}

/** How many blocks of descriptors follow each other from number `index` on, at most a MiB of them. */
function adjacentBlocks(shape: Shape, index: number, total: number): number {
  const first = descriptorBlock(shape, index);
  const limit = Math.min(total - index, MiB / shape.blockBytes);
  let count = 1;
  while (count < limit && descriptorBlock(shape, index + count) === first + count) count++;
  return count;
}

function checkChecksum(superblock: Superblock, group: number, bytes: Uint8Array, at: number): void {
  const wanted = descriptorChecksum(superblock, group, bytes);
  if (wanted === null) return;
  const stored = fieldsOf(bytes, at, complainOf('group descriptor')).u16(30);
  if (stored !== wanted) throw extDamage('group descriptor', 'its checksum does not match', at + 30);
}
