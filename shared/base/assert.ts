/** Broken promises of our own code. Bad input never gets here: it is an AppError with a code of its own. */
import { AppError, type Facts } from './errors.ts';

/** @throws AppError `BUG_INVARIANT` when `condition` is false */
export function invariant(condition: boolean, message: string, facts: Facts = {}): asserts condition {
  if (!condition) throw new AppError('BUG_INVARIANT', `Broken invariant: ${message}`, facts);
}
