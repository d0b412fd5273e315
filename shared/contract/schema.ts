/** Parse, do not check: outside values become typed ones here, once, or fail with the path of every fault. */
import { z } from 'zod';
import { type ErrorCode, isErrorCode } from '../base/error-table.ts';
import { AppError } from '../base/errors.ts';

/** Byte counts, offsets, milliseconds: whole, not negative, exact. */
export const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
export const id = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
/** Names of jobs, devices and servers: they stand in paths of the API and in file names. */
export const objectName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'use 1 to 64 letters, digits, . _ -');
/** Of an attempt on a device, or of a saveset: 16 hexadecimal digits. */
export const attemptId = z.string().regex(/^[0-9a-f]{16}$/, 'use 16 hexadecimal digits');
export const percent = z.number().int().min(0).max(100);
export const errorCode = z
  .string()
  .refine((text): text is ErrorCode => isErrorCode(text), 'unknown error code');

/** Faults that one message names: more than a settings file has lines, less than a flood. */
const MAX_FAULTS = 20;

/**
 * `value` as `schema` types it.
 * @param what - what is parsed, for the message
 * @throws AppError with `code`, naming every path that is wrong
 */
export function parse<T>(schema: z.ZodType<T>, value: unknown, code: ErrorCode, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues
    .slice(0, MAX_FAULTS)
    .map((issue) => `${issue.path.join('.') || 'value'}: ${issue.message}`);
  throw new AppError(code, `Cannot use ${what}: ${faults.join('; ')}`, {
    faults: result.error.issues.length,
  });
}
