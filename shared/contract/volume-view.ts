/** What the filter found in one volume of a disk, as points, runs and `disk inspect` show it. */
import { z } from 'zod';
import { count } from './schema.ts';

const excludedContent = z.object({
  path: z.string(),
  files: count,
  bytes: count,
  kept: z.string().nullable(),
});

export const volumeView = z.object({
  startBytes: count,
  lengthBytes: count,
  fileSystem: z.string(),
  label: z.string().nullable(),
  clusterBytes: count.nullable(),
  usedBytes: count.nullable(),
  freeBytes: count.nullable(),
  skippedBytes: count,
  /** Free by the file system and kept all the same. */
  kept: z.array(z.object({ why: z.string(), bytes: count })),
  /** What the job leaves out, by path, and why not all of it; nothing of a volume that it names nothing for. */
  excluded: z.array(excludedContent).readonly().optional(),
  /** What kept the volume whole: `not-filtered` when its file system is not looked into. */
  gate: z.string().nullable(),
  reason: z.string().nullable(),
});
export type VolumeView = z.output<typeof volumeView>;

/** Its gate, for a file system that the filter does not look into. */
export const NOT_FILTERED = 'not-filtered';
