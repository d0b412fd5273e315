/**
 * The journal of a volume, replayed into an overlay: what Linux would write to descriptors and bitmaps when it mounts the volume
 * the next time. Nothing is written, and the journal itself is always kept.
 *
 * Source: docs/format/ext.md, section 5.
 */
import { type BlockOverlay, type Blocks, emptyOverlay } from './blocks.ts';
import { compat, incompat } from './features.ts';
import { type BlockRun, readFileBlocks } from './inode.ts';
import { isContentSound } from './journal-blocks.ts';
import { type JournalFile, type JournalWrite, readLog } from './journal-log.ts';
import {
  JOURNAL_MAGIC,
  JOURNAL_SUPERBLOCK_BYTES,
  type JournalSuperblock,
  decodeJournalSuperblock,
} from './journal-superblock.ts';
import { type Superblock } from './superblock.ts';
import { extDamage, gateClosed } from './units.ts';

/** Of ext4: the journal may get fast commits while the volume is mounted. */
const COMPAT_FAST_COMMIT = 0x400;

export interface Journal {
  /** What a replay would change. */
  readonly overlay: BlockOverlay;
  /** Where the journal lies. */
  readonly runs: readonly BlockRun[];
}

/**
 * Reads the journal of a volume whose blocks are given as they are on the disk.
 * @throws AppError `FILTER_GATE_CLOSED` when it is elsewhere, has an error or cannot be replayed, `FS_STRUCTURE_INVALID` for damage
 */
export async function readJournal(blocks: Blocks, superblock: Superblock): Promise<Journal> {
  const isRecoveryWanted = (superblock.features.incompat & incompat.recover) !== 0;
  const at = blocks.placeOf(0) + 1024;
  if ((superblock.features.compat & compat.hasJournal) === 0) {
    if (isRecoveryWanted) throw extDamage('superblock', 'it wants a journal replayed and has none', at + 96);
    return { overlay: emptyOverlay, runs: [] };
  }
  if (superblock.journalInode === 0 || superblock.journalDevice !== 0) {
    throw gateClosed('journal-external', 'The journal lies on another device', at + 224);
  }
  const file = await openJournal(blocks, superblock.journalInode);
  const { start, hasError } = file.superblock;
  if (hasError) throw gateClosed('errors-marked', 'The journal has recorded an error', at + 58);
  if (start === 0) return { overlay: emptyOverlay, runs: file.runs };
  if (!isRecoveryWanted) {
    throw gateClosed('journal-contradicts', 'The journal is in use, and the superblock denies it', at + 96);
  }
  if ((superblock.features.compat & COMPAT_FAST_COMMIT) !== 0) {
    throw gateClosed('journal-fast-commit', 'The journal may hold fast commits', at + 92);
  }
  return { overlay: overlayOf(file, await readLog(file)), runs: file.runs };
}

async function openJournal(blocks: Blocks, inode: number): Promise<JournalFile> {
  const { blockBytes } = blocks.shape;
  const { runs, sizeBytes } = await readFileBlocks(blocks, inode);
  const first = runs[0];
  const mapped = runs.reduce((sum, { length }) => sum + length, 0);
  if (first === undefined || mapped < Math.ceil(sizeBytes / blockBytes)) {
    throw extDamage('journal', 'its file has a hole', blocks.placeOf(first?.start ?? 0));
  }
  const at = blocks.placeOf(first.start);
  const bytes = await blocks.read(first.start, 1);
  const superblock = decodeJournalSuperblock(bytes.subarray(0, JOURNAL_SUPERBLOCK_BYTES), at);
  if (superblock.blockBytes !== blockBytes || superblock.blocks > mapped) {
    throw extDamage('journal', 'it does not fit its file', at + 12);
  }
  return { blocks, superblock, runs };
}

function overlayOf(
  { blocks, superblock }: JournalFile,
  writes: ReadonlyMap<number, JournalWrite>,
): BlockOverlay {
  return {
    has: (block) => writes.has(block),
    read: async (block) => {
      const write = writes.get(block);
      if (write === undefined) throw extDamage('journal', 'it has no such block', blocks.placeOf(block));
      const content = await blocks.read(write.place, 1);
      checkContent(superblock, write, content, blocks.placeOf(write.place));
      if (write.isEscaped) new DataView(content.buffer).setUint32(0, JOURNAL_MAGIC);
      return content;
    },
  };
}

function checkContent(
  superblock: JournalSuperblock,
  write: JournalWrite,
  content: Uint8Array,
  at: number,
): void {
  if (isContentSound(superblock, content, write)) return;
  throw extDamage('journal', 'the checksum of a block in it does not match', at);
}
