/**
 * The HTTP API of the service: bodies and answers. docs/protocol/http.md lists the routes. The command line speaks it over
 * loopback with the token of the data folder; a web console will speak the same.
 */
import { z } from 'zod';
import { backupTypes, requestedTypes } from '../domain/backup-type.ts';
import { consistencyLevels } from '../domain/consistency.ts';
import { transportChoices } from '../domain/job.ts';
import { outcomes, runStates, taskKinds, taskStates } from '../domain/task.ts';
import { excludedPaths } from './excluded-paths.ts';
import { devicePassword, keySlotLabel, keySlotView } from './device-keys.ts';
import { byteCounters, phaseTimes, taskProgress } from './ipc.ts';
import { pinView, retentionPatch, retentionPolicy } from './retention.ts';
import { count, id, objectName, percent } from './schema.ts';
import { taskReport } from './task-report.ts';
import { volumeView } from './volume-view.ts';
import { warning, wireErrorSchema } from './wire-error.ts';

/** Name of the endpoint file in the data folder. */
export const ENDPOINT_FILE = 'endpoint.json';

/** What the service writes, readable by its user only, so that the command line finds it. */
export const endpointFile = z.object({
  url: z.url(),
  token: z.string(),
  pid: z.number(),
  version: z.string(),
});
export type EndpointFile = z.output<typeof endpointFile>;

export const healthView = z.object({
  version: z.string(),
  pid: z.number(),
  startedAt: z.string(),
  activeRuns: count,
  /** What new chunks are compressed with, and what provides it. */
  compression: z.object({ codec: z.string(), provider: z.string() }),
});
export type HealthView = z.output<typeof healthView>;

// Devices

export const deviceBody = z.strictObject({
  name: objectName,
  path: z.string().min(1),
  streams: z.number().int().min(1).max(64).default(1),
  /** Only a new device can be encrypted. */
  encrypt: z.boolean().default(false),
  /** Of an encrypted device, new or not. */
  password: devicePassword.optional(),
  /** What its password is called; of a new device only. */
  label: keySlotLabel.optional(),
});
export type DeviceBody = z.input<typeof deviceBody>;

export const deviceView = z.object({
  name: z.string(),
  deviceId: z.string(),
  path: z.string(),
  streams: count,
  streamsInUse: count,
  online: z.boolean(),
  offlineReason: z.string().nullable(),
  freeBytes: count.nullable(),
  points: count,
  /** Null while it cannot be told. */
  encrypted: z.boolean().nullable(),
  keySlots: z.array(keySlotView),
  /** Who holds the streams, and who waits for one. */
  holders: z.array(z.object({ runId: id, taskId: id.nullable(), pid: z.number().nullable() })),
  waiting: z.array(z.object({ runId: id, job: z.string().nullable(), tasks: count })),
});
export type DeviceView = z.output<typeof deviceView>;

export const checkBody = z.strictObject({
  /** Read every payload, which takes as long as reading the whole device. */
  payloads: z.boolean().default(false),
});
export type CheckBody = z.input<typeof checkBody>;

export const repairBody = z.strictObject({
  payloads: z.boolean().default(false),
  /** Only say what would be done. */
  dryRun: z.boolean().default(false),
});
export type RepairBody = z.input<typeof repairBody>;

export const reclaimBody = z.strictObject({
  dryRun: z.boolean().default(false),
  /** Packs of which less than this is in use are rewritten. */
  sparsePercent: percent.default(50),
});
export type ReclaimBody = z.input<typeof reclaimBody>;

// Jobs

export const patterns = z.array(z.string().min(1).max(512)).max(1000);
export const jobBody = z.strictObject({
  name: objectName,
  server: objectName,
  vmPatterns: patterns.min(1),
  excludePatterns: patterns.default([]),
  devices: z.array(objectName).min(1).max(64),
  maxParallelStreams: z.number().int().min(1).max(64).default(1),
  options: z
    .strictObject({
      type: z.enum(requestedTypes).default('auto'),
      abm: z.boolean().default(true),
      cbt: z.boolean().default(true),
      dropShadowCopies: z.boolean().default(false),
      excludeSwap: z.boolean().default(false),
      excludePaths: excludedPaths.default([]),
      transport: z.enum(transportChoices).default('auto'),
      consistency: z.enum(consistencyLevels).default('application'),
      consistencyFallback: z.boolean().default(true),
    })
    .prefault({}),
  /** What is kept of its points; everything when left out. */
  retention: retentionPolicy.optional(),
});
export type JobBody = z.input<typeof jobBody>;
export type JobView = z.output<typeof jobBody>;

