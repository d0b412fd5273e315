/**
 * Where the parts of a group lie that no bitmap is needed to find: copies of the superblock and of the group descriptors.
 *
 *   plain     group 0 and those with copies:  superblock, all descriptor blocks, reserved ones
 *   META_BG   from descriptor block `firstMetaBlock` on, each lies in the first group it describes, with copies in the second and the last
 *
 * Source: docs/format/ext.md, section 3.
 */
import { KiB } from '../../../shared/base/units.ts';
import { type Extent } from '../../../shared/domain/extent.ts';
import { SUPERBLOCK_AT, type Shape } from './superblock.ts';

const groupStart = (shape: Shape, group: number): number => shape.firstBlock + group * shape.groupBlocks;

/** Blocks of a group: the last one may be shorter. */
export function blocksOfGroup(shape: Shape, group: number): number {
  return Math.min(shape.groupBlocks, shape.blocks - groupStart(shape, group));
}

export const descriptorsPerBlock = (shape: Shape): number =>
  Math.floor(shape.blockBytes / shape.descriptorBytes);

export const descriptorBlocks = (shape: Shape): number =>
  Math.ceil(shape.groups / descriptorsPerBlock(shape));

/** The block in which the superblock lies. */
export const superblockBlock = (shape: Shape): number => Math.floor(SUPERBLOCK_AT / shape.blockBytes);

/** True when the group begins with a superblock. */
function hasSuperblock(shape: Shape, group: number): boolean {
  if (group === 0) return true;
  if (shape.backupGroups !== null) return shape.backupGroups.includes(group);
  if (group === 1 || !shape.hasSparseSuper) return true;
  return [3, 5, 7].some((base) => isPowerOf(base, group));
}

function isPowerOf(base: number, value: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}

/** Blocks before what META_BG or the plain layout put at the start of a group: the superblock, and block 0 before it. */
function superblockBlocks(shape: Shape, group: number): number {
  if (!hasSuperblock(shape, group)) return 0;
  return group === 0 && shape.firstBlock === 0 && shape.blockBytes === KiB ? 2 : 1;
}

/** The block of the group descriptors number `index` of their blocks. */
export function descriptorBlock(shape: Shape, index: number): number {
  if (!shape.hasMetaBg || index < shape.firstMetaBlock) return superblockBlock(shape) + 1 + index;
  const group = index * descriptorsPerBlock(shape);
  return groupStart(shape, group) + superblockBlocks(shape, group);
}

/** The blocks at the start of a group that its superblock and descriptors take; empty for most groups. */
export function headOfGroup(shape: Shape, group: number): Extent {
  const superblocks = superblockBlocks(shape, group);
  const length = Math.min(superblocks + descriptorsAt(shape, group), blocksOfGroup(shape, group));
  return { start: groupStart(shape, group), length };
}

function descriptorsAt(shape: Shape, group: number): number {
  const perBlock = descriptorsPerBlock(shape);
  const index = Math.floor(group / perBlock);
  if (shape.hasMetaBg && index >= shape.firstMetaBlock) {
    const position = group % perBlock;
    return position <= 1 || position === perBlock - 1 ? 1 : 0;
  }
  if (!hasSuperblock(shape, group)) return 0;
  const plain = shape.hasMetaBg ? shape.firstMetaBlock : descriptorBlocks(shape);
  return plain + shape.reservedDescriptorBlocks;
}
