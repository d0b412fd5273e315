/** What work on a device as a whole found and did, by kind of task. Lists are cut to what a person can read; counts are whole. */
import { z } from 'zod';
import { count } from './schema.ts';

/** How many names a report may list. */
export const MAX_REPORT_LIST = 100;

const packsAndBytes = z.object({ packs: count, bytes: count });

/** Packs that nobody needs any more, and the attempts that may not know that yet. */
const waitingSweep = z.object({
  sweepId: z.string(),
  ...packsAndBytes.shape,
  attempts: z.array(z.string()).max(MAX_REPORT_LIST),
});

const reclaimReport = z.object({
  kind: z.literal('reclaim'),
  /** Nothing was changed; `removed` and `waiting` are empty then. */
  dryRun: z.boolean(),
  /** Restore points whose indexes were read. */
  points: count,
  /** All packs of the device as they were found. */
  found: packsAndBytes,
  /** Records in use, with their headers. */
  liveBytes: count,
  /** Packs without a record in use. */
  unused: packsAndBytes,
  /** Packs with few records in use, which were (or would be) rewritten, and the bytes of these records. */
  sparse: packsAndBytes.extend({ copiedBytes: count }),
  /** Space that is free again now. */
  removed: packsAndBytes,
  /** Space that becomes free when the attempts have ended and space is reclaimed again. */
  waiting: z.array(waitingSweep).max(MAX_REPORT_LIST),
  /** Packs that stay as they are, and why. */
  leftAlone: z.array(z.object({ packId: z.string(), reason: z.string() })).max(MAX_REPORT_LIST),
});
export type ReclaimReport = z.output<typeof reclaimReport>;

export const deviceReport = z.discriminatedUnion('kind', [reclaimReport]);
export type DeviceReport = z.output<typeof deviceReport>;
