/**
 * Sorts more records than memory should hold. Records have one length, and their first bytes are the key, compared as bytes.
 * They are sorted in a buffer; a full buffer becomes a run in a file, and runs are merged when they are read.
 *
 *   add ──▶ buffer ──full──▶ run │ run │ run … ──at most FAN_IN at a time──▶ sorted()
 *
 * What fits into one buffer touches no file.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { invariant } from '../base/assert.ts';
import { MiB } from '../base/units.ts';
import { readFully, writeAll } from './local-files.ts';

export const SORT_BUFFER_BYTES = 8 * MiB;
const FIRST_RECORDS = 1024;
const FAN_IN = 64;
const READ_BYTES = 128 * 1024;
/** A key is compared as numbers of so many bytes, which are exact. */
const COLUMN_BYTES = 6;

export interface SortShape {
  readonly recordBytes: number;
  /** At the beginning of each record. Records with equal keys come in any order. */
  readonly keyBytes: number;
}

export interface SortOptions extends SortShape {
  /** Where runs may be spilled; made when it is needed. */
  readonly folder: string;
  readonly bufferBytes?: number;
  readonly fanIn?: number;
}

/** Owns its files. Calls come one after the other; no record is added after the first was read. */
export class ExternalSort implements AsyncDisposable {
  readonly #shape: SortShape;
  readonly #folder: string;
  readonly #fanIn: number;
  readonly #prefix = randomBytes(6).toString('hex');
  readonly #bufferBytes: number;
  #buffer = new Uint8Array();
  #buffered = 0;
  #count = 0;
  #runs: string[] = [];
  #files = 0;
  /** What never had to leave memory, in order, once it was asked for. */
  #order: Uint32Array | undefined;
  #isEnded = false;

  constructor(options: SortOptions) {
    const { recordBytes, keyBytes, folder, bufferBytes = SORT_BUFFER_BYTES, fanIn = FAN_IN } = options;
    this.#shape = { recordBytes, keyBytes };
    this.#folder = folder;
    this.#fanIn = Math.max(2, fanIn);
    this.#bufferBytes = Math.max(1, Math.floor(bufferBytes / recordBytes)) * recordBytes;
  }

  /** Records that were added. */
  get count(): number {
    return this.#count;
  }

