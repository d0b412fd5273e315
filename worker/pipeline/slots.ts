/**
 * The memory of the pipeline: a fixed ring of slots that threads see too. Reading waits until a slot is free, so that a
 * slow device slows the source instead of filling memory.
 *
 *   slot    | input: one place of gridBytes per cell | output: the same |
 *
 * All slots lie in one SharedArrayBuffer, so that a task names a chunk by two numbers.
 */
import { KiB } from '../../shared/base/units.ts';
import { invariant } from '../../shared/base/assert.ts';
import { deferred } from '../../shared/base/async.ts';

const PAGE_BYTES = 4 * KiB;

export interface SlotShape {
  readonly slots: number;
  readonly cellsPerSlot: number;
  /** Room for one cell, before coding and after: what does not shrink is stored as it is. */
  readonly gridBytes: number;
}

/** One place in the ring; `input` and `output` are views on the shared memory. */
export interface Slot {
  readonly input: Uint8Array;
  readonly output: Uint8Array;
  /** Where they begin in the shared memory. */
  readonly inputAt: number;
  readonly outputAt: number;
}

export class SlotRing {
  readonly shape: SlotShape;
  readonly memory: SharedArrayBuffer;
  readonly #free: Slot[] = [];
  readonly #waiting: ((slot: Slot) => void)[] = [];
  readonly #slots: ReadonlySet<Slot>;

  constructor(shape: SlotShape) {
    this.shape = shape;
    const halfBytes = roundUp(shape.cellsPerSlot * shape.gridBytes, PAGE_BYTES);
    this.memory = new SharedArrayBuffer(shape.slots * 2 * halfBytes);
    for (let i = 0; i < shape.slots; i++) {
      this.#free.push(slotAt(this.memory, 2 * i * halfBytes, halfBytes));
    }
    this.#slots = new Set(this.#free);
  }

  /** Slots that nobody holds. */
  get freeSlots(): number {
    return this.#free.length;
  }

  /** A free slot, or undefined when all are held. */
  tryAcquire(): Slot | undefined {
    return this.#free.pop();
  }

  /** The next free slot, first come first served; rejects with the signal's reason. Give it back with `release`. */
  async acquire(signal: AbortSignal): Promise<Slot> {
    signal.throwIfAborted();
    const slot = this.tryAcquire();
    if (slot !== undefined) return slot;
    const wanted = deferred<Slot>();
    const stop = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(take), 1);
      wanted.reject(signal.reason);
    };
    const take = (given: Slot): void => {
      signal.removeEventListener('abort', stop);
      wanted.resolve(given);
    };
    this.#waiting.push(take);
    signal.addEventListener('abort', stop, { once: true });
    return wanted.promise;
  }

  release(slot: Slot): void {
    invariant(this.#slots.has(slot) && !this.#free.includes(slot), 'a slot is given back once');
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slot);
    else next(slot);
  }
}

function slotAt(memory: SharedArrayBuffer, inputAt: number, halfBytes: number): Slot {
  const outputAt = inputAt + halfBytes;
  return {
    input: new Uint8Array(memory, inputAt, halfBytes),
    output: new Uint8Array(memory, outputAt, halfBytes),
    inputAt,
    outputAt,
  };
}

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;
