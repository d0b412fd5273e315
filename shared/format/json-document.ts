/**
 * The JSON objects of a device: UTF-8, `format` and `version` first. Unknown fields are left out when reading, so that
 * later programs may add some; another version is refused.
 */
import { z } from 'zod';
import { invalid, unknownVersion } from './byte-reader.ts';

/** Whole, not negative, exact: byte counts, offsets, milliseconds, numbers of things. */
export const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
export const sequence = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
export const isoTimestamp = z.iso.datetime();
export const hexId = (digits: number): z.ZodString => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
/** A name inside the folder of a saveset. */
export const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/);

const MAX_FAULTS_NAMED = 5;
const heading = z.object({ format: z.string(), version: z.number().int() });

export interface DocumentKind<T> {
  readonly format: string;
  readonly version: number;
  /** Names `format` and `version` first. */
  readonly schema: z.ZodType<T>;
}

/**
 * The document's bytes: its fields in the order of the schema, so that equal content gives equal bytes.
 * @throws AppError `FORMAT_INVALID`
 */
export function encodeDocument<T>(kind: DocumentKind<T>, document: T): Uint8Array {
  const fields = parsed(kind.schema, document, `the new document "${kind.format}"`);
  return Buffer.from(`${JSON.stringify(fields)}\n`);
}

/**
 * @param what - the object's name, for messages
 * @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`
 */
export function decodeDocument<T>(kind: DocumentKind<T>, bytes: Uint8Array, what: string): T {
  const value = parseJson(bytes, what);
  const { format, version } = parsed(heading, value, what);
  if (format !== kind.format) throw invalid(what, `it is a "${format.slice(0, 80)}", not a "${kind.format}"`);
  if (version > kind.version) throw unknownVersion(what, `its version is ${version}`, { version });
  if (version !== kind.version) throw invalid(what, `its version is ${version}`, { version });
  return parsed(kind.schema, value, what);
}

function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid(what, 'it is not JSON', { cause: String(error).slice(0, 200) });
  }
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { issues } = result.error;
  const faults = issues
    .slice(0, MAX_FAULTS_NAMED)
    .map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw invalid(what, faults.join('; '), { faults: issues.length });
}
