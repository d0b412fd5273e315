/**
 * What an ext volume itself consists of: superblocks, descriptors, bitmaps, inode tables, the journal. Its bitmaps must call all
 * of it used; a group whose bitmap was never written has nothing else.
 */
import { type Extent, type ExtentSet, endOf, normalize } from '../../../shared/domain/extent.ts';
import { headOfGroup } from './geometry.ts';
import { type GroupDescriptor, inodeTableBlocks } from './groups.ts';
import { type BlockRun } from './inode.ts';
import { type Shape } from './superblock.ts';

export interface OwnBlocks {
  /** Takes the next group. */
  add(group: number, descriptor: GroupDescriptor): void;
  /** All groups and the journal, in clusters counted as the bitmaps do. */
  clusters(journal: readonly BlockRun[]): ExtentSet;
}

/** Collects groups in their order; what follows each other is joined at once, which flex_bg makes the rule. */
export function createOwnBlocks(shape: Shape): OwnBlocks {
  const kinds: Extent[][] = [[], [], [], []];
  const tableBlocks = inodeTableBlocks(shape);
  const push = (kind: number, start: number, length: number): void => {
    const list = kinds[kind];
    const last = list?.at(-1);
    if (list === undefined || length === 0) return;
    if (last !== undefined && endOf(last) === start) {
      list[list.length - 1] = { start: last.start, length: last.length + length };
    } else list.push({ start, length });
  };
  return {
    add(group, { blockBitmap, inodeBitmap, inodeTable }) {
      const head = headOfGroup(shape, group);
      push(0, head.start, head.length);
      push(1, blockBitmap, 1);
      push(2, inodeBitmap, 1);
      push(3, inodeTable, tableBlocks);
    },
    clusters: (journal) =>
      normalize([...kinds.flat(), ...journal].map((blocks) => clustersOf(shape, blocks))),
  };
}

/** The clusters that hold any of these blocks. */
function clustersOf({ firstBlock, clusterBlocks }: Shape, { start, length }: Extent): Extent {
  const first = Math.floor((start - firstBlock) / clusterBlocks);
  const end = Math.ceil((start + length - firstBlock) / clusterBlocks);
  return { start: Math.max(0, first), length: end - Math.max(0, first) };
}
