/**
 * Block bitmaps: one block in every group, one bit for every cluster. With flex_bg those of many groups follow each other and are
 * read at once. The free clusters that a group counts must be those of its bitmap.
 *
 * Source: docs/format/ext.md, section 4.
 */
import { MiB } from '../../../shared/base/units.ts';
import { type ExtentSet, endOf, slice, subtract } from '../../../shared/domain/extent.ts';
import { type FreeRuns, createRunList, scanClearBits } from '../free-runs.ts';
import { type Blocks } from './blocks.ts';
import { bitmapChecksum } from './checksum.ts';
import { blocksOfGroup } from './geometry.ts';
import { type GroupDescriptor, hasWideDescriptors } from './groups.ts';
import { type Superblock } from './superblock.ts';
import { extDamage, gateClosed } from './units.ts';

/** Reads the bitmaps of all groups; `own` is what they must call used, in clusters. */
export async function readFreeClusters(
  blocks: Blocks,
  superblock: Superblock,
  { groups, own }: { groups: readonly GroupDescriptor[]; own: ExtentSet },
): Promise<FreeRuns> {
  const { shape } = superblock;
  const groupClusters = shape.groupBlocks / shape.clusterBlocks;
  const runs = createJoinedRuns();
  let index = 0;
  while (index < groups.length) {
    const count = adjacentBitmaps(groups, index, MiB / shape.blockBytes);
    const first = groups[index];
    if (first === undefined) break;
    const bytes = first.isUninitialised ? null : await blocks.read(first.blockBitmap, count);
    for (let i = 0; i < count; i++) {
      const number = index + i;
      const start = number * groupClusters;
      const clusters = Math.ceil(blocksOfGroup(shape, number) / shape.clusterBlocks);
      const before = runs.count();
      if (bytes === null) addUninitialised(runs, own, { start, length: clusters });
      else {
        const bitmap = bytes.subarray(i * shape.blockBytes, i * shape.blockBytes + groupClusters / 8);
        checkBitmap(blocks, superblock, groups[number], bitmap);
        addBitmap(runs, bitmap, { start, length: clusters });
      }
      checkCount(blocks, groups[number], number, runs.count() - before);
    }
    index += count;
  }
  return runs.finish();
}

/** How many groups from `index` on have bitmaps that follow each other; 1 for a bitmap that was never written. */
function adjacentBitmaps(groups: readonly GroupDescriptor[], index: number, limit: number): number {
  const first = groups[index];
  let count = 1;
  for (;;) {
    const next = groups[index + count];
    const isNext =
      first?.isUninitialised === false &&
      next?.isUninitialised === false &&
      next.blockBitmap === first.blockBitmap + count;
    if (!isNext || count >= limit) return count;
    count++;
  }
}

interface JoinedRuns {
  push(start: number, end: number): void;
  count(): number;
  finish(): FreeRuns;
}

/** A run list that joins what touches across the ends of groups. */
function createJoinedRuns(): JoinedRuns {
  const runs = createRunList();
  let open = { start: 0, end: 0 };
  let count = 0;
  const close = (): void => {
    if (open.end > open.start) runs.push(open.start, open.end);
  };
  return {
    push(start, end) {
      count += end - start;
      if (start === open.end) {
        open.end = end;
        return;
      }
      close();
      open = { start, end };
    },
    count: () => count,
    finish() {
      close();
      return { runs: runs.list(), count };
    },
  };
}

interface Clusters {
  readonly start: number;
  readonly length: number;
}

function addUninitialised(runs: JoinedRuns, own: ExtentSet, group: Clusters): void {
  const free = subtract([group], slice(own, group.start, endOf(group)));
  for (const run of free) runs.push(run.start, endOf(run));
}

function addBitmap(runs: JoinedRuns, bitmap: Uint8Array, { start, length }: Clusters): void {
  const scan = scanClearBits(length, (from, to) => runs.push(start + from, start + to));
  scan.add(bitmap);
  scan.finish();
}

function checkBitmap(
  blocks: Blocks,
  superblock: Superblock,
  group: GroupDescriptor | undefined,
  bitmap: Uint8Array,
): void {
  if (group === undefined || superblock.shape.checksums !== 'crc32c') return;
  const mask = hasWideDescriptors(superblock.shape) ? 0xffffffff : 0xffff;
  const wanted = (bitmapChecksum(superblock, bitmap) & mask) >>> 0;
  if (wanted === group.bitmapChecksum) return;
  throw extDamage('block bitmap', 'its checksum does not match', blocks.placeOf(group.blockBitmap));
}

function checkCount(
  blocks: Blocks,
  group: GroupDescriptor | undefined,
  number: number,
  freeClusters: number,
): void {
  if (group === undefined || group.freeClusters === freeClusters) return;
  throw gateClosed(
    'bitmap-contradicts',
    `Group ${number} counts ${group.freeClusters} free clusters, and its bitmap has ${freeClusters}`,
    blocks.placeOf(group.blockBitmap),
  );
}
