/** Revisions of active runs: a number that rises with every change, and those who wait for the next one. */
import { type Clock } from '../../shared/base/clock.ts';
import { type Deferred, deferred } from '../../shared/base/async.ts';

interface Watched {
  revision: number;
  next: Deferred<void>;
}

export class Revisions {
  readonly #runs = new Map<number, Watched>();

  begin(runId: number): void {
    this.#runs.set(runId, { revision: 1, next: deferred() });
  }

  /** Something of the run changed. */
  bump(runId: number): void {
    const run = this.#runs.get(runId);
    if (run === undefined) return;
    run.revision++;
    run.next.resolve();
    run.next = deferred();
  }

  /** Undefined for a run that is not active. */
  current(runId: number): number | undefined {
    return this.#runs.get(runId)?.revision;
  }

  /** The run is done: who waits is told, nobody waits any more. */
  end(runId: number): void {
    this.#runs.get(runId)?.next.resolve();
    this.#runs.delete(runId);
  }

  /** Resolves when the revision is above `after`, the run is done, `waitMs` have passed or `signal` aborts. */
  async wait(
    runId: number,
    after: number,
    limit: { waitMs: number; clock: Clock; signal: AbortSignal },
  ): Promise<void> {
    const run = this.#runs.get(runId);
    if (run === undefined || run.revision > after || limit.waitMs === 0) return;
    const changed = new AbortController();
    const signal = AbortSignal.any([limit.signal, changed.signal]);
    const pause = limit.clock.sleep(limit.waitMs, signal).catch(() => undefined);
    await Promise.race([run.next.promise, pause]);
    changed.abort();
  }
}
