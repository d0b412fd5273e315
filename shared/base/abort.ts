/** Cancelling: deadlines and linked signals. */
import { type ErrorCode } from './error-table.ts';
import { AppError, isAppError } from './errors.ts';

/** A signal that aborts with a time-out error after `ms`, or with `signal`'s own reason. */
export function withDeadline(ms: number, code: ErrorCode, what: string, signal?: AbortSignal): Deadline {
  return new Deadline(ms, new AppError(code, `${what} took longer than ${ms} ms`, { timeoutMs: ms }), signal);
}

/** Dispose it as soon as the work has ended, or its timer stays. */
export class Deadline implements Disposable {
  readonly signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number, error: AppError, outer?: AbortSignal) {
    const own = new AbortController();
    // eslint-disable-next-line no-restricted-syntax -- a deadline is real time even where the clock is a test's
    this.#timer = setTimeout(() => own.abort(error), ms);
    this.#timer.unref();
    this.signal = outer === undefined ? own.signal : AbortSignal.any([own.signal, outer]);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/** True when `error` only says that somebody asked us to stop. */
export function isCancel(error: unknown): boolean {
  if (isAppError(error)) return error.code === 'CANCELLED';
  return error instanceof Error && error.name === 'AbortError';
}

/** The error that a cancelled operation ends with. */
export function cancelled(what: string): AppError {
  return new AppError('CANCELLED', `${what} was cancelled`);
}
