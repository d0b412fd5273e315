/**
 * One volume of ext2, ext3 or ext4: which of its bytes nobody needs. The journal is replayed first, in memory, so that a volume
 * that was running when it was frozen is judged as Linux will see it. Everything but free clusters stays: block 0, superblocks,
 * descriptors, bitmaps, inode tables, the journal, and what lies behind the last block.
 */
import { type Extent, endOf, intersect, totalLength } from '../../../shared/domain/extent.ts';
import { type FileSystemFindings } from '../file-system.ts';
import { type FreeRuns } from '../free-runs.ts';
import { gateOf } from '../gate.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { readFreeClusters } from './bitmaps.ts';
import { type Blocks, blocksOf, emptyOverlay } from './blocks.ts';
import { nameByFeatures } from './features.ts';
import { descriptorBlocks, superblockBlock } from './geometry.ts';
import { type GroupDescriptor, readDescriptors } from './groups.ts';
import { type Journal, readJournal } from './journal.ts';
import { createOwnBlocks } from './own-blocks.ts';
import {
  SUPERBLOCK_AT,
  SUPERBLOCK_BYTES,
  type Shape,
  type Superblock,
  decodeFeatures,
  decodeSuperblock,
} from './superblock.ts';
import { extDamage, gateClosed } from './units.ts';

const STATE_CLEAN = 1;
const STATE_ERRORS = 2;

/** Looks into the volume; what it holds is never thrown, only the transport's failures and cancelling are. */
export async function examineExt(bytes: VolumeBytes): Promise<FileSystemFindings> {
  const known = { fileSystem: 'ext', label: null as string | null, clusterBytes: null as number | null };
  try {
    const raw = new Uint8Array(SUPERBLOCK_BYTES);
    await bytes.readInto(SUPERBLOCK_AT, raw);
    const at = bytes.startBytes + SUPERBLOCK_AT;
    known.fileSystem = nameByFeatures(decodeFeatures(raw, at));
    const superblock = decodeSuperblock(raw, at);
    const { shape } = superblock;
    const clusterBytes = shape.blockBytes * shape.clusterBlocks;
    known.label = superblock.label;
    known.clusterBytes = clusterBytes;
    checkFits(shape, bytes.lengthBytes, at);
    checkState(superblock, at);
    const { runs, count } = await trustedFreeClusters(bytes, superblock);
    const clusters = Math.ceil((shape.blocks - shape.firstBlock) / shape.clusterBlocks);
    const numbers = { usedBytes: (clusters - count) * clusterBytes, freeBytes: count * clusterBytes };
    const free = runs.map((run) => bytesOf(shape, run));
    return { ...known, ...numbers, free, kept: [], gate: null, reason: null };
  } catch (error) {
    const closed = gateOf(error);
    if (closed === null) throw error;
    return { ...known, usedBytes: null, freeBytes: null, free: [], kept: [], ...closed };
  }
}

function checkFits(shape: Shape, lengthBytes: number, at: number): void {
  if (shape.blocks * shape.blockBytes > lengthBytes) {
    throw extDamage('superblock', 'the volume is larger than its partition', at + 4);
  }
  if (shape.hasMetaBg && shape.firstMetaBlock > descriptorBlocks(shape)) {
    throw extDamage('superblock', 'META_BG begins behind the last descriptor', at + 260);
  }
}

/** @throws AppError `FILTER_GATE_CLOSED` for a volume that waits for e2fsck */
function checkState({ state }: Superblock, at: number): void {
  if ((state & STATE_ERRORS) !== 0) {
    throw gateClosed('errors-marked', 'The volume is marked to have errors', at + 58);
  }
  if (state !== STATE_CLEAN) throw gateClosed('not-clean', 'The volume was not cleanly unmounted', at + 58);
}

async function trustedFreeClusters(bytes: VolumeBytes, superblock: Superblock): Promise<FreeRuns> {
  const raw = blocksOf(bytes, superblock.shape, emptyOverlay);
  const journal = await readJournal(raw, superblock);
  const blocks = blocksOf(bytes, superblock.shape, journal.overlay);
  const replayed = await replayedSuperblock(blocks, journal, superblock);
  const ownBlocks = createOwnBlocks(replayed.shape);
  const groups: GroupDescriptor[] = [];
  for await (const piece of readDescriptors(blocks, replayed)) {
    for (const descriptor of piece) {
      ownBlocks.add(groups.length, descriptor);
      groups.push(descriptor);
    }
  }
  const own = ownBlocks.clusters(journal.runs);
  const free = await readFreeClusters(blocks, replayed, { groups, own });
  checkOwn(bytes, replayed.shape, intersect(free.runs, own));
  return free;
}

/** The superblock as the journal leaves it: the volume may have got an error, never another shape. */
async function replayedSuperblock(
  blocks: Blocks,
  { overlay }: Journal,
  superblock: Superblock,
): Promise<Superblock> {
  const { shape } = superblock;
  const block = superblockBlock(shape);
  if (!overlay.has(block)) return superblock;
  const offset = SUPERBLOCK_AT - block * shape.blockBytes;
  const bytes = await overlay.read(block);
  const at = blocks.placeOf(0) + SUPERBLOCK_AT;
  const replayed = decodeSuperblock(bytes.subarray(offset, offset + SUPERBLOCK_BYTES), at);
  checkState(replayed, at);
  if (JSON.stringify(replayed.shape) !== JSON.stringify(shape)) {
    throw gateClosed('journal-contradicts', 'The journal gives the volume another size', at);
  }
  return replayed;
}

/** What the file system stands on must be in use, or the bits are not those of this volume. */
function checkOwn(bytes: VolumeBytes, shape: Shape, wrong: readonly Extent[]): void {
  const first = wrong[0];
  if (first === undefined) return;
  const clusters = `${totalLength(wrong)} clusters from ${first.start} to ${endOf(wrong.at(-1) ?? first)}`;
  throw gateClosed(
    'bitmap-contradicts',
    `The bitmaps call ${clusters} free that the file system itself uses`,
    bytes.startBytes + bytesOf(shape, first).start,
  );
}

/** Bytes of the volume; the last cluster may be cut. */
function bytesOf(
  { blockBytes, clusterBlocks, firstBlock, blocks }: Shape,
  { start, length }: Extent,
): Extent {
  const first = firstBlock + start * clusterBlocks;
  const end = Math.min(first + length * clusterBlocks, blocks);
  return { start: first * blockBytes, length: (end - first) * blockBytes };
}
