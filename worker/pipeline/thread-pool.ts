/**
 * The threads of one stream, and the memory that they share with it: the one user of piscina. A task names chunks in shared
 * memory and is a few hundred bytes; bulk bytes are never copied between threads.
 *
 * A running task is not interrupted: four chunks take some ten milliseconds, and an interrupted thread would have to be
 * started anew.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { AppError } from '../../shared/base/errors.ts';
import { MiB } from '../../shared/base/units.ts';
import { SEALED_PAYLOAD_EXTRA_BYTES } from '../../shared/format/pack.ts';
import { type SharedLookup } from '../../shared/repository/chunk-lookup-table.ts';
import { type RecordDecoder } from '../../shared/repository/chunk-reader.ts';
import { type DeviceCipher } from '../../shared/repository/device-cipher.ts';
import { type PlacedCell } from './chunker.ts';
import { type CodedBatch, type CodeTask } from './code-chunk.ts';
import { type DecodeFailure, type DecodeTask } from './decode-chunk.ts';
import { type Slot, SlotRing, type SlotShape } from './slots.ts';

/** The threads' files have the same extension as this one: `.ts` under a loader, `.js` when built. */
const here = fileURLToPath(import.meta.url);
const threadFile = (name: string): string => path.join(path.dirname(here), `${name}${path.extname(here)}`);
const CODE = { filename: threadFile('code-chunk'), name: 'codeBatch' };
const DECODE = { filename: threadFile('decode-chunk'), name: 'decodeChunk' };

/** Four chunks of 1 MiB a task: fewer messages, and one read of 4 MiB where the data is in one piece. */
const BATCH_BYTES = 4 * MiB;

/** Bound of the ring: a worker may use 300 MiB in all. */
const RING_BYTES = 112 * MiB;

/** Callers bound themselves far below it: by slots, and by the reads of a ChunkReader. */
const MAX_QUEUE = 256;

/** A thread finds its next task waiting when it ends one: the way over the main thread would leave it idle. */
const TASKS_PER_THREAD = 2;

/** Slots being read and stored while the threads have their tasks. */
const SLOTS_BESIDE_THREADS = 4;

export interface PoolOptions {
  readonly threads: number;
  /** Largest chunk. */
  readonly gridBytes: number;
  /** Of the device that is written to. */
  readonly cipher: DeviceCipher;
}

/** Owns threads and slots; dispose it when the stream is closed. */
export class CodePool implements AsyncDisposable {
  readonly ring: SlotRing;
  readonly #cipher: DeviceCipher;
  readonly #piscina: Piscina<CodeTask | DecodeTask, unknown>;

  constructor(options: PoolOptions) {
    this.ring = new SlotRing(shapeOf(options));
    this.#cipher = options.cipher;
    this.#piscina = new Piscina<CodeTask | DecodeTask, unknown>({
      ...CODE,
      minThreads: options.threads,
      maxThreads: options.threads,
      maxQueue: MAX_QUEUE,
      // Waiting in Atomics gains nothing at this size of task, and stops everything else in an idle thread.
      atomics: 'disabled',
      recordTiming: false,
      concurrentTasksPerWorker: TASKS_PER_THREAD,
    });
  }

  /** Codes the chunks of a slot; at most as many calls at a time as there are slots. */
  async code(slot: Slot, cells: readonly PlacedCell[], lookup: SharedLookup): Promise<CodedBatch> {
    const { codedBytes } = this.ring.shape;
    const { keys } = this.#cipher;
    const chunks = cells.map(({ cell, at }, i) => ({
      inputAt: slot.inputAt + at,
      length: cell.length,
      outputAt: slot.outputAt + i * codedBytes,
      outputLength: codedBytes,
    }));
    return (await this.#piscina.run({ memory: this.ring.memory, chunks, lookup, keys }, CODE)) as CodedBatch;
  }

  /** Decodes for a ChunkReader of the device with this cipher, in threads; its buffers must be shared memory. */
  decoder({ keys }: DeviceCipher): RecordDecoder {
    return async (record, { id, plainLength }, into) => {
      const task = { record, id: id.slice(), plainLength, into, keys };
      const failure = (await this.#piscina.run(task, DECODE)) as DecodeFailure | null;
      if (failure !== null) throw new AppError(failure.code, failure.message, failure.facts);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#piscina.destroy();
  }
}

/** As many slots as keep threads, source and device busy, smaller ones where memory would not do. */
export function shapeOf(options: Pick<PoolOptions, 'threads' | 'gridBytes'>): SlotShape {
  const { threads, gridBytes } = options;
  const codedBytes = gridBytes + SEALED_PAYLOAD_EXTRA_BYTES;
  const cellBytes = gridBytes + codedBytes;
  const slots = Math.min(
    TASKS_PER_THREAD * threads + SLOTS_BESIDE_THREADS,
    Math.max(2, Math.floor(RING_BYTES / cellBytes)),
  );
  const fitting = Math.floor(RING_BYTES / (slots * cellBytes));
  const cellsPerSlot = Math.max(1, Math.min(Math.floor(BATCH_BYTES / gridBytes), fitting, 64));
  return { slots, cellsPerSlot, gridBytes, codedBytes };
}
