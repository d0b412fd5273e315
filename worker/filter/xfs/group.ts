/**
 * The header of an allocation group as far as free space goes: the second of its first four sectors. Big endian.
 *
 *   0   "XAGF"     4  u32 version 1      8  u32 number of the group      12 u32 its blocks
 *   16  u32 root of the tree by place    20 u32 root of the tree by size
 *   28  u32 levels of the first          32 u32 levels of the second
 *   52  u32 free blocks                  64 UUID (version 5)             216 u32 CRC-32C, little endian (version 5)
 *
 * Source: docs/format/xfs.md, section 3.
 */
import { type VolumeBytes } from '../volume-bytes.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import { type Superblock, blocksOfGroup, checkCopy } from './superblock.ts';
import { checkCrc, complainOf, sameBytes } from './units.ts';

/** The superblock or its copy, free space, inodes, and the list of blocks for the trees themselves. */
export const HEADER_SECTORS = 4;
const MAX_LEVELS = 9;

export interface TreeRoot {
  /** Block of the group. */
  readonly block: number;
  readonly levels: number;
}

export interface Group {
  readonly number: number;
  /** Block of the volume with which it begins. */
  readonly start: number;
  readonly blocks: number;
  readonly byPlace: TreeRoot;
  readonly bySize: TreeRoot;
  readonly freeBlocks: number;
}

/** Reads the header of group `number`. @throws AppError `FS_STRUCTURE_INVALID` when it cannot be */
export async function readGroup(bytes: VolumeBytes, superblock: Superblock, number: number): Promise<Group> {
  const { blockBytes, sectorBytes, groupBlocks } = superblock.shape;
  const start = number * groupBlocks;
  const sectors = new Uint8Array(HEADER_SECTORS * sectorBytes);
  await bytes.readInto(start * blockBytes, sectors);
  const at = bytes.startBytes + start * blockBytes;
  if (number > 0) checkCopy(superblock, sectors.subarray(0, sectorBytes), at);
  const header = sectors.subarray(sectorBytes, 2 * sectorBytes);
  return decodeGroup(superblock, number, fieldsOf(header, at + sectorBytes, complainOf('group header')));
}

function decodeGroup(superblock: Superblock, number: number, fields: Fields): Group {
  const { shape, features, metaUuid } = superblock;
  if (fields.ascii(0, 4) !== 'XAGF' || fields.u32be(4) !== 1) throw fields.damage('it is not there', 0);
  if (features.hasCrc) {
    checkCrc(fields, 216);
    if (!sameBytes(fields.slice(64, 16), metaUuid)) throw fields.damage('it is of another volume', 64);
  }
  const blocks = blocksOfGroup(shape, number);
  if (fields.u32be(8) !== number || fields.u32be(12) !== blocks) {
    throw fields.damage('it is of another group', 8);
  }
  const rootAt = (offset: number, levelsOffset: number): TreeRoot => {
    const root = { block: fields.u32be(offset), levels: fields.u32be(levelsOffset) };
    if (root.levels === 0 || root.levels > MAX_LEVELS) {
      throw fields.damage(`a tree has ${root.levels} levels`, levelsOffset);
    }
    return root;
  };
  const start = number * shape.groupBlocks;
  const trees = { byPlace: rootAt(16, 28), bySize: rootAt(20, 32) };
  return { number, start, blocks, ...trees, freeBlocks: fields.u32be(52) };
}
