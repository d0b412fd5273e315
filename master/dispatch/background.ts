/** Work that nobody awaits: its failures are logged, and whoever stops the dispatcher can wait for it, for a while. */
import { type Clock } from '../../shared/base/clock.ts';
import { type Log } from '../../shared/base/log.ts';

export class Background {
  readonly #log: Log;
  readonly #work = new Set<Promise<unknown>>();

  constructor(log: Log) {
    this.#log = log;
  }

  track(work: Promise<unknown>): void {
    const kept = work
      .catch((error: unknown) => this.#log.error('work in the background failed', { error }))
      .finally(() => this.#work.delete(kept));
    this.#work.add(kept);
  }

  /** Resolves when what is under way has ended, at the latest after `withinMs`. */
  async settle(clock: Clock, withinMs: number): Promise<void> {
    const rest = new AbortController();
    const bound = clock.sleep(withinMs, rest.signal).catch(() => undefined);
    await Promise.race([Promise.allSettled(this.#work), bound]);
    rest.abort();
  }
}
