/**
 * The restore points of one device into the catalog, from the device alone. Reading goes on while a batch is written; what the
 * catalog knows already stays as it is.
 */
import { isoTime } from '../../shared/base/clock.ts';
import { MAX_REBUILD_LIST, type RebuiltDevice } from '../../shared/contract/rebuild.ts';
import { type Manifest } from '../../shared/format/manifest.ts';
import { type FoundSaveset } from '../../shared/repository/scan-savesets.ts';
import { disksOfManifest, pointOfManifest } from '../adapters/point-of-manifest.ts';
import { type DeviceRecord } from '../catalog/devices.ts';
import { deviceAccess } from '../dispatch/task-spec.ts';
import { type ServiceContext } from './context.ts';

const BATCH = 500;

/** What was found on all devices, for what is decided at the end: 150 bytes for a point. */
export interface Findings {
  readonly points: Map<string, { readonly vm: string; readonly baseId: string | null }>;
  /** Old saveset → the one that stands for it. */
  readonly replaced: Map<string, string>;
  /** The newest definition of each job, and the name that the device has here on which it lies. */
  readonly jobs: Map<string, FoundJob>;
}

export interface FoundJob {
  readonly createdAt: string;
  readonly job: Readonly<Record<string, unknown>>;
  readonly device: string;
}

export type RebuildContext = Pick<ServiceContext, 'catalog' | 'devices' | 'clock' | 'log'>;

type SoundSaveset = Extract<FoundSaveset, { error: null }>;
type Report = { -readonly [K in keyof RebuiltDevice]: RebuiltDevice[K] };

/** @throws AppError when the device cannot be read any more; the signal's reason */
export async function rebuildDevice(
  context: RebuildContext,
  device: DeviceRecord,
  into: { readonly findings: Findings; readonly dryRun: boolean },
  signal: AbortSignal,
): Promise<RebuiltDevice> {
  const { devices } = context;
  const report = emptyReport(device.name);
  const access = deviceAccess(device);
  const offlineReason = await devices.whyOffline(access);
  if (offlineReason !== undefined) return { ...report, offlineReason };
  const seen = new Set<string>();
  let batch: SoundSaveset[] = [];
  const flush = (): void => {
    if (!into.dryRun) store(context, batch);
    batch = [];
  };
  const onFound = (found: FoundSaveset): void => {
    seen.add(found.savesetId);
    const reason = whyUnusable(found, device);
    if (found.error !== null || reason !== undefined) {
      report.damaged++;
      if (report.damagedPoints.length < MAX_REBUILD_LIST)
        report.damagedPoints.push({ savesetId: found.savesetId, reason: reason ?? '' });
      return;
    }
    note(context, found, report, into.findings);
    batch.push(found);
    if (batch.length === BATCH) flush();
  };
  await devices.scan(access, onFound, signal);
  flush();
  await forgetVanished(context, device, { seen, report, dryRun: into.dryRun });
  return report;
}

function emptyReport(device: string): Report {
  return {
    device,
    offlineReason: null,
    ...{ points: 0, added: 0, chains: 0, pins: 0, forgotten: 0, replaced: 0, damaged: 0 },
    damagedPoints: [],
    warnings: [],
  };
}

function whyUnusable(found: FoundSaveset, device: DeviceRecord): string | undefined {
  if (found.error !== null) return found.error.message;
  const { deviceId } = found.manifest;
  return deviceId === device.deviceId ? undefined : `it was written to device ${deviceId}`;
}

function note({ catalog }: RebuildContext, found: SoundSaveset, report: Report, findings: Findings): void {
  const { savesetId, manifest, pin } = found;
  report.points++;
  if (!isKnown(catalog.savesets.stateOf(savesetId))) report.added++;
  if (manifest.base === null) report.chains++;
  if (pin !== undefined) report.pins++;
  if (pin?.pinnedAt === null && report.warnings.length < MAX_REBUILD_LIST)
    report.warnings.push(`the pin of point ${savesetId} cannot be read: it stays pinned`);
  findings.points.set(savesetId, { vm: manifest.vm.name, baseId: manifest.base?.savesetId ?? null });
  for (const oldId of manifest.standsFor) findings.replaced.set(oldId, savesetId);
  noteJob(findings, manifest, report.device);
}

function noteJob({ jobs }: Findings, { job, jobName, createdAt }: Manifest, device: string): void {
  const known = jobs.get(jobName);
  if (job !== null && (known === undefined || known.createdAt < createdAt))
    jobs.set(jobName, { createdAt, job, device });
}

/** One that was given up and is on the device all the same was brought back with a copy of the device. */
function isKnown(state: string | undefined): boolean {
  return state !== undefined && state !== 'gone';
}

function store({ catalog, clock }: RebuildContext, batch: readonly SoundSaveset[]): void {
  if (batch.length === 0) return;
  const { savesets } = catalog;
  catalog.transact(() => {
    catalog.sequences.raise({
      runs: Math.max(...batch.map(({ manifest }) => manifest.runId)),
      tasks: Math.max(...batch.map(({ manifest }) => manifest.taskId)),
      attempts: Math.max(...batch.map(({ manifest }) => manifest.token)),
    });
    for (const { savesetId, manifest, sha256, pin } of batch) {
      if (!isKnown(savesets.stateOf(savesetId))) {
        const point = pointOfManifest(manifest, sha256);
        savesets.insertUnsealed(point);
        savesets.setSealed(point, disksOfManifest(manifest));
      }
      if (pin !== undefined && savesets.pinOf(savesetId) === null)
        savesets.setPin(savesetId, { note: pin.note, pinnedAt: pin.pinnedAt ?? isoTime(clock.nowMs()) });
    }
  });
}

/** Asked once more of each: a point may have been sealed since the device was listed. */
async function forgetVanished(
  { catalog, devices }: RebuildContext,
  device: DeviceRecord,
  of: { readonly seen: ReadonlySet<string>; readonly report: Report; readonly dryRun: boolean },
): Promise<void> {
  const access = deviceAccess(device);
  for (const savesetId of catalog.savesets.idsOnDevice(device.deviceId)) {
    if (of.seen.has(savesetId) || (await devices.isSealed(access, savesetId))) continue;
    of.report.forgotten++;
    if (of.dryRun) continue;
    catalog.transact(() => {
      catalog.savesets.setRemoving(savesetId);
      catalog.savesets.setGone(savesetId);
    });
  }
}
