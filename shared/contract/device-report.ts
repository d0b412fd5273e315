/** What a task found and did beside what all tasks tell, by kind of task. Lists are cut to what a person can read; counts are whole. */
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

/** How many restore points a finding may list. */
export const MAX_FINDING_POINTS = 20;

const checkFinding = z.object({
  /** `leftover`: of no use and no harm; `note`: nothing to do about it. */
  severity: z.enum(['damage', 'leftover', 'note']),
  /** Its name on the device. */
  object: z.string(),
  what: z.string(),
  remedy: z.string(),
  /** Restore points that are concerned. */
  points: z.array(z.string()).max(MAX_FINDING_POINTS),
  morePoints: count,
});
export type CheckFinding = z.output<typeof checkFinding>;

const checkReport = z.object({
  kind: z.literal('check'),
  /** Whether every payload was read. */
  payloads: z.boolean(),
  /** Null when nothing was to be repaired; `dryRun` only says what would be done. */
  repair: z.enum(['dry-run', 'done']).nullable(),
  /** The worst first. */
  findings: z.array(checkFinding).max(MAX_REPORT_LIST),
  counts: z.object({ damage: count, leftovers: count, notes: count }),
  /** Restore points, and how many of them have lost something. */
  points: count,
  damagedPoints: count,
  /** Points that build on one of them and are sound themselves: they may have lost the same, or hide it. */
  dependentPoints: count.default(0),
  /** The first of these. */
  dependents: z.array(z.string()).max(MAX_FINDING_POINTS).default([]),
  packs: packsAndBytes,
  /** Records in the directories; how many of them were compared with what they say, and bytes of payloads that were read. */
  records: z.object({ count, compared: count, payloadBytes: count }),
  /** Chunks that no record holds any more, though restore points need them. */
  lostChunks: count,
  /** Records that no restore point uses; null when the indexes could not be read. */
  unusedBytes: count.nullable(),
  /** Checks that could not be made, and why. */
  leftOut: z.array(z.string()).max(MAX_REPORT_LIST),
  /** What the repair did, or would do. */
  repairs: z.array(z.string()).max(MAX_REPORT_LIST),
  moreRepairs: count,
});
export type CheckReport = z.output<typeof checkReport>;

const byteRange = z.object({ start: count, length: count });

const lostVolume = z.object({
  /** On the disk. */
  startBytes: count,
  lengthBytes: count,
  /** `NTFS`, `ext4` …; `unknown` when nothing is recognised. */
  fileSystem: z.string(),
  lostBytes: count,
  /** By their path in the volume, `\folder\file`; a folder's ends with `\`. */
  files: z.array(z.object({ path: z.string(), bytes: count })).max(MAX_REPORT_LIST),
  /** Files that are not in the list. */
  moreFiles: count,
  /** Lost bytes in files, listed or not; null when the files are not known. The rest is free space and the like. */
  filesBytes: count.nullable(),
  /** Why not all files are known; null when they are. */
  reason: z.string().nullable(),
});
export type LostVolume = z.output<typeof lostVolume>;

const verifyReport = z.object({
  kind: z.literal('verify'),
  savesetId: z.string(),
  /** Disks that have lost something. */
  disks: z
    .array(
      z.object({
        key: count,
        label: z.string(),
        chunks: count,
        bytes: count,
        /** Byte ranges of the disk, in order. */
        ranges: z.array(byteRange).max(MAX_REPORT_LIST),
        /** Ranges that are not in the list; at least so many, as no more than some thousand are held. */
        moreRanges: count,
        volumes: z.array(lostVolume).max(MAX_REPORT_LIST),
        /** Lost bytes in no volume: partition tables and gaps. */
        outsideBytes: count,
        /** Why volumes or files may be missing here; null when none are. */
        reason: z.string().nullable(),
      }),
    )
    .max(MAX_REPORT_LIST),
  /** Files of the saveset and disks of which nothing can be read, and why. */
  unreadable: z.array(z.object({ what: z.string(), reason: z.string() })).max(MAX_REPORT_LIST),
  /** Other points that use the damaged records. */
  otherPoints: z.array(z.string()).max(MAX_REPORT_LIST),
  moreOtherPoints: count,
});
export type VerifyReport = z.output<typeof verifyReport>;

export const deviceReport = z.discriminatedUnion('kind', [reclaimReport, checkReport, verifyReport]);
export type DeviceReport = z.output<typeof deviceReport>;
