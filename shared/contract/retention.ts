/** Retention in the HTTP API: the policy of a job, pins of restore points, and `prune`. */
import { z } from 'zod';
import { backupTypes } from '../domain/backup-type.ts';
import { AGE_PATTERN } from '../domain/retention.ts';
import { count, id, objectName } from './schema.ts';

/** Points of a policy beyond this are no policy any more. */
const MAX_POINTS = 10_000;

const amount = z.number().int().min(1).max(MAX_POINTS);
const age = z.string().regex(AGE_PATTERN, 'use a number and h, d or w, such as 30d');

export const retentionPolicy = z.strictObject({
  last: amount.optional(),
  within: age.optional(),
  daily: amount.optional(),
  weekly: amount.optional(),
  monthly: amount.optional(),
  yearly: amount.optional(),
});

/** Only what is named changes; null takes a rule away. */
export const retentionPatch = z.strictObject({
  last: amount.nullish(),
  within: age.nullish(),
  daily: amount.nullish(),
  weekly: amount.nullish(),
  monthly: amount.nullish(),
  yearly: amount.nullish(),
});
export type RetentionPatch = z.input<typeof retentionPatch>;

const MAX_NOTE_LENGTH = 1000;

export const pinBody = z.strictObject({ note: z.string().max(MAX_NOTE_LENGTH).default('') });
export type PinBody = z.input<typeof pinBody>;

/** Null for a point that is not pinned. */
export const pinView = z.object({ pinnedAt: z.string(), note: z.string() }).nullable();

export const pruneBody = z.strictObject({
  /** All jobs when left out. A job that was removed must be named, and `policy` given. */
  jobs: z.array(objectName).max(1000).optional(),
  /** Names of VMs with `*` and `?`; all when left out. */
  vms: z.array(z.string().min(1).max(512)).max(1000).optional(),
  /** Only points on these devices are deleted; rules count those on others, too. */
  devices: z.array(objectName).max(64).optional(),
  /** In place of the policies of the jobs. */
  policy: retentionPolicy.optional(),
  dryRun: z.boolean().default(false),
  /** The `plan` of a dry run: nothing is deleted unless the same would be deleted now. */
  plan: z.string().optional(),
});
export type PruneBody = z.input<typeof pruneBody>;

const prunePoint = z.object({
  savesetId: z.string(),
  vm: z.string(),
  job: z.string(),
  device: z.string(),
  createdAt: z.string(),
  type: z.enum(backupTypes),
  storedBytes: count,
  verdict: z.enum(['keep', 'delete']),
  reasons: z.array(z.string()).min(1),
});

export const pruneView = z.object({
  dryRun: z.boolean(),
  /** Stands for what is deleted. */
  plan: z.string(),
  /** By job and VM, newest first; at most 10,000, and those that are deleted before those that are kept. */
  points: z.array(prunePoint),
  /** Points that the list has no place for. */
  unlisted: count,
  totals: z.object({
    kept: count,
    deleted: count,
    /** What the devices grew by when the deleted points were stored. */
    storedBytes: count,
    /** The most that nothing needs any more: kept points may share all of it. */
    unreferencedBytesAtMost: count,
  }),
  /** Points that were to be deleted and stay, and why. */
  failures: z.array(z.object({ savesetId: z.string(), vm: z.string(), reason: z.string() })),
  /** Runs that free the space; `runId` is null where none could begin. */
  reclaims: z.array(z.object({ device: z.string(), runId: id.nullable(), reason: z.string().nullable() })),
});
export type PruneView = z.output<typeof pruneView>;
export type PrunePoint = z.output<typeof prunePoint>;
