/**
 * All managed objects by id, and one bell that rings whenever anything may have changed: WaitForUpdatesEx
 * listens to it and compares what it reported with what is.
 */
import { isManagedSubtype } from '../schema/schema.ts';
import { type Moref, type Value } from '../values.ts';

export interface SimObject {
  readonly ref: Moref;
  /** The value of a property of the object's type, undefined when it is unset. */
  property(name: string): Value | undefined;
}

export class Inventory {
  readonly #objects = new Map<string, SimObject>();
  readonly #waiters = new Set<() => void>();
  #lastId = 100;
  #revision = 0;

  add(object: SimObject): void {
    this.#objects.set(object.ref.id, object);
    this.touch();
  }

  remove(ref: Moref): void {
    this.#objects.delete(ref.id);
    this.touch();
  }

  find(ref: Moref): SimObject | undefined {
    const object = this.#objects.get(ref.id);
    return object !== undefined && isManagedSubtype(object.ref.type, ref.type) ? object : undefined;
  }

  all(): IterableIterator<SimObject> {
    return this.#objects.values();
  }

  newId(prefix: string): string {
    return `${prefix}-${String(++this.#lastId)}`;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Says that something changed. */
  touch(): void {
    this.#revision++;
    for (const wake of [...this.#waiters]) wake();
  }

  /** Resolves when the revision is past `seen`, the time is up or the signal fires. */
  waitPast(seen: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (this.#revision > seen || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#waiters.add(done);
      signal.addEventListener('abort', done);
    });
  }
}
