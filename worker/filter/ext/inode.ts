/**
 * Where the blocks of a file lie, for the journal: by extents, or by lists of blocks up to three deep.
 *
 *   inode    4 u32 size (108 u32 upper half)    32 u32 flags, 80000 = extents    40 60 bytes: 15 block numbers, or the root of the extents
 *   extents  0 u16 F30A   2 u16 entries   6 u16 depth; entries of 12 bytes from 12 on
 *            leaf:  0 u32 first block of the file   4 u16 length, above 32768 unwritten   6 u16, 8 u32 block
 *            index: 0 u32 first block of the file   4 u32, 8 u16 block of the node below
 *
 * Source: docs/format/ext.md, section 5.
 */
import { fieldsOf } from '../fields.ts';
import { type Blocks } from './blocks.ts';
import { readDescriptor } from './groups.ts';
import { complainOf, extDamage } from './units.ts';

/** Blocks of the volume that follow each other in a file. */
export interface BlockRun {
  readonly start: number;
  readonly length: number;
}

export interface FileBlocks {
  readonly sizeBytes: number;
  /** In the order of the file, without holes, from its start to its last mapped block. */
  readonly runs: readonly BlockRun[];
}

const EXTENTS_FLAG = 0x80000;
const EXTENT_MAGIC = 0xf30a;
const MAX_DEPTH = 5;
const MAX_WRITTEN = 32768;
/** Blocks of a file that are followed at most: above the largest journal that e2fsprogs makes. */
const MAX_BLOCKS = 10_240_000;
/** Blocks read at most to find them. */
const MAX_NODES = 16_384;

interface Walk {
  readonly blocks: Blocks;
  readonly runs: { start: number; length: number }[];
  /** Blocks of the file so far. */
  mapped: number;
  nodes: number;
  /** A list of blocks has ended: nothing may come behind. */
  hasEnded: boolean;
}

/**
 * Reads the inode `number` and follows its blocks.
 * @throws AppError `FS_STRUCTURE_INVALID` when the file has holes, leaves the volume or is no plain one
 */
export async function readFileBlocks(blocks: Blocks, number: number): Promise<FileBlocks> {
  const { shape } = blocks;
  const group = Math.floor((number - 1) / shape.groupInodes);
  if (number < 1 || group >= shape.groups) {
    throw extDamage('superblock', `there is no inode ${number}`, blocks.placeOf(0) + 1024);
  }
  const { inodeTable } = await readDescriptor(blocks, group);
  const offset = ((number - 1) % shape.groupInodes) * shape.inodeBytes;
  const block = inodeTable + Math.floor(offset / shape.blockBytes);
  const bytes = (await blocks.read(block, 1)).subarray(offset % shape.blockBytes);
  const at = blocks.placeOf(block) + (offset % shape.blockBytes);
  const fields = fieldsOf(bytes.subarray(0, shape.inodeBytes), at, complainOf(`inode ${number}`));
  const walk: Walk = { blocks, runs: [], mapped: 0, nodes: 0, hasEnded: false };
  const map = fields.slice(40, 60);
  if ((fields.u32(32) & EXTENTS_FLAG) !== 0) await walkExtents(walk, map, at + 40, MAX_DEPTH);
  else await walkList(walk, map, at + 40);
  return { sizeBytes: fields.u32(4) + fields.u32(108) * 2 ** 32, runs: walk.runs };
}

function addRun(walk: Walk, start: number, length: number, at: number): void {
  const { shape } = walk.blocks;
  const isInside = start >= shape.firstBlock && start > 0 && length <= shape.blocks - start;
  if (!isInside) throw extDamage('file', 'its blocks leave the volume', at);
  walk.mapped += length;
  if (walk.mapped > MAX_BLOCKS) throw extDamage('file', 'it is too long', at);
  const last = walk.runs.at(-1);
  if (last !== undefined && last.start + last.length === start) last.length += length;
  else walk.runs.push({ start, length });
}

async function readNode(walk: Walk, block: number, at: number): Promise<Uint8Array> {
  const { shape } = walk.blocks;
  if (!(block > 0 && block < shape.blocks)) throw extDamage('file', 'its blocks leave the volume', at);
  if (++walk.nodes > MAX_NODES) throw extDamage('file', 'it is in too many pieces', at);
  return await walk.blocks.read(block, 1);
}

async function walkExtents(walk: Walk, bytes: Uint8Array, at: number, maxDepth: number): Promise<void> {
  const node = fieldsOf(bytes, at, complainOf('extents'));
  const depth = node.u16(6);
  if (node.u16(0) !== EXTENT_MAGIC) throw node.damage('they have no header', 0);
  if (depth > maxDepth) throw node.damage(`they are ${depth} levels deep`, 6);
  for (let i = 0; i < node.u16(2); i++) {
    const entry = 12 + 12 * i;
    if (node.u32(entry) !== walk.mapped) throw node.damage('the file has a hole', entry);
    if (depth > 0) {
      const below = node.u32(entry + 4) + node.u16(entry + 8) * 2 ** 32;
      const child = await readNode(walk, below, at + entry);
      const childAt = walk.blocks.placeOf(below);
      if (fieldsOf(child, childAt, complainOf('extents')).u16(6) !== depth - 1) {
        throw node.damage('a level is missing', entry);
      }
      await walkExtents(walk, child, childAt, depth - 1);
    } else {
      const length = node.u16(entry + 4);
      const isWritten = length > 0 && length <= MAX_WRITTEN;
      if (!isWritten) throw node.damage('an extent is empty or was never written', entry + 4);
      addRun(walk, node.u32(entry + 8) + node.u16(entry + 6) * 2 ** 32, length, at + entry);
    }
  }
}

async function walkList(walk: Walk, bytes: Uint8Array, at: number): Promise<void> {
  const numbers = fieldsOf(bytes, at, complainOf('block list'));
  for (let i = 0; i < 15; i++) {
    const block = numbers.u32(4 * i);
    if (isPastEnd(walk, block, at + 4 * i)) continue;
    await walkIndirect(walk, block, Math.max(0, i - 11), at + 4 * i);
  }
}

function isPastEnd(walk: Walk, block: number, at: number): boolean {
  if (block !== 0 && walk.hasEnded) throw extDamage('file', 'it has a hole', at);
  walk.hasEnded = block === 0;
  return walk.hasEnded;
}

async function walkIndirect(walk: Walk, block: number, depth: number, at: number): Promise<void> {
  if (depth === 0) {
    addRun(walk, block, 1, at);
    return;
  }
  const node = await readNode(walk, block, at);
  const nodeAt = walk.blocks.placeOf(block);
  const numbers = fieldsOf(node, nodeAt, complainOf('block list'));
  for (let i = 0; i < node.length / 4; i++) {
    const below = numbers.u32(4 * i);
    if (isPastEnd(walk, below, nodeAt + 4 * i)) continue;
    await walkIndirect(walk, below, depth - 1, nodeAt + 4 * i);
  }
}
