/**
 * `manifest.json`: everything that is known of one saveset. Any restore point can be listed, planned and restored from
 * manifests and disk indexes alone. docs/format/device.md §6.
 */
import { z } from 'zod';
import { backupTypes } from '../domain/backup-type.ts';
import { consistencyLevels } from '../domain/consistency.ts';
import {
  type DocumentKind,
  count,
  decodeDocument,
  encodeDocument,
  fileName,
  hexId,
  isoTimestamp,
  sequence,
} from './json-document.ts';

const storedFile = z.object({ name: fileName, lengthBytes: count, sha256: hexId(64) });
/** An object in the saveset's folder, and what proves it. */
export type StoredFile = z.output<typeof storedFile>;

const counters = z.object({
  provisioned: count,
  used: count,
  changed: count,
  skipped: count,
  read: count,
  zero: count,
  known: count,
  fresh: count,
  stored: count,
});

const duration = z.number().min(0).exactOptional();
const phases = z.object({
  snapshot: duration,
  map: duration,
  read: duration,
  code: duration,
  write: duration,
  remove: duration,
  seal: duration,
  wait: duration,
});

/** Codes are text here: a later program may know more of them. */
const code = z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/);

const volume = z.object({
  startBytes: count,
  lengthBytes: count,
  fileSystem: z.string(),
  label: z.string(),
  clusterBytes: count.nullable(),
  usedBytes: count.nullable(),
  freeBytes: count.nullable(),
  /** Left out by the filter. */
  skippedBytes: count,
  /** Free by the file system and kept all the same; a manifest without it has nothing of the kind. */
  kept: z.array(z.object({ why: z.string(), bytes: count })).default([]),
  /** What the job left out by its paths, and why not all of it; only where it named any. */
  excluded: z
    .array(z.object({ path: z.string(), files: count, bytes: count, kept: z.string().nullable() }))
    .readonly()
    .exactOptional(),
  /** The gate that kept the volume unfiltered, and why. */
  gate: z.string().nullable(),
  reason: z.string().nullable(),
});

const disk = z.object({
  /** The device key in the VM. */
  key: count,
  label: z.string(),
  uuid: z.string(),
  capacityBytes: count,
  fileName: z.string(),
  thin: z.boolean(),
  mode: z.string(),
  /** What the next increment may ask changes since; null when tracking is off. */
  changeId: z.string().nullable(),
  /** Of this disk: a disk may be full in an incremental saveset. */
  type: z.enum(backupTypes),
  base: z.object({ savesetId: hexId(16) }).nullable(),
  /** Why changes were not asked for, or not used. */
  fallback: z
    .object({ code, reason: z.string(), method: z.enum(['allocated', 'whole']), inARow: sequence })
    .nullable(),
  transport: z.string(),
  filter: z.object({
    state: z.enum(['filtered', 'partly', 'unfiltered', 'off']),
    volumes: z.array(volume),
  }),
  /** Length of all `free` runs as the layers resolve. */
  freeBytes: count,
  /** Newest first; a backup writes one. What a layer calls `same` is in the next one, or in the base. */
  layers: z.array(z.object({ segments: z.array(storedFile) })).min(1),
  /** Packs in the indexes, counted in each of them. */
  packs: count,
  chunks: count,
  counters,
});

const FORMAT = 'blockhouse-manifest';
const VERSION = 1;

const schema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  producer: z.object({ product: z.string(), version: z.string() }),
  savesetId: hexId(16),
  deviceId: hexId(32),
  runId: sequence,
  taskId: sequence,
  attempt: sequence,
  token: sequence,
  jobName: z.string(),
  /** The definition of the job as it was, for the day when the catalog is lost; not checked here. */
  job: z.record(z.string(), z.unknown()).nullable(),
  type: z.enum(backupTypes),
  base: z.object({ savesetId: hexId(16), deviceId: hexId(32) }).nullable(),
  /** Savesets that this one replaces: a base that is one of them is this one. */
  standsFor: z.array(hexId(16)),
  /** The time of the snapshot. */
  createdAt: isoTimestamp,
  finishedAt: isoTimestamp,
  vm: z.object({
    name: z.string(),
    moref: z.string(),
    instanceUuid: z.string(),
    biosUuid: z.string(),
    inventoryPath: z.string(),
    server: z.string(),
    guestId: z.string(),
    hardwareVersion: z.string(),
    powerState: z.string(),
  }),
  consistency: z.object({
    asked: z.enum(consistencyLevels),
    reached: z.enum(consistencyLevels),
    reason: z.string().nullable(),
  }),
  disks: z.array(disk),
  leftOutDisks: z.array(z.object({ key: count, label: z.string(), code, reason: z.string() })),
  /** Configuration and firmware variables. */
  files: z.array(storedFile),
  packsWritten: z.array(z.object({ packId: hexId(32), lengthBytes: count, chunks: count })),
  warnings: z.array(z.object({ code, message: z.string() })),
  counters,
  /** Milliseconds. */
  phases,
});

export type Manifest = z.output<typeof schema>;
export type ManifestDisk = Manifest['disks'][number];

const kind: DocumentKind<Manifest> = { format: FORMAT, version: VERSION, schema };

/** @throws AppError `FORMAT_INVALID` */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return encodeDocument(kind, manifest);
}

/** @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN` */
export function decodeManifest(bytes: Uint8Array, what: string): Manifest {
  return decodeDocument(kind, bytes, what);
}
