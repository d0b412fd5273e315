/**
 * The memory of the pipeline: a fixed ring of slots that threads see too. Reading waits until a slot is free, so that a
 * slow device slows the source instead of filling memory.
 *
 *   slot    | input: one place of gridBytes per cell | output: one place of codedBytes per cell |
 *
 * All slots lie in one SharedArrayBuffer, so that a task names a chunk by two numbers.
 */
import { invariant } from '../../shared/base/assert.ts';
import { deferred } from '../../shared/base/async.ts';
import { PAGE_BYTES, createPageMemory } from '../../shared/base/page-memory.ts';

export interface SlotShape {
  readonly slots: number;
  readonly cellsPerSlot: number;
  /** Room for one cell. */
  readonly gridBytes: number;
  /** Room for what a cell is stored as: not shorter than the cell where nothing shrinks, and longer where it is encrypted. */
  readonly codedBytes: number;
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
    const lengths = slotLengths(shape);
    this.memory = createPageMemory(ringBytes(shape));
    for (let at = 0; at < ringBytes(shape); at += lengths.inputBytes + lengths.outputBytes) {
      this.#free.push(slotAt(this.memory, at, lengths));
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

/** Memory of a ring with this shape. */
export function ringBytes(shape: SlotShape): number {
  const { inputBytes, outputBytes } = slotLengths(shape);
  return shape.slots * (inputBytes + outputBytes);
}

interface SlotLengths {
  readonly inputBytes: number;
  readonly outputBytes: number;
}

function slotLengths({ cellsPerSlot, gridBytes, codedBytes }: SlotShape): SlotLengths {
  return {
    inputBytes: roundUp(cellsPerSlot * gridBytes, PAGE_BYTES),
    outputBytes: roundUp(cellsPerSlot * codedBytes, PAGE_BYTES),
  };
}

function slotAt(memory: SharedArrayBuffer, inputAt: number, lengths: SlotLengths): Slot {
  const outputAt = inputAt + lengths.inputBytes;
  return {
    input: new Uint8Array(memory, inputAt, lengths.inputBytes),
    output: new Uint8Array(memory, outputAt, lengths.outputBytes),
    inputAt,
    outputAt,
  };
}

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;
