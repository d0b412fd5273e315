/**
 * What master and worker say to each other: docs/protocol/ipc.md. Small messages, checked on both sides; bulk bytes never
 * pass here. The worker speaks first (`hello`): a message sent before its listener stands would be lost silently.
 *
 *   worker                                master
 *   hello {protocol}              ───▶
 *                                 ◀───    open {device}            the lease of one stream
 *   opened                        ───▶
 *                                 ◀───    assign {taskId, token}   or close: no work left for this stream
 *   fetch {taskId, token}         ───▶
 *                                 ◀───    reply: TaskSpec
 *   intent, created, removed …    ───▶    (each waits for its reply)
 *   states {ids}                  ───▶
 *                                 ◀───    reply: what the catalog knows of attempts and savesets
 *   progress (lossy), heartbeat   ───▶
 *   outcome                       ───▶
 *                                 ◀───    reply: recorded, then assign or close
 *
 * A message under a fencing token that is not the task's current one is answered with `IPC_FENCED`.
 */
import { z } from 'zod';
import { requestedTypes } from '../domain/backup-type.ts';
import { consistencyLevels } from '../domain/consistency.ts';
import { transportChoices } from '../domain/job.ts';
import { outcomes, phases } from '../domain/task.ts';
import { excludedPaths } from './excluded-paths.ts';
import { attemptId, count, id, percent } from './schema.ts';
import { taskReport } from './task-report.ts';
import { warning, wireErrorSchema } from './wire-error.ts';

export const IPC_PROTOCOL = 1;

export const serverAccess = z.object({
  name: z.string(),
  url: z.url(),
  username: z.string(),
  /** Never logged: messages are logged by type and ids only. */
  password: z.string(),
  /** SHA-256, colon-separated hexadecimal; without it the certificate must be trusted by this host. */
  fingerprint: z.string().nullable(),
  /** Datastore name → folder where it is mounted on this host. */
  datastorePaths: z.record(z.string(), z.string()),
});
export type ServerAccess = z.output<typeof serverAccess>;

export const deviceAccess = z.object({
  deviceId: z.string(),
  name: z.string(),
  path: z.string(),
  /** Master key of an encrypted device, 64 digits; never logged: messages are logged by type and ids only. */
  key: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
});
export type DeviceAccess = z.output<typeof deviceAccess>;

/** One saveset of a chain, and where it lies. */
export const chainLink = z.object({ savesetId: z.string(), device: deviceAccess });
export type ChainLink = z.output<typeof chainLink>;

export const vmTarget = z.object({
  moref: z.string(),
  name: z.string(),
  instanceUuid: z.string(),
  inventoryPath: z.string(),
});
export type VmTarget = z.output<typeof vmTarget>;

const attempt = { taskId: id, attempt: id, token: id, runId: id };

export const backupSpec = z.object({
  kind: z.literal('backup'),
  ...attempt,
  jobName: z.string(),
  /** Its whole definition, for the manifest: a job outlives the catalog. */
  job: z.record(z.string(), z.unknown()).nullable(),
  /** The saveset of this attempt: a new one for every attempt. */
  savesetId: z.string(),
  server: serverAccess,
  vm: vmTarget,
  options: z.object({
    type: z.enum(requestedTypes),
    abm: z.boolean(),
    cbt: z.boolean(),
    dropShadowCopies: z.boolean().optional(),
    excludeSwap: z.boolean().optional(),
    excludePaths: excludedPaths.optional(),
    transport: z.enum(transportChoices),
    consistency: z.enum(consistencyLevels),
    consistencyFallback: z.boolean(),
  }),
  device: deviceAccess,
  /** The sealed saveset to build on; `noBaseReason` says why there is none. */
  base: chainLink.nullable(),
  noBaseReason: z.string().nullable(),
});
export type BackupSpec = z.output<typeof backupSpec>;

const restoreSpec = z.object({
  kind: z.literal('restore'),
  ...attempt,
  /** Newest first, down to the full. */
  chain: z.array(chainLink).min(1),
  diskKey: count,
  target: z.object({ path: z.string(), format: z.enum(['raw', 'vmdk']), overwrite: z.boolean() }),
});
export type RestoreSpec = z.output<typeof restoreSpec>;

const verifySpec = z.object({
  kind: z.literal('verify'),
  ...attempt,
  chain: z.array(chainLink).min(1),
});
export type VerifySpec = z.output<typeof verifySpec>;

const reclaimSpec = z.object({
  kind: z.literal('reclaim'),
  ...attempt,
  /** The attempt's folder in `incoming/`: a new one for every attempt. */
  attemptId,
  device: deviceAccess,
  /** Only looks and reports. */
  dryRun: z.boolean(),
  /** Packs of which less than this is in use are rewritten. */
  sparsePercent: percent,
});
export type ReclaimSpec = z.output<typeof reclaimSpec>;

const consolidateSpec = z.object({
  kind: z.literal('consolidate'),
  ...attempt,
  /** The saveset of this attempt, which becomes the point; the newest of the chain is the one that it will stand for. */
  savesetId: attemptId,
  device: deviceAccess,
  chain: z.array(chainLink).min(1),
});
export type ConsolidateSpec = z.output<typeof consolidateSpec>;

