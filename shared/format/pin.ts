/**
 * `pin.json`: the object whose presence keeps a restore point from being deleted. docs/format/device.md §10. The note is
 * text, or sealed on an encrypted device.
 */
import { z } from 'zod';
import { type DocumentKind, decodeDocument, encodeDocument, hexId, isoTimestamp } from './json-document.ts';

const FORMAT = 'blockhouse-pin';
const VERSION = 1;

const schema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  savesetId: hexId(16),
  pinnedAt: isoTimestamp,
  note: z.union([z.string(), z.object({ sealed: z.string() })]),
});

export type PinDocument = z.output<typeof schema>;

const kind: DocumentKind<PinDocument> = { format: FORMAT, version: VERSION, schema };

export function encodePin(pin: PinDocument): Uint8Array {
  return encodeDocument(kind, pin);
}

/** @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN` */
export function decodePin(bytes: Uint8Array, what: string): PinDocument {
  return decodeDocument(kind, bytes, what);
}
