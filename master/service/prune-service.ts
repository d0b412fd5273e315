/**
 * `prune`: what retention keeps and deletes, and the deletion. It is planned anew when it is carried out; a caller that showed
 * a plan to somebody gives its mark back, and nothing happens when another set of points would go.
 */
import { AppError, toAppError } from '../../shared/base/errors.ts';
import { type PrunePoint, type PruneView, pruneBody } from '../../shared/contract/retention.ts';
import { type RunStarted } from '../../shared/contract/api.ts';
import { parse } from '../../shared/contract/schema.ts';
import { sha256Hex } from '../../shared/format/hash.ts';
import { deviceAccess } from '../dispatch/task-spec.ts';
import { type PruneVerdict, planPrune } from '../retention/plan-prune.ts';
import { type RemovalContext, dependentsFirst, finishRemovals, removePoint } from '../retention/removal.ts';
import { type Services } from '../services.ts';
import { deviceNamed } from './context.ts';

/** More than this nobody reads, and an answer must not fill the memory. */
const MAX_LISTED = 10_000;
const PLAN_DIGITS = 16;

/** Starts a run that frees what nothing refers to any more. @throws AppError `DEVICE_IN_USE` */
export type Reclaim = (deviceName: string) => Promise<RunStarted>;

export function pruneService(context: RemovalContext, reclaim: Reclaim): Services['prune'] {
  const { catalog, clock } = context;
  return async (body, signal) => {
    const asked = parse(pruneBody, body, 'USAGE_INVALID', 'the request');
    const { jobs, vms, devices, policy, dryRun } = asked;
    if (!dryRun) await finishRemovals(context);
    const verdicts: PruneVerdict[] = [];
    const whyNotOn = await devicesLeftAlone(context, devices);
    const input = { catalog, nowMs: clock.nowMs(), jobs, vmPatterns: vms, policy, whyNotOn };
    for await (const verdict of planPrune(input, signal)) verdicts.push(verdict);
    const planned = planView(context, verdicts);
    if (dryRun) return { dryRun, ...planned, failures: [], reclaims: [] };
    if (asked.plan !== undefined && asked.plan !== planned.plan) {
      throw new AppError(
        'PRUNE_PLAN_CHANGED',
        'Cannot prune: other points would be deleted than those shown',
      );
    }
    const failures = await removeAll(context, verdicts.filter(isDeleted), signal);
    const left = new Set(failures.map(({ savesetId }) => savesetId));
    const removed = verdicts.filter((verdict) => isDeleted(verdict) && !left.has(verdict.point.savesetId));
    const reclaims = await reclaimAll(context, removed, reclaim);
    return { dryRun, ...planned, failures, reclaims };
  };
}

const isDeleted = (verdict: PruneVerdict): boolean => !verdict.keep;

/** Why a device is left alone, by its id: it is not among `names`, or away. */
async function devicesLeftAlone(
  { catalog, devices }: RemovalContext,
  names: readonly string[] | undefined,
): Promise<(deviceId: string) => string | undefined> {
  const named = names && new Set(names.map((name) => deviceNamed(catalog, name).deviceId));
  const reasons = new Map<string, string | undefined>();
  for (const device of catalog.devices.list()) {
    const { deviceId, name } = device;
    if (named?.has(deviceId) === false) {
      reasons.set(deviceId, `left: device "${name}" was not named`);
      continue;
    }
    const why = await devices.whyOffline(deviceAccess(device));
    reasons.set(deviceId, why && `left: device "${name}" is offline: ${why}`);
  }
  return (deviceId) => {
    if (reasons.has(deviceId)) return reasons.get(deviceId);
    return `left: device "${catalog.devices.byId(deviceId)?.name ?? deviceId}" is not registered`;
  };
}

function planView(
  { catalog }: RemovalContext,
  verdicts: readonly PruneVerdict[],
): Pick<PruneView, 'plan' | 'points' | 'unlisted' | 'totals'> {
  const deleted = verdicts.filter(isDeleted);
  const ids = deleted.map(({ point }) => point.savesetId).sort();
  const shown = [...deleted, ...verdicts.filter(({ keep }) => keep)].slice(0, MAX_LISTED).sort(byVmAndAge);
  const stored = sum(deleted.map(({ point }) => point.storedBytes));
  return {
    plan: sha256Hex(Buffer.from(ids.join(' '))).slice(0, PLAN_DIGITS),
    points: shown.map((verdict) => pointView(verdict, catalog.devices.byId(verdict.point.deviceId)?.name)),
    unlisted: verdicts.length - shown.length,
    totals: {
      kept: verdicts.length - deleted.length,
      deleted: deleted.length,
      storedBytes: stored,
      unreferencedBytesAtMost: stored + sum(deleted.map(({ point }) => point.knownBytes)),
    },
  };
}

function byVmAndAge({ point: a }: PruneVerdict, { point: b }: PruneVerdict): number {
  const [left, right] = [
    [a.job, a.vmName, b.createdAt],
    [b.job, b.vmName, a.createdAt],
  ].map((key) => key.join('\0'));
  return (left ?? '') < (right ?? '') ? -1 : 1;
}

function pointView({ point, keep, reasons }: PruneVerdict, device: string | undefined): PrunePoint {
  const { savesetId, vmName, job, deviceId, createdAt, type, storedBytes } = point;
  return {
    savesetId,
    vm: vmName,
    job,
    device: device ?? deviceId,
    createdAt,
    type,
    storedBytes,
    verdict: keep ? 'keep' : 'delete',
    reasons: [...reasons],
  };
}

async function removeAll(
  context: RemovalContext,
  verdicts: readonly PruneVerdict[],
  signal: AbortSignal,
): Promise<PruneView['failures']> {
  const failures: PruneView['failures'] = [];
  for (const point of dependentsFirst(verdicts.map((verdict) => verdict.point))) {
    signal.throwIfAborted();
    const { savesetId, vmName: vm } = point;
    const reason = await removePoint(context, point).catch((error: unknown) => toAppError(error).message);
    if (reason !== undefined) failures.push({ savesetId, vm, reason });
  }
  context.log.info('restore points deleted', {
    deleted: verdicts.length - failures.length,
    failed: failures.length,
  });
  return failures;
}

async function reclaimAll(
  { catalog }: RemovalContext,
  verdicts: readonly PruneVerdict[],
  reclaim: Reclaim,
): Promise<PruneView['reclaims']> {
  const reclaims: PruneView['reclaims'] = [];
  for (const deviceId of new Set(verdicts.map(({ point }) => point.deviceId))) {
    const device = catalog.devices.byId(deviceId)?.name ?? deviceId;
    try {
      const { runId } = await reclaim(device);
      reclaims.push({ device, runId, reason: null });
    } catch (error) {
      reclaims.push({ device, runId: null, reason: toAppError(error).message });
    }
  }
  return reclaims;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
