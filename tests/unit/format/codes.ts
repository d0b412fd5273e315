/** Which AppError a call ends with; anything else that is thrown fails the test. */
import { isAppError } from '../../../shared/base/errors.ts';
import { type ErrorCode } from '../../../shared/base/error-table.ts';

export function codeOf(work: () => unknown): ErrorCode | 'none' {
  try {
    work();
    return 'none';
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
}

export async function codeOfAsync(
  work: Promise<unknown> | (() => Promise<unknown>),
): Promise<ErrorCode | 'none'> {
  try {
    await (typeof work === 'function' ? work() : work);
    return 'none';
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
}
