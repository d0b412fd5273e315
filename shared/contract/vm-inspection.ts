/**
 * What `disk inspect` tells of a VM: the order, and the report of the task that looked at its disks. The report is bounded, since it passes
 * between processes and stays in the catalog: volumes and pictures are cut off, sums are whole.
 */
import { z } from 'zod';
import { transportChoices } from '../domain/job.ts';
import { diskSums } from './disk-inspection.ts';
import { packedPicture } from './packed-picture.ts';
import { count, objectName } from './schema.ts';
import { volumeView } from './volume-view.ts';

export const inspectBody = z.strictObject({
  /** Name, moref, instance UUID or inventory path. */
  vm: z.string().min(1).max(512),
  /** Without it the VM is looked for on every server. */
  server: objectName.optional(),
  /** What a job may ask of the filter, and of the way to the disks. */
  dropShadowCopies: z.boolean().default(false),
  transport: z.enum(transportChoices).default('auto'),
});
export type InspectBody = z.input<typeof inspectBody>;

/** Over all disks of a VM. */
export const MAX_INSPECTED_VOLUMES = 512;
export const MAX_INSPECTED_PICTURES = 128;

const inspectedDisk = z.object({
  key: count,
  label: z.string(),
  transport: z.string(),
  ...diskSums.shape,
  volumes: z.array(volumeView.extend({ picture: packedPicture.nullable() })),
  /** Volumes beyond what a report may list. */
  moreVolumes: count,
  /** Null beyond what a report may hold. */
  picture: packedPicture.nullable(),
});
export type InspectedDisk = z.output<typeof inspectedDisk>;

export const vmInspection = z.object({
  kind: z.literal('inspect'),
  server: z.string(),
  vm: z.string(),
  moref: z.string(),
  inventoryPath: z.string(),
  disks: z.array(inspectedDisk),
  /** Disks that no snapshot holds, and why. */
  leftOutDisks: z.array(z.object({ key: count, label: z.string(), reason: z.string() })),
});
export type VmInspection = z.output<typeof vmInspection>;

const figuresOfDisk = inspectedDisk.omit({ picture: true }).extend({ volumes: z.array(volumeView) });
/** The same for programs: figures, not drawings. */
export const vmFigures = vmInspection.omit({ kind: true }).extend({ disks: z.array(figuresOfDisk) });
