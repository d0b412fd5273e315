/** `device.json`: what the folder is and what a program must know to use it. docs/format/device.md §3. */
import { z } from 'zod';
import { unknownVersion } from './byte-reader.ts';
import { MIN_GRID_BYTES } from './disk-index.ts';
import { type DocumentKind, decodeDocument, encodeDocument, hexId, isoTimestamp } from './json-document.ts';
import { MAX_CHUNK_BYTES } from './pack.ts';
import { MAX_SEGMENT_CELLS } from './segments.ts';

const FORMAT = 'blockhouse-device';
const VERSION = 1;
/** The required feature of a device whose content is encrypted: docs/format/device.md §8. */
export const ENCRYPTION = 'encryption';

const fields = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  deviceId: hexId(32),
  createdAt: isoTimestamp,
  producer: z.object({ product: z.string(), version: z.string() }),
  /** Chunks are cut at multiples of this. */
  gridBytes: z
    .number()
    .int()
    .min(MIN_GRID_BYTES)
    .max(MAX_CHUNK_BYTES)
    .refine((bytes) => (bytes & (bytes - 1)) === 0, 'not a power of two'),
  /** Disks are described in pieces of this length. */
  segmentBytes: z.number().int(),
  hash: z.string(),
  codec: z.string(),
  features: z.object({
    /** A program that does not know one of these must leave the device alone. */
    required: z.array(z.string()),
    optional: z.array(z.string()),
  }),
});

const schema = fields.refine(
  ({ gridBytes, segmentBytes }) => {
    const cells = segmentBytes / gridBytes;
    return Number.isInteger(cells) && cells >= 1 && cells <= MAX_SEGMENT_CELLS;
  },
  { path: ['segmentBytes'], message: 'not 1 to 1048576 cells of the grid' },
);

export type DeviceHeader = z.output<typeof schema>;

const kind: DocumentKind<DeviceHeader> = { format: FORMAT, version: VERSION, schema };

export function encodeDeviceHeader(header: DeviceHeader): Uint8Array {
  return encodeDocument(kind, header);
}

/** Whether payloads and documents of the device are encrypted. */
export function isEncrypted(header: DeviceHeader): boolean {
  return header.features.required.includes(ENCRYPTION);
}

/** @throws AppError `FORMAT_INVALID`; `FORMAT_VERSION_UNKNOWN` for a required feature, hash or codec that is not ours */
export function decodeDeviceHeader(bytes: Uint8Array, what: string): DeviceHeader {
  const header = decodeDocument(kind, bytes, what);
  const unknown = [
    ...header.features.required
      .filter((feature) => feature !== ENCRYPTION)
      .map((feature) => `feature "${feature}"`),
    ...(header.hash === 'sha256' ? [] : [`hash "${header.hash}"`]),
    ...(header.codec === 'zstd' ? [] : [`codec "${header.codec}"`]),
  ];
  if (unknown.length > 0) throw unknownVersion(what, `it needs ${unknown.join(', ').slice(0, 200)}`);
  return header;
}
