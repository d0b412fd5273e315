/** The one timer of the dispatcher: for the moment when the next pause of a task or device ends. */
import { type Clock } from '../../shared/base/clock.ts';
import { type ActiveRun } from './active-run.ts';

export class Alarm {
  readonly #clock: Clock;
  #pending = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `wake` when the next pause in these runs ends, in place of what was set before; never without a pause. */
  set(runs: readonly ActiveRun[], wake: () => void): void {
    this.stop();
    const now = this.#clock.monotonicMs();
    const pauses = runs.flatMap((run) => [...run.queue, ...run.devices.values()]);
    const next = pauses.reduce(
      (least, { notBeforeMs }) => (notBeforeMs > now ? Math.min(least, notBeforeMs) : least),
      Infinity,
    );
    if (next === Infinity) return;
    this.#pending = new AbortController();
    this.#clock.sleep(Math.ceil(next - now), this.#pending.signal).then(wake, () => undefined);
  }

  stop(): void {
    this.#pending.abort();
  }
}
