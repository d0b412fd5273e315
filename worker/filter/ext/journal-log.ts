/**
 * The log of a journal: transactions of descriptors with the blocks they name, revoke blocks, and a commit. It is read from its
 * start until something does not belong to the next transaction; what has no commit never happened. Content stays where it
 * is: only places are remembered.
 *
 *   ┌──────────┬────────┬────────┬──────┬────────┬──────────┬───┬─ ─ ─
 *   │descriptor│ block  │ block  │revoke│ commit │descriptor│ … │ older
 *   └──────────┴────────┴────────┴──────┴────────┴──────────┴───┴─ ─ ─     it goes on at its first block behind its last
 *
 * Source: docs/format/ext.md, section 5.
 */
import { KiB } from '../../../shared/base/units.ts';
import { type Blocks } from './blocks.ts';
import { type BlockRun } from './inode.ts';
import {
  type JournalTag,
  checkCommit,
  decodeControl,
  decodeRevoked,
  decodeTags,
  journalKinds,
} from './journal-blocks.ts';
import { type JournalSuperblock } from './journal-superblock.ts';
import { extDamage, gateClosed } from './units.ts';

/** Writes and revoked blocks remembered at most: a journal of a GiB has fewer. */
const MAX_ENTRIES = 1024 * 1024;
/** Read at once: descriptors, commits and short transactions lie close together. */
const WINDOW_BYTES = 256 * KiB;

export interface JournalFile {
  readonly blocks: Blocks;
  readonly superblock: JournalSuperblock;
  /** Of the journal's file, in order. */
  readonly runs: readonly BlockRun[];
}

/** The last content of a block that a committed transaction wrote. */
export interface JournalWrite extends JournalTag {
  /** Block of the volume that holds it. */
  readonly place: number;
  readonly sequence: number;
}

interface Transaction {
  readonly writes: JournalWrite[];
  readonly revoked: number[];
}

interface Replay {
  readonly writes: Map<number, { write: JournalWrite; order: number }>;
  readonly revoked: Map<number, number>;
  /** Committed transactions so far. */
  order: number;
}

/**
 * What the committed transactions leave in the blocks of the volume, by block.
 * @throws AppError `FS_STRUCTURE_INVALID` for a block that belongs to the log and cannot be
 */
export async function readLog(journal: JournalFile): Promise<ReadonlyMap<number, JournalWrite>> {
  const replay: Replay = { writes: new Map(), revoked: new Map(), order: 0 };
  const { superblock } = journal;
  const cursor = createCursor(journal);
  let sequence = superblock.sequence;
  let transaction: Transaction = { writes: [], revoked: [] };
  for (;;) {
    const { bytes, at } = await cursor.readBlock();
    const control = decodeControl(bytes);
    if (control?.sequence !== sequence) break;
    if (control.kind === journalKinds.descriptor) {
      for (const tag of decodeTags(superblock, bytes, at)) {
        transaction.writes.push({ ...tag, place: cursor.skipBlock(), sequence });
      }
    } else if (control.kind === journalKinds.revoke) {
      transaction.revoked.push(...decodeRevoked(superblock, bytes, at));
    } else if (control.kind === journalKinds.commit) {
      checkCommit(superblock, bytes, at);
      commit(replay, transaction, at);
      transaction = { writes: [], revoked: [] };
      sequence = (sequence + 1) >>> 0;
    } else break;
  }
  return survivors(replay);
}

function commit(replay: Replay, { writes, revoked }: Transaction, at: number): void {
  for (const write of writes) replay.writes.set(write.block, { write, order: replay.order });
  for (const block of revoked) replay.revoked.set(block, replay.order);
  replay.order++;
  if (replay.writes.size + replay.revoked.size > MAX_ENTRIES) {
    throw gateClosed('too-large', 'The journal holds more blocks than are looked into', at);
  }
}

/** A revoked block keeps the content it has on the volume, unless a later transaction wrote it again. */
function survivors({ writes, revoked }: Replay): ReadonlyMap<number, JournalWrite> {
  const result = new Map<number, JournalWrite>();
  for (const [block, { write, order }] of writes) {
    const revokedBy = revoked.get(block) ?? -1;
    if (revokedBy < order && !write.isDeleted) result.set(block, write);
  }
  return result;
}

interface Cursor {
  /** The next block of the log. */
  readBlock(): Promise<{ bytes: Uint8Array; at: number }>;
  /** Passes over the next block and tells its place on the volume. */
  skipBlock(): number;
}

/** Walks the log once around, never further. */
function createCursor({ blocks, superblock, runs }: JournalFile): Cursor {
  const { blockBytes } = blocks.shape;
  const locate = locatorOf(runs);
  let next = superblock.start;
  let left = superblock.blocks - superblock.firstBlock + 1;
  let window: { start: number; bytes: Uint8Array } = { start: 0, bytes: new Uint8Array() };
  const advance = (): BlockRun => {
    const place = locate(next);
    if (left-- === 0) throw extDamage('journal', 'its log has no end', blocks.placeOf(place.start));
    next = next + 1 === superblock.blocks ? superblock.firstBlock : next + 1;
    return place;
  };
  return {
    async readBlock() {
      const { start, length } = advance();
      if (start < window.start || (start - window.start) * blockBytes >= window.bytes.length) {
        window = { start, bytes: await blocks.read(start, Math.min(length, WINDOW_BYTES / blockBytes)) };
      }
      const offset = (start - window.start) * blockBytes;
      return { bytes: window.bytes.subarray(offset, offset + blockBytes), at: blocks.placeOf(start) };
    },
    skipBlock: () => advance().start,
  };
}

/**
 * Finds the block of the volume for a block of the file, and how many follow it there; the run that held the last one is
 * looked at first.
 */
function locatorOf(runs: readonly BlockRun[]): (block: number) => BlockRun {
  let index = 0;
  let runStart = 0;
  return (block) => {
    if (block < runStart) {
      index = 0;
      runStart = 0;
    }
    for (let run = runs[index]; run !== undefined; run = runs[++index]) {
      const before = block - runStart;
      if (before < run.length) return { start: run.start + before, length: run.length - before };
      runStart += run.length;
    }
    throw extDamage('journal', `it ends before its block ${block}`, 0);
  };
}