  /** The record is copied. */
  async add(record: Uint8Array): Promise<void> {
    invariant(!this.#isEnded, 'no record is added to a sort that was read');
    if (this.#buffered === this.#bufferBytes) await this.#spill();
    if (this.#buffered === this.#buffer.length) this.#grow();
    this.#buffer.set(record.subarray(0, this.#shape.recordBytes), this.#buffered);
    this.#buffered += this.#shape.recordBytes;
    this.#count++;
  }

  /** All records in order, as often as it is asked for. A record is valid until the next one is taken. */
  async *sorted(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    this.#isEnded = true;
    if (this.#runs.length === 0) {
      this.#order ??= orderOf(this.#buffer.subarray(0, this.#buffered), this.#shape);
      yield* inOrder(this.#buffer, this.#order, this.#shape.recordBytes);
      return;
    }
    await this.#spill();
    while (this.#runs.length > this.#fanIn) await this.#mergeSome(signal);
    yield* this.#merged(this.#runs, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnded = true;
    for (const run of this.#runs.splice(0)) await rm(run, { force: true });
  }

  #grow(): void {
    const { recordBytes } = this.#shape;
    const length = Math.max(FIRST_RECORDS * recordBytes, this.#buffer.length * 2);
    const larger = new Uint8Array(Math.min(this.#bufferBytes, length));
    larger.set(this.#buffer);
    this.#buffer = larger;
  }

  async #spill(): Promise<void> {
    if (this.#buffered === 0) return;
    const { recordBytes } = this.#shape;
    const order = orderOf(this.#buffer.subarray(0, this.#buffered), this.#shape);
    const buffer = this.#buffer;
    await this.#writeRun(() => inOrder(buffer, order, recordBytes));
    this.#buffered = 0;
  }

  /** The oldest runs become one, which goes to the end: so every record is copied equally often. */
  async #mergeSome(signal: AbortSignal): Promise<void> {
    const oldest = this.#runs.slice(0, this.#fanIn);
    await this.#writeRun(() => this.#merged(oldest, signal));
    this.#runs = this.#runs.filter((run) => !oldest.includes(run));
    for (const run of oldest) await rm(run, { force: true });
  }

  async #writeRun(records: () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const file = path.join(this.#folder, `${this.#prefix}-${this.#files++}.run`);
    this.#runs.push(file);
    await using handle = await open(file, 'wx', 0o600);
    const { recordBytes } = this.#shape;
    const out = new Uint8Array(Math.ceil(READ_BYTES / recordBytes) * recordBytes);
    let filled = 0;
    for await (const record of records()) {
      if (filled === out.length) {
        await writeAll(handle, out);
        filled = 0;
      }
      out.set(record, filled);
      filled += recordBytes;
    }
    await writeAll(handle, out.subarray(0, filled));
  }

  async *#merged(runs: readonly string[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const readers: RunReader[] = [];
    try {
      for (const run of runs) readers.push(new RunReader(await open(run, 'r'), this.#shape.recordBytes));
      yield* mergeReaders(readers, this.#shape, signal);
    } finally {
      for (const reader of readers) await reader[Symbol.asyncDispose]();
    }
  }
}

/** The numbers of the records in the order of their keys. */
function orderOf(bytes: Uint8Array, { recordBytes, keyBytes }: SortShape): Uint32Array {
  const count = bytes.length / recordBytes;
  const columns: Float64Array[] = [];
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let from = 0; from < keyBytes; from += COLUMN_BYTES) {
    const width = Math.min(COLUMN_BYTES, keyBytes - from);
    columns.push(
      Float64Array.from({ length: count }, (_, i) => all.readUIntBE(i * recordBytes + from, width)),
    );
  }
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  return order.sort((a, b) => {
    for (const column of columns) {
      const difference = Number(column[a]) - Number(column[b]);
      if (difference !== 0) return difference;
    }
    return 0;
  });
}

function* inOrder(bytes: Uint8Array, order: Uint32Array, recordBytes: number): Generator<Uint8Array> {
  for (const i of order) yield bytes.subarray(i * recordBytes, (i + 1) * recordBytes);
}

/** One run, read from its beginning. Owns the handle. */
class RunReader implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #recordBytes: number;
  readonly #buffer: Uint8Array;
  #fileAt = 0;
  #at = 0;
  #filled = 0;

  constructor(handle: FileHandle, recordBytes: number) {
    this.#handle = handle;
    this.#recordBytes = recordBytes;
    this.#buffer = new Uint8Array(Math.ceil(READ_BYTES / recordBytes) * recordBytes);
  }

  /** The record that it stands at, valid until the next call of `advance`. */
  get record(): Uint8Array {
    return this.#buffer.subarray(this.#at, this.#at + this.#recordBytes);
  }

  /** Goes to the next record without waiting; false when the buffer has to be filled first. */
  step(): boolean {
    this.#at += this.#recordBytes;
    return this.#at < this.#filled;
  }

  /** Reads on; false at the end of the run. */
  async fill(): Promise<boolean> {
    this.#filled = await readFully(this.#handle, this.#fileAt, this.#buffer);
    this.#fileAt += this.#filled;
    this.#at = 0;
    return this.#filled >= this.#recordBytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

async function* mergeReaders(
  readers: readonly RunReader[],
  { keyBytes }: SortShape,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const heap: RunReader[] = [];
  const isBefore = (a: RunReader, b: RunReader): boolean => compareKeys(a.record, b.record, keyBytes) < 0;
  for (const reader of readers) {
    signal.throwIfAborted();
    if (await reader.fill()) pushHeap(heap, reader, isBefore);
  }
  for (let first = heap[0]; first !== undefined; first = heap[0]) {
    yield first.record;
    if (!first.step()) {
      signal.throwIfAborted();
      if (!(await first.fill())) {
        const last = heap.pop();
        if (last === undefined || last === first) continue;
        heap[0] = last;
      }
    }
    siftDown(heap, isBefore);
  }
}

function compareKeys(a: Uint8Array, b: Uint8Array, keyBytes: number): number {
  for (let i = 0; i < keyBytes; i++) {
    const difference = Number(a[i]) - Number(b[i]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function pushHeap<T>(heap: T[], item: T, isBefore: (a: T, b: T) => boolean): void {
  let at = heap.push(item) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(item, heap[parent] as T)) break;
    heap[at] = heap[parent] as T;
    at = parent;
  }
  heap[at] = item;
}

function siftDown<T>(heap: T[], isBefore: (a: T, b: T) => boolean): void {
  const item = heap[0] as T;
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && isBefore(heap[child + 1] as T, heap[child] as T)) child++;
    if (!isBefore(heap[child] as T, item)) break;
    heap[at] = heap[child] as T;
    at = child;
  }
  heap[at] = item;
}
