/**
 * The one error class. What went wrong is a code from one table (error-table.ts), never a class of its own: a code
 * survives a process border, can be listed in the manual and mapped to an exit code.
 */
import { type ErrorCode, errorTable } from './error-table.ts';

/** Plain values that say where and what; never a secret, never bulk bytes. */
export type Facts = Readonly<Record<string, string | number | boolean | null>>;

export class AppError extends Error {
  readonly code: ErrorCode;
  readonly facts: Facts;

  constructor(code: ErrorCode, message: string, facts: Facts = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'AppError';
    this.code = code;
    this.facts = facts;
  }

  /** One line of advice for a person, from the table. */
  get help(): string {
    return errorTable[this.code].help;
  }
}

export function isAppError(error: unknown): error is AppError {
  return error instanceof AppError;
}

/** True for an AppError with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is AppError {
  return isAppError(error) && codes.includes(error.code);
}

/** Whatever was thrown, as an AppError: an unknown one is a bug of ours and says so. */
export function toAppError(error: unknown): AppError {
  if (isAppError(error)) return error;
  if (error instanceof Error && error.name === 'AbortError') {
    return isAppError(error.cause)
      ? error.cause
      : new AppError('CANCELLED', 'Operation was cancelled', {}, error);
  }
  const message = error instanceof Error ? error.message : String(error);
  return new AppError('BUG_UNEXPECTED', `Unexpected failure: ${message}`, {}, error);
}

/** The system's name for a failed call (`ENOSPC`, `ENOENT` …), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
