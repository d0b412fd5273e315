/**
 * A storage that fails where it is told to. Rules count calls by method and name; `assertHit` proves that each one came
 * to pass, so that a test cannot pass because its fault never happened.
 */
import { type AppError } from '../../shared/base/errors.ts';
import { type ObjectEntry, type ObjectWriter, type Storage } from '../../shared/repository/storage.ts';

export type FaultyCall =
  | 'readRange'
  | 'readWhole'
  | 'put'
  | 'create'
  | 'append'
  | 'finish'
  | 'remove'
  | 'removeFolder'
  | 'list'
  | 'listRest';

export interface FaultRule {
  readonly call: FaultyCall;
  /** Which objects; all when left out. */
  readonly name?: RegExp;
  /** Calls that still succeed before the fault; none when left out. */
  readonly after?: number;
  /** How often it fails then; for ever when left out. */
  readonly times?: number;
  readonly error: () => AppError;
}

export class FaultyStorage implements Storage {
  readonly location: string;
  readonly #inner: Storage;
  readonly #rules: readonly FaultRule[];
  readonly #seen: number[];
  readonly #hits: number[];

  constructor(inner: Storage, ...rules: readonly FaultRule[]) {
    this.location = inner.location;
    this.#inner = inner;
    this.#rules = rules;
    this.#seen = rules.map(() => 0);
    this.#hits = rules.map(() => 0);
  }

  /** Throws when a rule never took effect. */
  assertHit(): void {
    const idle = this.#rules.findIndex((_, i) => this.#hits[i] === 0);
    if (idle >= 0) throw new Error(`Fault ${idle} (${this.#rules[idle]!.call}) never happened`);
  }

  async readRange(name: string, offset: number, into: Uint8Array): Promise<number> {
    this.#check('readRange', name);
    return this.#inner.readRange(name, offset, into);
  }

  async readWhole(name: string, maxBytes: number): Promise<Uint8Array> {
    this.#check('readWhole', name);
    return this.#inner.readWhole(name, maxBytes);
  }

  async size(name: string): Promise<number> {
    return this.#inner.size(name);
  }

  async exists(name: string): Promise<boolean> {
    return this.#inner.exists(name);
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    this.#check('put', name);
    return this.#inner.put(name, bytes);
  }

  async create(name: string, asideName: string): Promise<ObjectWriter> {
    this.#check('create', name);
    const writer = await this.#inner.create(name, asideName);
    return {
      get lengthBytes() {
        return writer.lengthBytes;
      },
      append: async (bytes) => {
        this.#check('append', name);
        await writer.append(bytes);
      },
      finish: async () => {
        this.#check('finish', name);
        await writer.finish();
      },
      abort: () => writer.abort(),
    };
  }

  async *list(folder: string): AsyncGenerator<ObjectEntry> {
    this.#check('list', folder);
    yield* this.#inner.list(folder);
  }

  async *listFolders(folder: string): AsyncGenerator<string> {
    this.#check('list', folder);
    yield* this.#inner.listFolders(folder);
  }

  async *listRest(folder: string): AsyncGenerator<ObjectEntry> {
    this.#check('listRest', folder);
    yield* this.#inner.listRest(folder);
  }

  async remove(name: string): Promise<void> {
    this.#check('remove', name);
    return this.#inner.remove(name);
  }

  async removeAside(asideName: string): Promise<void> {
    this.#check('remove', asideName);
    return this.#inner.removeAside(asideName);
  }

  async removeFolder(folder: string): Promise<void> {
    this.#check('removeFolder', folder);
    return this.#inner.removeFolder(folder);
  }

  async removeEmptyFolder(folder: string): Promise<void> {
    this.#check('removeFolder', folder);
    return this.#inner.removeEmptyFolder(folder);
  }

  async freeBytes(): Promise<number> {
    return this.#inner.freeBytes();
  }

  #check(call: FaultyCall, name: string): void {
    this.#rules.forEach((rule, i) => {
      if (rule.call !== call || rule.name?.test(name) === false) return;
      const number = this.#seen[i]!++ - (rule.after ?? 0);
      if (number < 0 || number >= (rule.times ?? Infinity)) return;
      this.#hits[i]!++;
      throw rule.error();
    });
  }
}
