/**
 * The way of a disk's bytes to the device: read ahead, code in threads, append in order, note where each chunk lies.
 *
 *   extents ──▶ batches ──▶ slots filled ──▶ threads: zeros? hash, known? compress ──▶ packs ──▶ refs for the disk index
 *
 * Appending is sequential and waits for the device; reading and coding go on meanwhile until the slots are used up. Memory
 * is the ring of slots, whatever the size of the disk.
 */
import { invariant } from '../../shared/base/assert.ts';
import { type Clock } from '../../shared/base/clock.ts';
import { type ExtentSet, normalize } from '../../shared/domain/extent.ts';
import { type ChunkRef } from '../../shared/format/disk-index.ts';
import { CHUNK_ID_BYTES } from '../../shared/format/hash.ts';
import { EMPTY_LOOKUP } from '../../shared/repository/chunk-lookup-table.ts';
import { type ChunkLookup, type ChunkPlace } from '../../shared/repository/chunk-lookup.ts';
import { type PackWriter } from '../../shared/repository/pack-writer.ts';
import { type BlockReader } from '../ports.ts';
import { type PlacedCell, batchesOf, dataBytesOf } from './chunker.ts';
import { type CodedChunk } from './code-chunk.ts';
import { ReadAhead, type ReadyBatch } from './read-ahead.ts';
import { type CodePool } from './thread-pool.ts';

export interface StoreInput {
  readonly reader: BlockReader;
  /** What to read; inside the reader's capacity. */
  readonly read: ExtentSet;
  /** Threads and slots; their grid is the device's. */
  readonly pool: CodePool;
  /**
   * The chunks of the device. Chunks of unfinished packs are added: when `packs` is aborted later, the lookup must not be
   * used any more.
   */
  readonly lookup: Pick<ChunkLookup, 'mayHave' | 'find' | 'add' | 'shared'>;
  readonly packs: Pick<PackWriter, 'append' | 'writtenBytes'>;
  /** Given every chunk in the order of the disk; `id` is valid only during the call. */
  readonly index: { add(ref: ChunkRef): void };
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called after each batch with the bytes of `read` that are done. */
  readonly onProgress?: (doneBytes: number) => void;
}

export interface StoreCounters {
  /** Asked of the source, small gaps included. */
  readonly read: number;
  /** Bytes of `read` in chunks of zeros, in chunks that the device had, and in new ones: together all of `read`. */
  readonly zero: number;
  readonly known: number;
  readonly fresh: number;
  /** What the packs grew by. */
  readonly stored: number;
}

/** What storing waited for: one of the three is the bottleneck. */
export interface StoreWaits {
  readonly sourceMs: number;
  readonly threadsMs: number;
  readonly deviceMs: number;
}

export interface StoreResult {
  /** Parts of `read` that turned out to be zeros, whole cells at a time: no chunk holds them. */
  readonly zeroCells: ExtentSet;
  readonly counters: StoreCounters;
  readonly waits: StoreWaits;
}

/**
 * Stores the content of `read`. The first failure or the signal stops everything; when this throws, no read, thread or
 * write of it runs any more and every slot is free again. Packs are neither finished nor aborted here.
 */
export async function storeExtents(input: StoreInput): Promise<StoreResult> {
  const { gridBytes, cellsPerSlot } = input.pool.ring.shape;
  const tally: Tally = { zeroCells: [], zero: 0, known: 0, fresh: 0, deviceMs: 0 };
  const writtenBefore = input.packs.writtenBytes;
  await using ahead = new ReadAhead(input, batchesOf(input.read, gridBytes, cellsPerSlot));
  for (let ready = await ahead.next(); ready !== undefined; ready = await ahead.next()) {
    try {
      const begunMs = input.clock.monotonicMs();
      await storeBatch(input, ready, tally);
      tally.deviceMs += input.clock.monotonicMs() - begunMs;
    } finally {
      ahead.release(ready);
    }
    input.onProgress?.(tally.zero + tally.known + tally.fresh);
  }
  const { zero, known, fresh, deviceMs } = tally;
  return {
    zeroCells: normalize(tally.zeroCells),
    counters: { read: ahead.readBytes, zero, known, fresh, stored: input.packs.writtenBytes - writtenBefore },
    waits: { sourceMs: ahead.sourceMs, threadsMs: ahead.threadsMs, deviceMs },
  };
}

interface Tally {
  zeroCells: { start: number; length: number }[];
  zero: number;
  known: number;
  fresh: number;
  deviceMs: number;
}

async function storeBatch(input: StoreInput, ready: ReadyBatch, tally: Tally): Promise<void> {
  for (const [i, placed] of ready.batch.cells.entries()) {
    const coded = ready.coded.chunks[i];
    if (coded === undefined) continue;
    const dataBytes = dataBytesOf(placed.cell);
    if (coded.kind === 'zero') {
      tally.zeroCells.push(...placed.cell.data);
      tally.zero += dataBytes;
      continue;
    }
    const id = ready.coded.ids.subarray(i * CHUNK_ID_BYTES, (i + 1) * CHUNK_ID_BYTES);
    const known = input.lookup.mayHave(id) ? await placeOf(input, id, placed.cell.length) : undefined;
    if (known === undefined) tally.fresh += dataBytes;
    else tally.known += dataBytes;
    const place = known ?? (await append(input, ready, { placed, coded, id, i }));
    input.index.add({ ...place, id, start: placed.cell.start });
  }
}

/** Asked once more although a thread has asked: an equal chunk may have been stored while this one was coded. */
async function placeOf(
  input: StoreInput,
  id: Uint8Array,
  plainLength: number,
): Promise<ChunkPlace | undefined> {
  const place = await input.lookup.find(id);
  return place?.plainLength === plainLength ? place : undefined;
}

interface ChunkToStore {
  readonly placed: PlacedCell;
  readonly coded: CodedChunk;
  readonly id: Uint8Array;
  readonly i: number;
}

async function append(input: StoreInput, ready: ReadyBatch, chunk: ChunkToStore): Promise<ChunkPlace> {
  const { placed, id } = chunk;
  const { coded, i } = chunk.coded.kind === 'known' ? await codeAgain(input, ready, placed) : chunk;
  const { at, cell } = placed;
  const outputAt = i * input.pool.ring.shape.codedBytes;
  const payload =
    coded.from === 'input'
      ? ready.slot.input.subarray(at, at + cell.length)
      : ready.slot.output.subarray(outputAt, outputAt + coded.storedLength);
  const { codec, isEncrypted, payloadCrc } = coded;
  const place = await input.packs.append({
    ...{ id, codec, isEncrypted, payloadCrc, payload },
    plainLength: cell.length,
  });
  input.lookup.add(id, place);
  return place;
}

/**
 * A chunk that a thread took for known was not coded, and its owner may not find it: its tag is that of another chunk, or
 * its pack must not be used any more. Its output goes to the first place of the slot: what was there is stored already.
 */
async function codeAgain(
  { pool }: StoreInput,
  { slot }: ReadyBatch,
  placed: PlacedCell,
): Promise<{ readonly coded: CodedChunk; readonly i: number }> {
  const { chunks } = await pool.code(slot, [placed], EMPTY_LOOKUP);
  const [coded] = chunks;
  invariant(coded?.kind === 'fresh', 'a chunk without a lookup is fresh', { start: placed.cell.start });
  return { coded, i: 0 };
}
