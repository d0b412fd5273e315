/** What the API says of rebuilding the catalog from the devices. Lists are cut to what a person can read; counts are whole. */
import { z } from 'zod';
import { deviceView } from './api.ts';
import { count, objectName } from './schema.ts';

/** How many names a list may have. */
export const MAX_REBUILD_LIST = 100;

export const rebuildBody = z.strictObject({
  /** Names; all registered devices when left out. */
  devices: z.array(objectName).min(1).optional(),
  /** Reads everything and changes nothing. */
  dryRun: z.boolean().default(false),
});
export type RebuildBody = z.input<typeof rebuildBody>;

const rebuiltDevice = z.object({
  device: z.string(),
  /** Why nothing was read from it; null when it was. */
  offlineReason: z.string().nullable(),
  /** Restore points that are on it and sound. */
  points: count,
  /** Of these, the ones that the catalog did not know. */
  added: count,
  /** Of these, the ones that build on no other. */
  chains: count,
  pins: count,
  /** Points of the catalog that are not on the device any more. */
  forgotten: count,
  /** Savesets that another one stands for; they are removed. */
  replaced: count,
  damaged: count,
  damagedPoints: z.array(z.object({ savesetId: z.string(), reason: z.string() })).max(MAX_REBUILD_LIST),
  /** What is not as it should be, and no damage of a point. */
  warnings: z.array(z.string()).max(MAX_REBUILD_LIST),
});
export type RebuiltDevice = z.output<typeof rebuiltDevice>;

const rebuiltJob = z.object({
  job: z.string(),
  /** `known`: the catalog has one of that name, which stays as it is; `left`: it was not asked for, and stays on the device. */
  state: z.enum(['restored', 'known', 'unusable', 'left']),
  /** What it needs to run, or why it cannot be used. */
  notes: z.array(z.string()),
});

export const rebuildView = z.object({
  dryRun: z.boolean(),
  devices: z.array(rebuiltDevice),
  jobs: z.array(rebuiltJob),
  broken: count,
  /** Points whose chain lacks a saveset. */
  brokenPoints: z
    .array(z.object({ savesetId: z.string(), vm: z.string(), missing: z.string() }))
    .max(MAX_REBUILD_LIST),
});
export type RebuildView = z.output<typeof rebuildView>;

/** A device that was registered, and what it brought of an earlier life. */
export const deviceAdded = deviceView.extend({ brought: rebuildView });
export type DeviceAdded = z.output<typeof deviceAdded>;
