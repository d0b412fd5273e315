/** The only reader of system time and the only maker of timers, so that tests can hold time in their hands. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Wall time, milliseconds since 1970. */
  nowMs(): number;
  /** Never goes back; only differences mean something. */
  monotonicMs(): number;
  /** Waits, or rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `tick` every `ms` until disposed; does not keep the process alive. */
  every(ms: number, tick: () => void): Disposable;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
  every(ms, tick) {
    const timer = setInterval(tick, ms);
    timer.unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  },
};

/** ISO 8601 in UTC with milliseconds, as it is stored everywhere. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
