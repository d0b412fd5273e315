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
import { MiB } from '../../shared/base/units.ts';
import { type SharedLookup } from '../../shared/repository/chunk-lookup-table.ts';
import { type CodedBatch, type CodeTask } from './code-chunk.ts';
import { type PlacedCell } from './chunker.ts';
import { type Slot, SlotRing, type SlotShape } from './slots.ts';

/** The thread's file has the same extension as this one: `.ts` under a loader, `.js` when built. */
const here = fileURLToPath(import.meta.url);
const THREAD_FILE = path.join(path.dirname(here), `code-chunk${path.extname(here)}`);

/** Four chunks of 1 MiB a task: fewer messages, and one read of 4 MiB where the data is in one piece. */
const BATCH_BYTES = 4 * MiB;

/** Bound of the ring: a worker may use 300 MiB in all. */
const RING_BYTES = 112 * MiB;

/** Slots being read and stored while every thread codes one. */
const SLOTS_BESIDE_THREADS = 4;

export interface PoolOptions {
  readonly threads: number;
  /** Largest chunk. */
  readonly gridBytes: number;
}

/** Owns threads and slots; dispose it when the stream is closed. */
export class CodePool implements AsyncDisposable {
  readonly ring: SlotRing;
  readonly #piscina: Piscina<CodeTask, CodedBatch>;

  constructor(options: PoolOptions) {
    this.ring = new SlotRing(shapeOf(options));
    this.#piscina = new Piscina<CodeTask, CodedBatch>({
      filename: THREAD_FILE,
      name: 'codeBatch',
      minThreads: options.threads,
      maxThreads: options.threads,
      maxQueue: this.ring.shape.slots,
      atomics: 'disabled',
      recordTiming: false,
    });
  }

  /** Codes the chunks of a slot; at most as many calls at a time as there are slots. */
  code(slot: Slot, cells: readonly PlacedCell[], lookup: SharedLookup): Promise<CodedBatch> {
    const { gridBytes } = this.ring.shape;
    const chunks = cells.map(({ cell, at }, i) => ({
      inputAt: slot.inputAt + at,
      length: cell.length,
      outputAt: slot.outputAt + i * gridBytes,
      outputLength: gridBytes,
    }));
    return this.#piscina.run({ memory: this.ring.memory, chunks, lookup });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#piscina.destroy();
  }
}

/** As many slots as keep threads, source and device busy, smaller ones where memory would not do. */
export function shapeOf(options: PoolOptions): SlotShape {
  const { threads, gridBytes } = options;
  const slots = Math.min(
    threads + SLOTS_BESIDE_THREADS,
    Math.max(2, Math.floor(RING_BYTES / (2 * gridBytes))),
  );
  const fitting = Math.floor(RING_BYTES / (slots * 2 * gridBytes));
  const cellsPerSlot = Math.max(1, Math.min(Math.floor(BATCH_BYTES / gridBytes), fitting, 64));
  return { slots, cellsPerSlot, gridBytes };
}
