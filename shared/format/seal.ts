/** `seal.json`: the object that makes a saveset a restore point. docs/format/device.md §7. */
import { z } from 'zod';
import {
  type DocumentKind,
  decodeDocument,
  encodeDocument,
  hexId,
  isoTimestamp,
  sequence,
} from './json-document.ts';

const FORMAT = 'blockhouse-seal';
const VERSION = 1;

const schema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  savesetId: hexId(16),
  /** Of the bytes of manifest.json. */
  manifestSha256: hexId(64),
  /** The fencing token of the attempt that was sealed. */
  token: sequence,
  sealedAt: isoTimestamp,
});

export type Seal = z.output<typeof schema>;

const kind: DocumentKind<Seal> = { format: FORMAT, version: VERSION, schema };

export function encodeSeal(seal: Seal): Uint8Array {
  return encodeDocument(kind, seal);
}

/** @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN` */
export function decodeSeal(bytes: Uint8Array, what: string): Seal {
  return decodeDocument(kind, bytes, what);
}
