/**
 * The catalog anew, from the registered devices alone: points, chains, pins and jobs. For the day when the data folder is lost,
 * and for devices that come from somewhere else. docs/flows/rebuild.md.
 */
import { isAppError } from '../../shared/base/errors.ts';
import { jobBody } from '../../shared/contract/api.ts';
import { MAX_REBUILD_LIST, type RebuildView, type RebuiltDevice } from '../../shared/contract/rebuild.ts';
import { parse } from '../../shared/contract/schema.ts';
import { type Job } from '../../shared/domain/job.ts';
import { type DeviceRecord } from '../catalog/devices.ts';
import { brokenChains } from '../jobs/broken-chains.ts';
import { finishRemovals } from '../retention/removal.ts';
import { type Findings, type RebuildContext, rebuildDevice } from './rebuild-device.ts';

export interface RebuildOptions {
  /** Reads everything, and changes nothing. */
  readonly dryRun: boolean;
  /** Whether jobs come back too; a device that is merely added brings none, for it may come from somewhere else. */
  readonly withJobs: boolean;
}

/** @throws AppError when a device fails while it is read; the signal's reason. What was taken up until then stays */
export async function rebuildCatalog(
  context: RebuildContext,
  devices: readonly DeviceRecord[],
  { dryRun, withJobs }: RebuildOptions,
  signal: AbortSignal,
): Promise<RebuildView> {
  const findings: Findings = { points: new Map(), replaced: new Map(), jobs: new Map() };
  const reports: RebuiltDevice[] = [];
  for (const device of devices)
    reports.push(await rebuildDevice(context, device, { findings, dryRun }, signal));
  const replaced = settleReplaced(context, findings, dryRun);
  if (!dryRun) await finishRemovals(context);
  const broken = brokenPoints(context, findings);
  return {
    dryRun,
    devices: reports.map((report, i) => ({
      ...report,
      replaced: replaced.get(devices[i]?.deviceId ?? '') ?? 0,
    })),
    jobs: withJobs ? restoreJobs(context, findings, dryRun) : [],
    broken: broken.length,
    brokenPoints: broken.slice(0, MAX_REBUILD_LIST),
  };
}

/** Finishes what a crash cut short between the seal of a consolidated point and the removal of the old one. */
function settleReplaced(
  { catalog }: RebuildContext,
  { replaced, points }: Findings,
  dryRun: boolean,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [oldId, savesetId] of replaced) {
    const old = catalog.savesets.point(oldId);
    if (old !== undefined) counts.set(old.deviceId, (counts.get(old.deviceId) ?? 0) + 1);
    points.delete(oldId);
    if (dryRun) continue;
    catalog.transact(() => {
      catalog.savesets.replace(oldId, savesetId);
      catalog.savesets.setRemoving(oldId);
    });
  }
  return counts;
}

function brokenPoints(
  { catalog }: RebuildContext,
  { points, replaced }: Findings,
): RebuildView['brokenPoints'] {
  const current = (savesetId: string): string => replaced.get(savesetId) ?? savesetId;
  const broken = brokenChains(points.keys(), {
    baseOf: (savesetId) => {
      const point = points.get(savesetId) ?? catalog.savesets.point(savesetId);
      return typeof point?.baseId === 'string' ? current(point.baseId) : point?.baseId;
    },
  });
  return [...broken].map(([savesetId, missing]) => ({
    savesetId,
    vm: points.get(savesetId)?.vm ?? '',
    missing,
  }));
}

function restoreJobs(context: RebuildContext, { jobs }: Findings, dryRun: boolean): RebuildView['jobs'] {
  const { catalog } = context;
  return [...jobs]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, found]) => {
      if (catalog.jobs.get(name) !== undefined) return { job: name, state: 'known', notes: [] };
      try {
        const job: Job = parse(jobBody, found.job, 'USAGE_INVALID', `the definition of job "${name}"`);
        if (!dryRun) catalog.jobs.put(job);
        return { job: name, state: 'restored', notes: needsOf(context, job) };
      } catch (error) {
        if (!isAppError(error)) throw error;
        return { job: name, state: 'unusable', notes: [error.message] };
      }
    });
}

/** What the devices do not hold: logins, and where other devices are. */
function needsOf({ catalog }: RebuildContext, job: Job): string[] {
  const notes: string[] = [];
  if (catalog.servers.get(job.server) === undefined)
    notes.push(`add server "${job.server}" with "server add"`);
  for (const device of job.devices)
    if (catalog.devices.byName(device) === undefined) notes.push(`add device "${device}" with "device add"`);
  return notes;
}
