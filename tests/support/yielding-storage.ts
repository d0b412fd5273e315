/** A storage whose calls wait a random while before they are made, so that whoever uses it at the same time meets in any order. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ObjectEntry, type ObjectWriter, type Storage } from '../../shared/repository/storage.ts';

const MAX_TURNS = 6;

/** Numbers from 0 to 1 that a seed decides. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class YieldingStorage implements Storage {
  readonly location: string;
  readonly #inner: Storage;
  readonly #random: () => number;

  constructor(inner: Storage, random: () => number) {
    this.location = inner.location;
    this.#inner = inner;
    this.#random = random;
  }

  async readRange(name: string, offset: number, into: Uint8Array): Promise<number> {
    await this.#wait();
    return this.#inner.readRange(name, offset, into);
  }

  async readWhole(name: string, maxBytes: number): Promise<Uint8Array> {
    await this.#wait();
    return this.#inner.readWhole(name, maxBytes);
  }

  async size(name: string): Promise<number> {
    await this.#wait();
    return this.#inner.size(name);
  }

  async exists(name: string): Promise<boolean> {
    await this.#wait();
    return this.#inner.exists(name);
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    await this.#wait();
    await this.#inner.put(name, bytes);
    await this.#wait();
  }

  async create(name: string, asideName: string): Promise<ObjectWriter> {
    await this.#wait();
    const writer = await this.#inner.create(name, asideName);
    return {
      get lengthBytes() {
        return writer.lengthBytes;
      },
      append: (bytes) => writer.append(bytes),
      finish: async () => {
        await this.#wait();
        await writer.finish();
      },
      abort: () => writer.abort(),
    };
  }

  async *list(folder: string): AsyncGenerator<ObjectEntry> {
    for await (const entry of this.#inner.list(folder)) {
      await this.#wait();
      yield entry;
    }
  }

  async *listFolders(folder: string): AsyncGenerator<string> {
    await this.#wait();
    yield* this.#inner.listFolders(folder);
  }

  async *listRest(folder: string): AsyncGenerator<ObjectEntry> {
    yield* this.#inner.listRest(folder);
  }

  async remove(name: string): Promise<void> {
    await this.#wait();
    await this.#inner.remove(name);
  }

  async removeAside(asideName: string): Promise<void> {
    await this.#inner.removeAside(asideName);
  }

  async removeFolder(folder: string): Promise<void> {
    await this.#wait();
    await this.#inner.removeFolder(folder);
  }

  async removeEmptyFolder(folder: string): Promise<void> {
    await this.#wait();
    await this.#inner.removeEmptyFolder(folder);
  }

  async freeBytes(): Promise<number> {
    return this.#inner.freeBytes();
  }

  async #wait(): Promise<void> {
    for (let turns = Math.floor(this.#random() * MAX_TURNS); turns > 0; turns--) await nextTurn();
  }
}
