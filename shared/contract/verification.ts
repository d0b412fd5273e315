/** Verifying a set of restore points: what is asked, what would be done, what was begun. */
import { z } from 'zod';
import { patterns } from './api.ts';
import { count, id, objectName } from './schema.ts';

export const verifyBody = z.strictObject({
  /** Ids, or their beginnings; or a set by the fields below. */
  points: z.array(z.string().min(4)).max(1000).default([]),
  all: z.boolean().default(false),
  vms: patterns.default([]),
  jobs: z.array(objectName).max(1000).default([]),
  devices: z.array(objectName).max(64).default([]),
  /** Only what was not verified for so long. */
  olderThanMs: count.optional(),
  /** Stored bytes to read, about. */
  budgetBytes: id.optional(),
  streams: z.number().int().min(1).max(64).default(1),
});
export type VerifyBody = z.input<typeof verifyBody>;

const verifyTotals = {
  total: z.object({ points: count, readBytes: count }),
  /** What the budget leaves for later: `moreRuns` like this one. Not complete when there is more than was looked at. */
  left: z.object({ points: count, readBytes: count, moreRuns: count, isComplete: z.boolean() }),
  /** Why some points cannot be verified now. */
  obstacles: z.array(z.string()),
};

export const verifyPlanView = z.object({
  /** The first of them. */
  points: z.array(
    z.object({
      savesetId: z.string(),
      vm: z.string(),
      createdAt: z.string(),
      device: z.string(),
      verifiedAt: z.string().nullable(),
      /** At most, and only what points before it do not read already. */
      readBytes: count,
    }),
  ),
  ...verifyTotals,
});
export type VerifyPlanView = z.output<typeof verifyPlanView>;

/** Without a run when there is nothing to verify. */
export const verifyStarted = z.object({ runId: id.nullable(), ...verifyTotals });
export type VerifyStarted = z.output<typeof verifyStarted>;
