/**
 * What `prune` would do now: verdicts over all points that were asked for, one job and VM after the other, with pauses in between,
 * since a catalog may hold a million points and the service has other work.
 */
import { setImmediate as pause } from 'node:timers/promises';
import { AppError } from '../../shared/base/errors.ts';
import { type RetentionPolicy } from '../../shared/domain/retention.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type RetentionGroup, type RetentionPoint } from '../catalog/retention-points.ts';
import { nameFilter } from '../jobs/selection.ts';
import { type OpenUses, openUses, usesAmong, vmKey } from './in-use.ts';
import { type Verdict, planRetention } from './plan-retention.ts';

export interface PruneInput {
  readonly catalog: Catalog;
  readonly nowMs: number;
  /** All jobs when undefined. */
  readonly jobs: readonly string[] | undefined;
  readonly vmPatterns: readonly string[] | undefined;
  /** In place of the policies of the jobs. */
  readonly policy: RetentionPolicy | undefined;
  /** Why nothing is deleted from a device; undefined when it can be. */
  readonly whyNotOn: (deviceId: string) => string | undefined;
}

export type PruneVerdict = Verdict<RetentionPoint>;

/** @throws AppError `USAGE_NOT_FOUND` for a job that neither exists nor left points; `USAGE_INVALID` for a pattern */
export async function* planPrune(input: PruneInput, signal: AbortSignal): AsyncGenerator<PruneVerdict> {
  const isWanted = nameFilter(input.vmPatterns);
  const uses = openUses(input.catalog);
  for (const group of groupsOf(input)) {
    signal.throwIfAborted();
    // loading the points of one VM takes longer than asking for its name
    if (group.vmUuid !== '' && !isWanted(input.catalog.savesets.nameOfGroup(group))) continue;
    for (const points of byVm(input.catalog.savesets.pointsOfGroup(group))) {
      if (isWanted(points[0]?.vmName ?? '')) yield* planVm(input, points, uses);
    }
    await pause();
  }
}

function planVm(
  input: PruneInput,
  points: readonly RetentionPoint[],
  uses: OpenUses,
): readonly PruneVerdict[] {
  return planRetention(points, {
    ...rulesOf(input, points[0]?.job ?? ''),
    nowMs: input.nowMs,
    inUse: usesAmong(points, uses),
    whyLeft: ({ deviceId }) => input.whyNotOn(deviceId),
  });
}

function rulesOf({ catalog, jobs, policy }: PruneInput, name: string) {
  const job = catalog.jobs.get(name);
  if (job !== undefined) {
    return { policy: policy ?? job.retention, whyNoRules: `job "${name}" keeps everything` };
  }
  const isNamed = jobs !== undefined;
  return {
    policy: isNamed ? policy : undefined,
    whyNoRules: `job "${name}" was removed: its points are deleted only when it is named, with rules`,
  };
}

function* groupsOf({ catalog, jobs }: PruneInput): Generator<RetentionGroup> {
  const { savesets } = catalog;
  if (jobs === undefined) {
    for (let group = savesets.nextGroup({ job: '' }); group !== undefined; group = savesets.nextGroup(group))
      yield group;
    return;
  }
  for (const job of new Set(jobs)) {
    let group = savesets.nextGroup({ job });
    if (group?.job !== job && catalog.jobs.get(job) === undefined) {
      throw new AppError('USAGE_NOT_FOUND', `Cannot find job "${job}"`, { kind: 'job', name: job });
    }
    for (; group?.job === job; group = savesets.nextGroup(group)) yield group;
  }
}

/** VMs without an instance UUID are told apart by server and moref. */
function byVm(points: readonly RetentionPoint[]): readonly (readonly RetentionPoint[])[] {
  const vms = new Map<string, RetentionPoint[]>();
  for (const point of points) {
    const key = vmKey(point);
    const own = vms.get(key);
    if (own === undefined) vms.set(key, [point]);
    else own.push(point);
  }
  return [...vms.values()];
}
