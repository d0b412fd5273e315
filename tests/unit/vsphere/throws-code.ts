/** Asserting on AppErrors by their code. */
import { assert } from 'chai';
import { type ErrorCode } from '../../../shared/base/error-table.ts';
import { AppError } from '../../../shared/base/errors.ts';

/** Calls `work`, which must throw this code; the error for more questions. */
export function throwsCode(code: ErrorCode, work: () => unknown): AppError {
  try {
    work();
  } catch (error) {
    return checked(error, code);
  }
  assert.fail(`nothing was thrown, ${code} was expected`);
}

/** The same for a promise. */
export async function rejectsCode(code: ErrorCode, work: Promise<unknown>): Promise<AppError> {
  try {
    await work;
  } catch (error) {
    return checked(error, code);
  }
  assert.fail(`nothing was thrown, ${code} was expected`);
}

function checked(error: unknown, code: ErrorCode): AppError {
  if (!(error instanceof AppError)) throw error;
  assert.equal(error.code, code, error.message);
  return error;
}
