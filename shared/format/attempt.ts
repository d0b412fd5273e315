/** `begun.json`: the first object of an attempt, which says who writes. docs/format/device.md §9, §10. */
import { z } from 'zod';
import {
  type DocumentKind,
  decodeDocument,
  encodeDocument,
  hexId,
  isoTimestamp,
  sequence,
} from './json-document.ts';

const FORMAT = 'blockhouse-attempt';
const VERSION = 1;

const schema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  attemptId: hexId(16),
  kind: z.enum(['backup', 'consolidate', 'reclaim', 'repair']),
  startedAt: isoTimestamp,
  /** Of the program that writes; null where it has none. */
  runId: sequence.nullable(),
  taskId: sequence.nullable(),
  token: sequence.nullable(),
});

export type AttemptDocument = z.output<typeof schema>;

const kind: DocumentKind<AttemptDocument> = { format: FORMAT, version: VERSION, schema };

/** @throws AppError `FORMAT_INVALID` */
export function encodeAttempt(attempt: AttemptDocument): Uint8Array {
  return encodeDocument(kind, attempt);
}

/** @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN` */
export function decodeAttempt(bytes: Uint8Array, what: string): AttemptDocument {
  return decodeDocument(kind, bytes, what);
}
