/** Two buffers before an object: one is filled while the other is written, so that the device sees large writes only. */
import { createPageMemory } from '../base/page-memory.ts';
import { type ObjectWriter } from './storage.ts';

/** The memory of a write-behind; it may serve one object after the other. */
export interface WriteBuffers {
  readonly first: Uint8Array;
  readonly second: Uint8Array;
}

/** @param lengthBytes - of each; whole pages, so that a file is written directly */
export function createWriteBuffers(lengthBytes: number): WriteBuffers {
  const memory = createPageMemory(2 * lengthBytes);
  return {
    first: new Uint8Array(memory, 0, lengthBytes),
    second: new Uint8Array(memory, lengthBytes, lengthBytes),
  };
}

/** Calls come one after the other. A failed write shows in one of the next calls, at the latest in `drain`. */
export class WriteBehind {
  readonly #writer: ObjectWriter;
  #filling: Uint8Array;
  #resting: Uint8Array;
  #filled = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(writer: ObjectWriter, buffers: WriteBuffers) {
    this.#writer = writer;
    this.#filling = buffers.first;
    this.#resting = buffers.second;
  }

  /** Copies the bytes; they may be reused as soon as the promise resolves. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      if (this.#filled === this.#filling.length) await this.#turn();
      const part = bytes.subarray(done, done + this.#filling.length - this.#filled);
      this.#filling.set(part, this.#filled);
      this.#filled += part.length;
      done += part.length;
    }
  }

  /** Resolves when everything was handed to the object. */
  async drain(): Promise<void> {
    await this.#turn();
    await this.#writing;
  }

  async #turn(): Promise<void> {
    await this.#writing;
    const full = this.#filling.subarray(0, this.#filled);
    [this.#filling, this.#resting] = [this.#resting, this.#filling];
    this.#filled = 0;
    this.#writing = this.#writer.append(full);
    // Thrown by whoever awaits it next; until then it must not count as unhandled.
    this.#writing.catch(() => undefined);
  }
}
