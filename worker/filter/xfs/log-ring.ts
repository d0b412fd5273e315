/**
 * The log as a ring of basic blocks of 512 bytes, and where its head is. Every block begins with the number of the round in which it was
 * written (the header of a record has its magic there, and the number behind it), so the head is where the number falls by one:
 *
 *   ┌──────────────────────────┬───────────────────┐
 *   │ c  c  c  c  c  c  c  c  c│c-1 c-1 c-1 c-1 c-1│      all the same: the head is at block 0
 *   └──────────────────────────┴───────────────────┘
 *                              head
 *
 * Up to eight buffers of 256 KiB are written at once and in any order, so the numbers are looked at that far to both sides of the
 * head: where they are mixed, a write was under way.
 *
 * Source: docs/format/xfs.md, section 5.
 */
import { type VolumeBytes } from '../volume-bytes.ts';
import { type Superblock } from './superblock.ts';
import { gateClosed, xfsDamage } from './units.ts';

export const BASIC_BYTES = 512;
export const RECORD_MAGIC = 0xfeedbabe;
/** Eight buffers of 256 KiB. */
const WINDOW_BLOCKS = 4096;

export interface LogRing {
  readonly blocks: number;
  /** The block that would be written next. */
  readonly head: number;
  /** How many blocks before the head have been looked at. */
  readonly windowBlocks: number;
  /** Round in which a block was written. */
  cycleAt(block: number): number;
  /** Where a block lies on the disk; for messages. */
  placeOf(block: number): number;
  /** Reads `count` blocks, at most a window, on behind the end at the start. */
  read(block: number, count: number): Promise<Uint8Array>;
}

/**
 * Finds the head of the log.
 * @throws AppError `FILTER_GATE_CLOSED` when writes to it were under way, `FS_STRUCTURE_INVALID` when it is no log
 */
export async function openLogRing(bytes: VolumeBytes, { shape }: Superblock): Promise<LogRing> {
  const startByte = shape.log.start * shape.blockBytes;
  const blocks = (shape.log.length * shape.blockBytes) / BASIC_BYTES;
  const placeOf = (block: number): number => bytes.startBytes + startByte + block * BASIC_BYTES;
  async function read(block: number, count: number): Promise<Uint8Array> {
    const into = new Uint8Array(count * BASIC_BYTES);
    const before = Math.min(count, blocks - block) * BASIC_BYTES;
    await bytes.readInto(startByte + block * BASIC_BYTES, into.subarray(0, before));
    await bytes.readInto(startByte, into.subarray(before));
    return into;
  }
  const readCycle = async (block: number): Promise<number> => cycleOf(await read(block, 1), 0);

  const [first, last] = [await readCycle(0), await readCycle(blocks - 1)];
  if (first === 0 || (first !== last && first !== last + 1)) {
    throw xfsDamage('log', `its rounds are ${first} and ${last}`, placeOf(0));
  }
  const head = first === last ? 0 : await findHead({ first, last, blocks, readCycle, placeOf });
  const cycleAt = (block: number): number => (block < head ? first : last);
  const windowBlocks = Math.min(WINDOW_BLOCKS, Math.floor(blocks / 2));
  const ring = { blocks, head, windowBlocks, cycleAt, placeOf, read };
  await checkWindow(ring, (head - windowBlocks + blocks) % blocks);
  await checkWindow(ring, head);
  return ring;
}

function cycleOf(raw: Uint8Array, block: number): number {
  const view = new DataView(raw.buffer, raw.byteOffset + block * BASIC_BYTES, BASIC_BYTES);
  const word = view.getUint32(0);
  return word === RECORD_MAGIC ? view.getUint32(4) : word;
}

interface Search {
  readonly first: number;
  readonly last: number;
  readonly blocks: number;
  readonly readCycle: (block: number) => Promise<number>;
  readonly placeOf: (block: number) => number;
}

async function findHead({ first, last, blocks, readCycle, placeOf }: Search): Promise<number> {
  let low = 0;
  let high = blocks - 1;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const cycle = await readCycle(middle);
    if (cycle !== first && cycle !== last) {
      throw xfsDamage('log', `a block of round ${cycle} is in it`, placeOf(middle));
    }
    if (cycle === first) low = middle;
    else high = middle;
  }
  return high;
}

async function checkWindow(ring: LogRing, from: number): Promise<void> {
  const raw = await ring.read(from, ring.windowBlocks);
  for (let i = 0; i < ring.windowBlocks; i++) {
    const block = (from + i) % ring.blocks;
    if (cycleOf(raw, i) === ring.cycleAt(block)) continue;
    throw gateClosed('log-open', 'The log was being written', ring.placeOf(block));
  }
}
