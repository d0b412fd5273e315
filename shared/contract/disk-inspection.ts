/** What `disk inspect` tells of a disk, and the two messages between the command and the process that reads the disk. */
import { z } from 'zod';
import { count } from './schema.ts';
import { volumeView } from './volume-view.ts';
import { warning, wireErrorSchema } from './wire-error.ts';

/** A stretch is cut into so many equal cells; many widths divide it. */
export const PICTURE_CELLS = 960;

/** What may become of a byte: in use, left out, kept with a volume that raised a doubt, kept because nothing is known of it. */
export const regionKinds = ['used', 'skipped', 'whole', 'unknown'] as const;
export type RegionKind = (typeof regionKinds)[number];

const cells = z.array(count).length(PICTURE_CELLS);
/** Bytes of each kind in each cell of a stretch of a disk. */
export const picture = z.object({ used: cells, skipped: cells, whole: cells, unknown: cells });
export type Picture = z.output<typeof picture>;

/** Of a whole disk. */
export const diskSums = z.object({
  capacityBytes: count,
  state: z.enum(['filtered', 'partly', 'unfiltered']),
  /** What a backup of everything would read, and what it would leave out. */
  keptBytes: count,
  skippedBytes: count,
  /** Read to find this out. */
  readBytes: count,
});

export const diskInspection = z.object({
  file: z.string(),
  ...diskSums.shape,
  volumes: z.array(volumeView.extend({ picture })),
  warnings: z.array(warning),
  picture,
});
export type DiskInspection = z.output<typeof diskInspection>;

/** The same for programs: figures, not drawings. */
export const diskFigures = diskInspection.omit({ picture: true }).extend({ volumes: z.array(volumeView) });

export const inspectOrder = z.object({
  /** Absolute. */
  file: z.string(),
  /** What a job may ask of the filter. */
  dropShadowCopies: z.boolean(),
});
export type InspectOrder = z.output<typeof inspectOrder>;

export const inspectAnswer = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), inspection: diskInspection }),
  z.object({ ok: z.literal(false), error: wireErrorSchema }),
]);
export type InspectAnswer = z.output<typeof inspectAnswer>;
