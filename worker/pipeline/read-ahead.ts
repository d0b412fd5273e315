/**
 * Reading and coding ahead of storing. As many batches as there are free slots are under way; their reads share the
 * transport's places in the order of the disk, and each batch goes to the threads as soon as it is filled. The batches come
 * out in order.
 *
 *   batch 1   read ──▶ code ──▶ next()           slots bound the height of this picture,
 *   batch 2     read ──▶ code ──▶ …              maxInFlight of the transport bounds the reads
 *   batch 3       read ──▶ …
 */
import { Semaphore, mapLimit } from '../../shared/base/async.ts';
import { type Clock } from '../../shared/base/clock.ts';
import { endOf } from '../../shared/domain/extent.ts';
import { type SharedLookup } from '../../shared/repository/chunk-lookup-table.ts';
import { type BlockReader } from '../ports.ts';
import { type Batch, type ReadRequest } from './chunker.ts';
import { type CodedBatch } from './code-chunk.ts';
import { type Slot } from './slots.ts';
import { type CodePool } from './thread-pool.ts';

/** A batch whose chunks are coded. Give its slot back by `ReadAhead.release`. */
export interface ReadyBatch {
  readonly batch: Batch;
  readonly slot: Slot;
  readonly coded: CodedBatch;
}

interface Started {
  readonly batch: Batch;
  readonly slot: Slot;
  readonly filled: Promise<void>;
  readonly coded: Promise<CodedBatch>;
}

export interface ReadAheadInput {
  readonly reader: BlockReader;
  readonly pool: CodePool;
  /** Asked anew for every batch: the table may have grown. */
  readonly lookup: { readonly shared: SharedLookup };
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Owns the slots of the batches under way. Disposing it stops the reads, waits for what runs, and frees the slots. */
export class ReadAhead implements AsyncDisposable {
  /** Time that `next` waited for the source, and for the threads. */
  sourceMs = 0;
  threadsMs = 0;
  readBytes = 0;
  readonly #input: ReadAheadInput;
  readonly #batches: Iterator<Batch, void>;
  readonly #reads: Semaphore;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #started: Started[] = [];
  #next: Batch | undefined;

  constructor(input: ReadAheadInput, batches: Iterator<Batch, void>) {
    this.#input = input;
    this.#batches = batches;
    this.#reads = new Semaphore(input.reader.maxInFlight);
    this.#signal = AbortSignal.any([input.signal, this.#stop.signal]);
    this.#next = this.#pull();
  }

  /**
   * The next batch in order, or undefined after the last. Throws the first failure of any read or thread, also of a later
   * batch, or the reason of the signal.
   */
  async next(): Promise<ReadyBatch | undefined> {
    this.#signal.throwIfAborted();
    await this.#startAsSlotsAllow();
    const head = this.#started[0];
    if (head === undefined) return undefined;
    const { clock } = this.#input;
    const begunMs = clock.monotonicMs();
    await this.#orFirstFailure(head.filled);
    const filledMs = clock.monotonicMs();
    this.sourceMs += filledMs - begunMs;
    const coded = await this.#orFirstFailure(head.coded);
    this.threadsMs += clock.monotonicMs() - filledMs;
    this.#started.shift();
    return { batch: head.batch, slot: head.slot, coded };
  }

  release(ready: ReadyBatch): void {
    this.#input.pool.ring.release(ready.slot);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new DOMException('Reading ahead ended', 'AbortError'));
    await Promise.allSettled(this.#started.map(({ coded }) => coded));
    for (const { slot } of this.#started.splice(0)) this.#input.pool.ring.release(slot);
  }

  async #startAsSlotsAllow(): Promise<void> {
    const { ring } = this.#input.pool;
    while (this.#next !== undefined) {
      const free = ring.tryAcquire();
      if (free === undefined && this.#started.length > 0) return;
      this.#start(this.#next, free ?? (await ring.acquire(this.#signal)));
      this.#next = this.#pull();
    }
  }

  #pull(): Batch | undefined {
    const { done, value } = this.#batches.next();
    return done === true ? undefined : value;
  }

  #start(batch: Batch, slot: Slot): void {
    const filled = this.#fill(batch, slot);
    const coded = filled.then(() => this.#input.pool.code(slot, batch.cells, this.#input.lookup.shared));
    coded.catch((error: unknown) => this.#stop.abort(error));
    this.#started.push({ batch, slot, filled, coded });
  }

  async #fill(batch: Batch, slot: Slot): Promise<void> {
    await mapLimit(batch.reads, batch.reads.length, (read) => this.#read(read, slot));
    for (const gap of batch.gaps) slot.input.fill(0, gap.start, endOf(gap));
  }

  async #read(read: ReadRequest, slot: Slot): Promise<void> {
    const place = await this.#reads.acquire();
    try {
      this.#signal.throwIfAborted();
      await this.#input.reader.read(
        read.start,
        slot.input.subarray(read.at, read.at + read.length),
        this.#signal,
      );
      this.readBytes += read.length;
    } catch (error) {
      this.#stop.abort(error);
      throw error;
    } finally {
      place[Symbol.dispose]();
    }
  }

  /** What stopped the others is the failure to tell, not that this one was stopped. */
  async #orFirstFailure<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      this.#signal.throwIfAborted();
      throw error;
    }
  }
}
