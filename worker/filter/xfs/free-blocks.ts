/**
 * Free blocks of a volume out of the trees of all its groups. What the trees say is held against what else is known: the number of
 * free blocks in the header of each group; without checksums, the other tree with the same records; and what XFS itself
 * stands on, which cannot be free. Blocks that are set aside for the trees themselves are in no tree and so in use.
 *
 * Source: docs/format/xfs.md, section 4.
 */
import { type Extent, intersect, normalize } from '../../../shared/domain/extent.ts';
import { type FreeRunList, type FreeRuns, createRunList } from '../free-runs.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { type TreeKind, type TreeWalker, createTreeWalker } from './free-tree.ts';
import { type Group, HEADER_SECTORS, readGroup } from './group.ts';
import { type Superblock } from './superblock.ts';
import { gateClosed } from './units.ts';

/** @throws AppError `FS_STRUCTURE_INVALID` for damage, `FILTER_GATE_CLOSED` for a contradiction */
export async function readFreeBlocks(bytes: VolumeBytes, superblock: Superblock): Promise<FreeRuns> {
  const { shape, features } = superblock;
  const walker = createTreeWalker(bytes, superblock);
  const runs = createRunList();
  for (let number = 0; number < shape.groups; number++) {
    const group = await readGroup(bytes, superblock, number);
    const at = bytes.startBytes + group.start * shape.blockBytes;
    const sum = await sumTree(walker, { group, kind: 'byPlace', runs });
    if (sum.blocks !== group.freeBlocks) {
      const counted = `Group ${number} counts ${group.freeBlocks} free blocks, and its tree has ${sum.blocks}`;
      throw gateClosed('free-contradicts', counted, at);
    }
    if (features.hasCrc) continue;
    const other = await sumTree(walker, { group, kind: 'bySize', runs: null });
    if (JSON.stringify(other) !== JSON.stringify(sum)) {
      throw gateClosed('free-contradicts', `The two trees of group ${number} do not agree`, at);
    }
  }
  const free = { runs: runs.list(), count: runs.count() };
  checkOwn(bytes, superblock, intersect(free.runs, ownBlocks(superblock, walker)));
  return free;
}

/** The same for two trees only when they have the same records, in whatever order. */
interface TreeSum {
  readonly blocks: number;
  readonly records: number;
  readonly mixed: number;
}

interface Tree {
  readonly group: Group;
  readonly kind: TreeKind;
  /** Takes the records, as blocks of the volume. */
  readonly runs: FreeRunList | null;
}

async function sumTree(walker: TreeWalker, { group, kind, runs }: Tree): Promise<TreeSum> {
  let [blocks, records, mixed] = [0, 0, 0];
  for await (const leaf of walker.leaves(group, kind)) {
    records += leaf.length;
    for (const { start, length } of leaf) {
      blocks += length;
      mixed = (mixed + mix(start, length)) | 0;
      runs?.push(group.start + start, group.start + start + length);
    }
  }
  return { blocks, records, mixed };
}

/** A number below 2^32 that two records hardly share. */
function mix(start: number, length: number): number {
  let value = Math.imul(start ^ (length << 16) ^ (length >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35) ^ length;
  return Math.imul(value ^ (value >>> 16), 0x27d4eb2f);
}

/** Headers of groups, the log, and the trees. */
function ownBlocks({ shape }: Superblock, walker: TreeWalker): readonly Extent[] {
  const headerBlocks = Math.ceil((HEADER_SECTORS * shape.sectorBytes) / shape.blockBytes);
  const own: Extent[] = [shape.log];
  for (let number = 0; number < shape.groups; number++) {
    own.push({ start: number * shape.groupBlocks, length: headerBlocks });
  }
  for (const start of walker.ownBlocks) own.push({ start, length: 1 });
  return normalize(own);
}

function checkOwn(bytes: VolumeBytes, { shape }: Superblock, wrong: readonly Extent[]): void {
  const first = wrong[0];
  if (first === undefined) return;
  const reason = `Block ${first.start} is called free, and the file system itself uses it`;
  throw gateClosed('free-contradicts', reason, bytes.startBytes + first.start * shape.blockBytes);
}
