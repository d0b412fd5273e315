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
import { type Findings, type FoundJob, type RebuildContext, rebuildDevice } from './rebuild-device.ts';

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
    jobs: settleJobs(context, findings, { dryRun, withJobs }),
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

function settleJobs(
  context: RebuildContext,
  { jobs }: Findings,
  options: RebuildOptions,
): RebuildView['jobs'] {
  return [...jobs]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, found]) => ({ job: name, ...settleJob(context, name, found, options) }));
}

function settleJob(
  context: RebuildContext,
  name: string,
  found: FoundJob,
  { dryRun, withJobs }: RebuildOptions,
): Omit<RebuildView['jobs'][number], 'job'> {
  const { catalog } = context;
  const known = catalog.jobs.get(name);
  if (known !== undefined) return { state: 'known', notes: needsOf(context, known, found) };
  if (!withJobs) return { state: 'left', notes: [] };
  try {
    const job: Job = parse(jobBody, found.job, 'USAGE_INVALID', `the definition of job "${name}"`);
    if (!dryRun) catalog.jobs.put(job);
    return { state: 'restored', notes: needsOf(context, job, found) };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { state: 'unusable', notes: [error.message] };
  }
}

/** What the devices do not hold: logins, where other devices are, and what this one is called now. */
function needsOf({ catalog }: RebuildContext, job: Job, { device: home }: FoundJob): string[] {
  const notes: string[] = [];
  if (catalog.servers.get(job.server) === undefined)
    notes.push(`add server "${job.server}" with "server add"`);
  const isThere = (name: string): boolean => catalog.devices.byName(name) !== undefined;
  for (const device of job.devices.filter((name) => !isThere(name))) {
    const away = `it names device "${device}", which is not here`;
    const edit = (names: string): string => `"job edit ${job.name} --device ${names}"`;
    notes.push(
      job.devices.includes(home)
        ? `${away}: "device add" it, or ${edit('…')} names others`
        : `${away}; its points are on "${home}": ${edit([...job.devices.filter(isThere), home].join(' '))}`,
    );
  }
  return notes;
}