/** `PUT /v1/jobs/:name`: only what is named changes. */
export const jobPatch = z.strictObject({
  vmPatterns: patterns.min(1).optional(),
  excludePatterns: patterns.optional(),
  devices: z.array(objectName).min(1).max(64).optional(),
  maxParallelStreams: z.number().int().min(1).max(64).optional(),
  options: z
    .strictObject({
      type: z.enum(requestedTypes).optional(),
      abm: z.boolean().optional(),
      cbt: z.boolean().optional(),
      dropShadowCopies: z.boolean().optional(),
      excludeSwap: z.boolean().optional(),
      excludePaths: excludedPaths.optional(),
      transport: z.enum(transportChoices).optional(),
      consistency: z.enum(consistencyLevels).optional(),
      consistencyFallback: z.boolean().optional(),
    })
    .optional(),
  /** Null: everything is kept. */
  retention: retentionPatch.nullable().optional(),
});
export type JobPatch = z.input<typeof jobPatch>;

/** What a run of the job would take now, and what it would leave out and why. */
export const selectionView = z.object({
  selected: z.array(z.object({ name: z.string(), inventoryPath: z.string(), provisionedBytes: count })),
  leftOut: z.array(z.object({ name: z.string(), inventoryPath: z.string(), reason: z.string() })),
});
export type SelectionView = z.output<typeof selectionView>;

export const runJobBody = z.strictObject({ type: z.enum(requestedTypes).optional() });
export const runStarted = z.object({ runId: id });
export type RunStarted = z.output<typeof runStarted>;

// Runs

const progressView = taskProgress.extend({ bytesPerSecond: count, etaMs: count.nullable() });

export const taskView = z.object({
  taskId: id,
  kind: z.enum(taskKinds),
  /** The VM's name, what is restored or verified, or `device NAME`. */
  subject: z.string(),
  state: z.enum(taskStates),
  outcome: z.enum(outcomes).nullable(),
  /** How often it was tried; 0 while it waits for the first time. */
  attempts: count,
  /** Why it does not run, in words that name device, run and task. */
  waitsFor: z.string().nullable(),
  device: z.string().nullable(),
  workerPid: z.number().nullable(),
  progress: progressView.nullable(),
  type: z.enum(backupTypes).nullable(),
  consistency: z
    .object({
      asked: z.enum(consistencyLevels),
      reached: z.enum(consistencyLevels),
      reason: z.string().nullable(),
    })
    .nullable(),
  savesetId: z.string().nullable(),
  /** Volumes of its point of which the filter kept more than is in use, or all. */
  keptVolumes: z.array(volumeView.extend({ disk: count })),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  counters: byteCounters,
  phases: phaseTimes,
  error: wireErrorSchema.nullable(),
  /** Errors of earlier attempts. */
  retriedErrors: z.array(wireErrorSchema),
  warnings: z.array(warning),
  /** What work on a device as a whole found and did, or a look at a VM. */
  report: taskReport.nullable(),
});
export type TaskView = z.output<typeof taskView>;

export const runView = z.object({
  runId: id,
  kind: z.enum(taskKinds),
  job: z.string().nullable(),
  requestedType: z.enum(requestedTypes).nullable(),
  state: z.enum(runStates),
  outcome: z.enum([...outcomes, 'partly']).nullable(),
  startedAt: z.string(),
  finishedAt: z.string().nullable(),
  /** Rises with every change; give it back as `after` to wait for the next one. */
  revision: count,
  streams: z.object({ setting: count, effective: count, inUse: count, why: z.string() }),
  /** Snapshots of this run that exist now, by the ledger. */
  snapshots: count,
  tasks: z.array(taskView),
  warnings: z.array(warning),
});
export type RunView = z.output<typeof runView>;

