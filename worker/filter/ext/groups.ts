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
import { type Fields, fieldsOf } from '../fields.ts';
import { type Blocks } from './blocks.ts';
import { descriptorChecksum } from './checksum.ts';
import { descriptorBlock, descriptorBlocks, descriptorsPerBlock } from './geometry.ts';
import { type Shape, type Superblock } from './superblock.ts';
import { complainOf } from './units.ts';

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
 * Decodes the descriptor at `from` of `fields`; its checksum is not looked at.
 * @throws AppError `FS_STRUCTURE_INVALID` when something lies outside the volume
 */
function decodeDescriptor(fields: Fields, from: number, shape: Shape): GroupDescriptor {
  const isWide = hasWideDescriptors(shape);
  const place = (offset: number, lengthBlocks: number): number => {
    const at = from + offset;
    const block = fields.u32(at) + (isWide ? fields.u32(at + 32) : 0) * 2 ** 32;
    const isInside = block >= shape.firstBlock && lengthBlocks <= shape.blocks - block;
    if (!isInside) throw fields.damage('it names a place outside the volume', at);
    return block;
  };
  return {
    blockBitmap: place(0, 1),
    inodeBitmap: place(4, 1),
    inodeTable: place(8, inodeTableBlocks(shape)),
    freeClusters: fields.u16(from + 12) + (isWide ? fields.u16(from + 44) << 16 : 0),
    isUninitialised: shape.checksums !== 'none' && (fields.u16(from + 18) & BLOCK_UNINIT) !== 0,
    bitmapChecksum: (fields.u16(from + 24) | (isWide ? fields.u16(from + 56) << 16 : 0)) >>> 0,
  };
}

/** Reads the descriptor of one group without its checksum: enough to find an inode. */
export async function readDescriptor(blocks: Blocks, group: number): Promise<GroupDescriptor> {
  const { shape } = blocks;
  const perBlock = descriptorsPerBlock(shape);
  const block = descriptorBlock(shape, Math.floor(group / perBlock));
  const offset = (group % perBlock) * shape.descriptorBytes;
  const bytes = await blocks.read(block, 1);
  return decodeDescriptor(
    fieldsOf(bytes, blocks.placeOf(block), complainOf('group descriptor')),
    offset,
    shape,
  );
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
    const fields = fieldsOf(bytes, blocks.placeOf(first), complainOf('group descriptor'));
    yield Array.from({ length: groups }, (_, i) => {
      const offset = Math.floor(i / perBlock) * shape.blockBytes + (i % perBlock) * shape.descriptorBytes;
      checkChecksum(superblock, index * perBlock + i, fields, offset);
      return decodeDescriptor(fields, offset, shape);
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

function checkChecksum(superblock: Superblock, group: number, fields: Fields, from: number): void {
  const wanted = descriptorChecksum(superblock, group, fields.slice(from, superblock.shape.descriptorBytes));
  if (wanted === null || fields.u16(from + 30) === wanted) return;
  throw fields.damage('its checksum does not match', from + 30);
}
