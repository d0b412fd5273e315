/** A device in memory, for tests: the same contract, and nothing survives the process. */
import { invariant } from '../base/assert.ts';
import { checkAsideName, checkName } from './object-name.ts';
import { type ObjectEntry, type ObjectWriter, type Storage } from './storage.ts';
import { existing, missing, tooLarge } from './storage-errors.ts';

const ENDLESS_BYTES = 2 ** 50;

export class MemoryStorage implements Storage {
  readonly location = 'memory';
  /** By name; tests may look and do damage here. */
  readonly objects = new Map<string, Uint8Array>();
  /** What is being written, or was left so. */
  readonly asides = new Set<string>();

  async readRange(name: string, offset: number, into: Uint8Array): Promise<number> {
    const part = this.#object(name).subarray(offset, offset + into.length);
    into.set(part);
    return Promise.resolve(part.length);
  }

  async readWhole(name: string, maxBytes: number): Promise<Uint8Array> {
    const bytes = this.#object(name);
    if (bytes.length > maxBytes) throw tooLarge(this.location, name, { lengthBytes: bytes.length, maxBytes });
    return Promise.resolve(new Uint8Array(bytes));
  }

  async size(name: string): Promise<number> {
    return Promise.resolve(this.#object(name).length);
  }

  async exists(name: string): Promise<boolean> {
    return Promise.resolve(this.objects.has(checkName(name)));
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    this.#publish(checkName(name), new Uint8Array(bytes));
    return Promise.resolve();
  }

  async create(name: string, asideName: string): Promise<ObjectWriter> {
    if (await this.exists(name)) throw existing(this.location, name);
    checkAsideName(asideName);
    invariant(!this.asides.has(asideName), 'an aside name is used once', { asideName });
    this.asides.add(asideName);
    return new MemoryWriter((bytes) => {
      this.asides.delete(asideName);
      if (bytes !== undefined) this.#publish(name, bytes);
    });
  }

  async *list(folder: string): AsyncGenerator<ObjectEntry> {
    const prefix = folder === '' ? '' : `${checkName(folder)}/`;
    const found = [...this.objects].filter(([name]) => name.startsWith(prefix));
    for (const [name, bytes] of found) yield await Promise.resolve({ name, lengthBytes: bytes.length });
  }

  async *listFolders(folder: string): AsyncGenerator<string> {
    const prefix = folder === '' ? '' : `${checkName(folder)}/`;
    const below = [...this.objects.keys()].filter((name) => name.startsWith(prefix));
    const parts = below.map((name) => name.slice(prefix.length).split('/'));
    const folders = parts.flatMap(([first = '', ...rest]) => (rest.length === 0 ? [] : [first]));
    for (const name of new Set(folders)) yield await Promise.resolve(name);
  }

  async *listRest(folder: string): AsyncGenerator<ObjectEntry> {
    const prefix = folder === '' ? '' : `${checkName(folder)}/`;
    const found = [...this.asides].filter((name) => name.startsWith(prefix));
    for (const name of found) yield await Promise.resolve({ name, lengthBytes: 0 });
  }

  async remove(name: string): Promise<void> {
    this.objects.delete(checkName(name));
    return Promise.resolve();
  }

  async removeAside(asideName: string): Promise<void> {
    this.asides.delete(checkAsideName(asideName));
    return Promise.resolve();
  }

  async removeFolder(folder: string): Promise<void> {
    const prefix = `${checkName(folder)}/`;
    for (const name of [...this.objects.keys(), ...this.asides]) {
      if (!name.startsWith(prefix)) continue;
      this.objects.delete(name);
      this.asides.delete(name);
    }
    return Promise.resolve();
  }

  /** There are no folders without objects here. */
  async removeEmptyFolder(folder: string): Promise<void> {
    checkName(folder);
    return Promise.resolve();
  }

  async freeBytes(): Promise<number> {
    return Promise.resolve(ENDLESS_BYTES);
  }

  #object(name: string): Uint8Array {
    const bytes = this.objects.get(checkName(name));
    if (bytes === undefined) throw missing(this.location, name);
    return bytes;
  }

  #publish(name: string, bytes: Uint8Array): void {
    if (this.objects.has(name)) throw existing(this.location, name);
    this.objects.set(name, bytes);
  }
}

class MemoryWriter implements ObjectWriter {
  readonly #end: (bytes?: Uint8Array) => void;
  readonly #parts: Uint8Array[] = [];
  #lengthBytes = 0;
  #isOpen = true;

  /** `end` is called once: with the object, or without it when it was given up. */
  constructor(end: (bytes?: Uint8Array) => void) {
    this.#end = end;
  }

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  async append(bytes: Uint8Array): Promise<void> {
    invariant(this.#isOpen, 'an object is not written after its end');
    this.#parts.push(new Uint8Array(bytes));
    this.#lengthBytes += bytes.length;
    return Promise.resolve();
  }

  async finish(): Promise<void> {
    invariant(this.#isOpen, 'an object is finished once');
    this.#isOpen = false;
    this.#end(Buffer.concat(this.#parts));
    return Promise.resolve();
  }

  async abort(): Promise<void> {
    if (this.#isOpen) this.#end();
    this.#isOpen = false;
    return Promise.resolve();
  }
}
