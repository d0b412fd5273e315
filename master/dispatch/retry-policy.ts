/**
 * Whether a failed attempt is tried again, and when: the only place that decides it. Pure. The class comes from the error's
 * row in shared/base/error-table.ts.
 */
import { type ErrorCode, errorTable } from '../../shared/base/error-table.ts';

export interface RetryLimits {
  readonly taskAttempts: number;
  readonly retryDelayMs: number;
}

/** What has to be repaired elsewhere takes longer than what may work at once. */
const LATER_FACTOR = 4;

/**
 * Milliseconds until the next attempt, or undefined to give up.
 * @param attempt - the number of the one that failed, from 1
 */
export function retryAfterMs(code: ErrorCode, attempt: number, limits: RetryLimits): number | undefined {
  if (attempt >= limits.taskAttempts) return undefined;
  const pause = limits.retryDelayMs * 2 ** (attempt - 1);
  switch (errorTable[code].retry) {
    case 'never':
      return undefined;
    case 'again':
    case 'reconnect':
      return pause;
    case 'later':
      return pause * LATER_FACTOR;
  }
}