const checkSpec = z.object({
  kind: z.literal('check'),
  ...attempt,
  /** A repair's folder in `incoming/`. */
  attemptId,
  device: deviceAccess,
  /** Read every payload. */
  payloads: z.boolean(),
  /** What to do about what is found: nothing, only say what could be done, or do it. */
  repair: z.enum(['dry-run', 'done']).nullable(),
});
export type CheckSpec = z.output<typeof checkSpec>;

const inspectSpec = z.object({
  kind: z.literal('inspect'),
  ...attempt,
  server: serverAccess,
  vm: vmTarget,
  dropShadowCopies: z.boolean(),
  transport: z.enum(transportChoices),
});
export type InspectSpec = z.output<typeof inspectSpec>;

export const taskSpec = z.discriminatedUnion('kind', [
  backupSpec,
  restoreSpec,
  verifySpec,
  reclaimSpec,
  checkSpec,
  consolidateSpec,
  inspectSpec,
]);
export type TaskSpec = z.output<typeof taskSpec>;

export type Warning = z.output<typeof warning>;

export const byteCounters = z.object({
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

export const phaseTimes = z.partialRecord(z.enum(phases), z.number().min(0));

/** A digest of what the device now holds unsealed; the master reads the manifest itself before it seals. */
const savesetDigest = z.object({
  savesetId: z.string(),
  manifestSha256: z.string(),
  manifestBytes: count,
});

export const taskOutcome = z.object({
  status: z.enum(outcomes),
  error: wireErrorSchema.nullable(),
  warnings: z.array(warning).max(200),
  counters: byteCounters,
  phases: phaseTimes,
  /** Set by a backup that wrote its manifest. */
  saveset: savesetDigest.nullable(),
  /** Set by what is done for its findings: work on a device as a whole, a look at a VM. */
  report: taskReport.nullable(),
});
export type TaskOutcome = z.output<typeof taskOutcome>;

const underToken = { taskId: id, token: id };

/** What the catalog knows of an attempt or saveset: `over` also for one that was given up or deleted. */
export const knownState = z.enum(['live', 'sealed', 'over', 'unknown']);
export type KnownState = z.output<typeof knownState>;
/** How many of them are asked for at once. */
export const MAX_ASKED_STATES = 500;

/** Requests of the worker that wait for a reply with the same `seq`. */
export const toMasterRequest = z.discriminatedUnion('type', [
  z.object({ type: z.literal('fetch'), seq: id, ...underToken }),
  z.object({
    type: z.literal('intent'),
    seq: id,
    ...underToken,
    vmMoref: z.string(),
    vmName: z.string(),
    /** The snapshot's name: unique, the only thing the janitor ever looks for. */
    snapshotName: z.string(),
  }),
  z.object({
    type: z.literal('created'),
    seq: id,
    ...underToken,
    snapshotName: z.string(),
    snapshotMoref: z.string(),
  }),
  z.object({ type: z.literal('removed'), seq: id, ...underToken, snapshotName: z.string() }),
  z.object({
    type: z.literal('states'),
    seq: id,
    ...underToken,
    ids: z.array(attemptId).max(MAX_ASKED_STATES),
  }),
  z.object({ type: z.literal('outcome'), seq: id, ...underToken, outcome: taskOutcome }),
]);
export type ToMasterRequest = z.output<typeof toMasterRequest>;

export const taskProgress = z.object({
  phase: z.enum(phases),
  /** What is worked on, for a person: `disk 2000 "Hard disk 1"`. */
  what: z.string(),
  doneBytes: count,
  totalBytes: count,
});
export type TaskProgress = z.output<typeof taskProgress>;

export const toMaster = z.union([
  z.object({ type: z.literal('hello'), protocol: z.number(), version: z.string(), pid: z.number() }),
  z.object({ type: z.literal('opened') }),
  z.object({ type: z.literal('open-failed'), error: wireErrorSchema }),
  z.object({ type: z.literal('heartbeat'), rssBytes: count }),
  z.object({ type: z.literal('progress'), ...underToken, progress: taskProgress }),
  toMasterRequest,
]);
export type ToMaster = z.output<typeof toMaster>;

export const toWorker = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('open'),
    /** Null for a worker whose tasks need none. */
    device: deviceAccess.nullable(),
    /** Threads of this stream's pool. */
    threads: id,
    heartbeatMs: id,
    /** Open it without a key, too, to be checked from outside. */
    mayBeLocked: z.boolean().optional(),
  }),
  z.object({ type: z.literal('assign'), taskId: id, token: id }),
  z.object({ type: z.literal('cancel'), taskId: id, token: id }),
  z.object({ type: z.literal('close') }),
  z.object({
    type: z.literal('reply'),
    seq: id,
    result: z.union([
      z.object({
        ok: z.literal(true),
        spec: taskSpec.optional(),
        states: z.record(z.string(), knownState).optional(),
      }),
      z.object({ ok: z.literal(false), error: wireErrorSchema }),
    ]),
  }),
]);
export type ToWorker = z.output<typeof toWorker>;
