/**
 * A storage that dies at its k-th change: from then on every call fails, as for a worker that was killed. The change itself may
 * not have happened, may have happened without an answer, or, of a folder that is removed, half.
 */
import { AppError } from '../../shared/base/errors.ts';
import { type ObjectEntry, type ObjectWriter, type Storage } from '../../shared/repository/storage.ts';

export const crashModes = ['before', 'after', 'half'] as const;
export type CrashMode = (typeof crashModes)[number];

export class CrashStorage implements Storage {
  readonly location: string;
  /** Changes so far. */
  changes = 0;
  readonly #inner: Storage;
  readonly #at: number;
  readonly #mode: CrashMode;
  #isDead = false;

  /** @param at - the number of the change, from 1; 0 never dies */
  constructor(inner: Storage, at: number, mode: CrashMode) {
    this.location = inner.location;
    this.#inner = inner;
    this.#at = at;
    this.#mode = mode;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  async readRange(name: string, offset: number, into: Uint8Array): Promise<number> {
    this.#alive();
    return this.#inner.readRange(name, offset, into);
  }

  async readWhole(name: string, maxBytes: number): Promise<Uint8Array> {
    this.#alive();
    return this.#inner.readWhole(name, maxBytes);
  }

  async size(name: string): Promise<number> {
    this.#alive();
    return this.#inner.size(name);
  }

  async exists(name: string): Promise<boolean> {
    this.#alive();
    return this.#inner.exists(name);
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    await this.#change(() => this.#inner.put(name, bytes));
  }

  async create(name: string, asideName: string): Promise<ObjectWriter> {
    this.#alive();
    const writer = await this.#inner.create(name, asideName);
    return {
      get lengthBytes() {
        return writer.lengthBytes;
      },
      append: async (bytes) => {
        this.#alive();
        await writer.append(bytes);
      },
      finish: () => this.#change(() => writer.finish()),
      abort: async () => {
        if (!this.#isDead) await writer.abort();
      },
    };
  }

  async *list(folder: string): AsyncGenerator<ObjectEntry> {
    this.#alive();
    for await (const entry of this.#inner.list(folder)) {
      this.#alive();
      yield entry;
    }
  }

  async *listFolders(folder: string): AsyncGenerator<string> {
    this.#alive();
    yield* this.#inner.listFolders(folder);
  }

  async *listRest(folder: string): AsyncGenerator<ObjectEntry> {
    this.#alive();
    yield* this.#inner.listRest(folder);
  }

  async remove(name: string): Promise<void> {
    await this.#change(() => this.#inner.remove(name));
  }

  async removeAside(asideName: string): Promise<void> {
    await this.#change(() => this.#inner.removeAside(asideName));
  }

  async removeFolder(folder: string): Promise<void> {
    await this.#change(
      () => this.#inner.removeFolder(folder),
      () => this.#removeHalf(folder),
    );
  }

  async removeEmptyFolder(folder: string): Promise<void> {
    await this.#change(() => this.#inner.removeEmptyFolder(folder));
  }

  async freeBytes(): Promise<number> {
    this.#alive();
    return this.#inner.freeBytes();
  }

  async #removeHalf(folder: string): Promise<void> {
    const names: string[] = [];
    for await (const { name } of this.#inner.list(folder)) names.push(name);
    for (const name of names.slice(0, Math.ceil(names.length / 2))) await this.#inner.remove(name);
  }

  async #change(change: () => Promise<void>, half = change): Promise<void> {
    this.#alive();
    this.changes++;
    if (this.changes !== this.#at) {
      await change();
      return;
    }
    this.#isDead = true;
    if (this.#mode === 'after') await change();
    if (this.#mode === 'half') await half();
    this.#alive();
  }

  #alive(): void {
    if (this.#isDead) throw new AppError('DEVICE_OFFLINE', 'Cannot use the device: it died');
  }
}
