/** `reclaim/<sweep id>/condemned.json` and `waits.json`: what is to go, and who may not know that yet. device.md §10. */
import { z } from 'zod';
import { type DocumentKind, decodeDocument, encodeDocument, hexId, isoTimestamp } from './json-document.ts';

const CONDEMNED_FORMAT = 'blockhouse-condemned';
const WAITS_FORMAT = 'blockhouse-waits';
const VERSION = 1;

const condemnedSchema = z.object({
  format: z.literal(CONDEMNED_FORMAT),
  version: z.literal(VERSION),
  sweepId: hexId(16),
  createdAt: isoTimestamp,
  packs: z.array(z.object({ packId: hexId(32), reason: z.enum(['unused', 'rewritten']) })),
});
/** Packs that new restore points must not use. */
export type Condemned = z.output<typeof condemnedSchema>;

const waitsSchema = z.object({
  format: z.literal(WAITS_FORMAT),
  version: z.literal(VERSION),
  sweepId: hexId(16),
  attempts: z.array(hexId(16)),
});
/** Attempts that began before the packs were condemned. */
export type Waits = z.output<typeof waitsSchema>;

const condemnedKind: DocumentKind<Condemned> = {
  format: CONDEMNED_FORMAT,
  version: VERSION,
  schema: condemnedSchema,
};
const waitsKind: DocumentKind<Waits> = { format: WAITS_FORMAT, version: VERSION, schema: waitsSchema };

/** @throws AppError `FORMAT_INVALID` */
export function encodeCondemned(condemned: Omit<Condemned, 'format' | 'version'>): Uint8Array {
  return encodeDocument(condemnedKind, { format: CONDEMNED_FORMAT, version: VERSION, ...condemned });
}

/** @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN` */
export function decodeCondemned(bytes: Uint8Array, what: string): Condemned {
  return decodeDocument(condemnedKind, bytes, what);
}

/** @throws AppError `FORMAT_INVALID` */
export function encodeWaits(waits: Omit<Waits, 'format' | 'version'>): Uint8Array {
  return encodeDocument(waitsKind, { format: WAITS_FORMAT, version: VERSION, ...waits });
}

/** @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN` */
export function decodeWaits(bytes: Uint8Array, what: string): Waits {
  return decodeDocument(waitsKind, bytes, what);
}