export const runSummary = runView
  .omit({ tasks: true, streams: true, snapshots: true, warnings: true, revision: true })
  .extend({ tasks: count, succeeded: count, failed: count });
export type RunSummary = z.output<typeof runSummary>;

/** Long polling: answers when the revision is above `after`, at the latest after `waitMs`. */
export const runQuery = z.object({
  after: z.coerce.number().int().min(0).optional(),
  waitMs: z.coerce.number().int().min(0).max(30_000).default(0),
});
export const runListQuery = z.object({
  job: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(20),
});

// Restore points

const pointDiskView = z.object({
  key: count,
  label: z.string(),
  uuid: z.string().nullable(),
  capacityBytes: count,
  type: z.enum(backupTypes),
  transport: z.string(),
  filter: z.string(),
  volumes: z.array(volumeView),
  fallback: z.string().nullable(),
  counters: byteCounters,
});

export const pointView = z.object({
  savesetId: z.string(),
  vm: z.string(),
  instanceUuid: z.string(),
  server: z.string(),
  job: z.string(),
  type: z.enum(backupTypes),
  base: z.string().nullable(),
  createdAt: z.string(),
  device: z.string(),
  deviceOnline: z.boolean(),
  consistency: z.enum(consistencyLevels),
  consistencyAsked: z.enum(consistencyLevels),
  runId: id,
  taskId: id,
  disks: z.array(pointDiskView),
  leftOutDisks: z.array(z.object({ key: count, label: z.string(), reason: z.string() })),
  counters: byteCounters,
  warnings: z.array(warning),
  /** Savesets that a restore reads, newest first, this one included. */
  chain: z.array(z.string()),
  /** A saveset that the chain lacks: nothing can be restored then; null when it is whole. */
  missing: z.string().nullable(),
  /** Points that build on this one. */
  dependents: count,
  verifiedAt: z.string().nullable(),
  pin: pinView,
});
export type PointView = z.output<typeof pointView>;

export const pointSummary = pointView.omit({
  disks: true,
  leftOutDisks: true,
  warnings: true,
  dependents: true,
});
export type PointSummary = z.output<typeof pointSummary>;

export const pointListQuery = z.object({
  /** Name, instance UUID or moref. */
  vm: z.string().optional(),
  job: z.string().optional(),
  /** Newest point not after this ISO time comes first. */
  before: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(50),
});

// Restore

export const restorePlanBody = z.strictObject({ point: z.string().min(4), disk: z.string().optional() });

export const restorePlanView = z.object({
  savesetId: z.string(),
  vm: z.string(),
  createdAt: z.string(),
  possible: z.boolean(),
  /** Why it cannot run now; empty when it can. */
  obstacles: z.array(z.string()),
  chain: z.array(
    z.object({
      savesetId: z.string(),
      type: z.enum(backupTypes),
      createdAt: z.string(),
      device: z.string(),
      online: z.boolean(),
      /** What this saveset gives to the restored disks. */
      writeBytes: count,
    }),
  ),
  disks: z.array(
    z.object({
      key: count,
      label: z.string(),
      capacityBytes: count,
      /** Savesets of the chain that give bytes to this disk. */
      savesets: count,
      packs: count,
      chunks: count,
      readBytes: count,
      writeBytes: count,
      zeroBytes: count,
      freeBytes: count,
    }),
  ),
  totals: z.object({ packs: count, readBytes: count, writeBytes: count }),
});
export type RestorePlanView = z.output<typeof restorePlanView>;

export const restoreDiskBody = z.strictObject({
  point: z.string().min(4),
  /** Key (`2000`), label, or position from 1 when the VM has only that many disks. */
  disk: z.string().min(1),
  path: z.string().min(1),
  format: z.enum(['raw', 'vmdk']).default('raw'),
  overwrite: z.boolean().default(false),
});
export type RestoreDiskBody = z.input<typeof restoreDiskBody>;

export const errorReply = z.object({ error: wireErrorSchema, help: z.string() });
