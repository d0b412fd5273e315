/** What a worker is told of its task, made when it asks: the newest sealed base and the password are looked up only now. */
import { invariant } from '../../shared/base/assert.ts';
import { AppError, hasCode } from '../../shared/base/errors.ts';
import {
  type BackupSpec,
  type ChainLink,
  type CheckSpec,
  type ConsolidateSpec,
  type DeviceAccess,
  type ReclaimSpec,
  type ServerAccess,
  type TaskSpec,
} from '../../shared/contract/ipc.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type DeviceRecord } from '../catalog/devices.ts';
import { type RunRecord } from '../catalog/runs.ts';
import { type SavesetRecord } from '../catalog/saveset-rows.ts';
import { type TaskRecord, type TaskTarget } from '../catalog/tasks.ts';
import { chainOf } from '../jobs/chain.ts';
import { type BasePlan, planBase } from '../jobs/plan-run.ts';
import { type SavesetKeeper } from './ports.ts';

export interface SpecSources {
  readonly catalog: Catalog;
  readonly keeper: SavesetKeeper;
  /** With the password. @throws AppError `USAGE_NOT_FOUND`, `AUTH_LOGIN_REFUSED` */
  readonly accessOf: (server: string) => ServerAccess;
}

/** Without a key: `SavesetKeeper.withKey` adds it for workers alone. */
export function deviceAccess(device: DeviceRecord): DeviceAccess {
  return { deviceId: device.deviceId, name: device.name, path: device.path, key: null };
}

/** The spec of the task's current attempt. @throws AppError when a server, device or chain that it needs is not there */
export async function buildSpec(sources: SpecSources, run: RunRecord, task: TaskRecord): Promise<TaskSpec> {
  const { target } = task;
  if (target.kind === 'backup') return backupSpec(sources, run, { ...task, target });
  if (target.kind === 'reclaim') return reclaimSpec(sources, { ...task, target });
  if (target.kind === 'check') return checkSpec(sources, { ...task, target });
  if (target.kind === 'inspect')
    return { ...target, ...attemptOf(task), server: sources.accessOf(target.server) };
  const head = { ...attemptOf(task), chain: await chainLinks(sources, target.savesetId) };
  if (target.kind === 'consolidate') return consolidateSpec(sources, task, head);
  if (target.kind === 'verify') return { kind: 'verify', ...head };
  return { kind: 'restore', ...head, diskKey: target.diskKey, target: target.target };
}

type BackupTask = TaskRecord & { readonly target: Extract<TaskTarget, { kind: 'backup' }> };

async function backupSpec(sources: SpecSources, run: RunRecord, task: BackupTask): Promise<BackupSpec> {
  const { job } = run;
  invariant(job !== null && task.savesetId !== null, 'a backup has a job and a saveset', {
    task: task.taskId,
  });
  const plan = await planFor(sources, run, task);
  return {
    kind: 'backup',
    ...attemptOf(task),
    jobName: job.name,
    job: { ...job },
    savesetId: task.savesetId,
    server: sources.accessOf(task.target.server),
    vm: task.target.vm,
    options: { ...job.options, type: plan.type },
    device: await deviceOf(sources, task.deviceId ?? ''),
    base: plan.base === null ? null : await linkOf(sources, plan.base),
    noBaseReason: plan.noBaseReason,
  };
}

async function consolidateSpec(
  sources: SpecSources,
  { taskId, savesetId, deviceId }: TaskRecord,
  head: Omit<ConsolidateSpec, 'kind' | 'savesetId' | 'device'>,
): Promise<ConsolidateSpec> {
  invariant(savesetId !== null && deviceId !== null, 'an attempt that writes has an id', { task: taskId });
  return { kind: 'consolidate', ...head, savesetId, device: await deviceOf(sources, deviceId) };
}

type ReclaimTask = TaskRecord & { readonly target: Extract<TaskTarget, { kind: 'reclaim' }> };

async function reclaimSpec(sources: SpecSources, task: ReclaimTask): Promise<ReclaimSpec> {
  const { deviceId, dryRun, sparsePercent } = task.target;
  invariant(task.savesetId !== null, 'an attempt that writes has an id', { task: task.taskId });
  const device = await deviceOf(sources, deviceId);
  return { kind: 'reclaim', ...attemptOf(task), attemptId: task.savesetId, device, dryRun, sparsePercent };
}

type CheckTask = TaskRecord & { readonly target: Extract<TaskTarget, { kind: 'check' }> };

async function checkSpec(sources: SpecSources, task: CheckTask): Promise<CheckSpec> {
  const { deviceId, payloads, repair } = task.target;
  invariant(task.savesetId !== null, 'an attempt that writes has an id', { task: task.taskId });
  const device = await deviceMaybeLocked(sources.keeper, registeredDevice(sources, deviceId));
  return { kind: 'check', ...attemptOf(task), attemptId: task.savesetId, device, payloads, repair };
}

/** With its key where that is known: a device can be checked from outside without. */
export async function deviceMaybeLocked(keeper: SavesetKeeper, device: DeviceRecord): Promise<DeviceAccess> {
  const access = deviceAccess(device);
  try {
    return await keeper.withKey(access);
  } catch (error) {
    if (hasCode(error, 'REPO_DEVICE_LOCKED')) return access;
    throw error;
  }
}

async function planFor(sources: SpecSources, run: RunRecord, task: BackupTask): Promise<BasePlan> {
  const { catalog } = sources;
  const { vm, server } = task.target;
  const job = run.job?.name ?? '';
  const offline = await offlineReasons(sources);
  return planBase(run.requestedType ?? run.job?.options.type ?? 'auto', {
    newest: (fullOnly) =>
      catalog.savesets.newestPoint({ job, server, vmUuid: vm.instanceUuid, vmMoref: vm.moref, fullOnly }),
    chain: (point) => chainOf(point, catalog.savesets.point),
    whyOffline: (deviceId) =>
      offline.has(deviceId) ? offline.get(deviceId) : 'its device is not registered',
  });
}

async function offlineReasons(sources: SpecSources): Promise<ReadonlyMap<string, string | undefined>> {
  const devices = sources.catalog.devices.list();
  const reasons = await Promise.all(
    devices.map(
      async (device) => [device.deviceId, await sources.keeper.whyOffline(deviceAccess(device))] as const,
    ),
  );
  return new Map(reasons);
}

function attemptOf(task: TaskRecord) {
  invariant(task.currentToken !== null, 'a task that is fetched has a token', { task: task.taskId });
  return { taskId: task.taskId, attempt: task.attempts, token: task.currentToken, runId: task.runId };
}

async function chainLinks(sources: SpecSources, savesetId: string): Promise<ChainLink[]> {
  const point = sources.catalog.savesets.point(savesetId);
  const chain = point && chainOf(point, sources.catalog.savesets.point);
  if (chain?.missing !== null) {
    const missing = chain?.missing ?? savesetId;
    throw new AppError(
      'RESTORE_CHAIN_BROKEN',
      `Cannot read restore point ${savesetId}: ${missing} is not there`,
      {
        missing,
      },
    );
  }
  return Promise.all(chain.points.map((link) => linkOf(sources, link)));
}

async function linkOf(sources: SpecSources, point: SavesetRecord): Promise<ChainLink> {
  return { savesetId: point.savesetId, device: await deviceOf(sources, point.deviceId) };
}

async function deviceOf(sources: SpecSources, deviceId: string): Promise<DeviceAccess> {
  return sources.keeper.withKey(deviceAccess(registeredDevice(sources, deviceId)));
}

function registeredDevice(sources: SpecSources, deviceId: string): DeviceRecord {
  const device = sources.catalog.devices.byId(deviceId);
  if (device?.registered !== true) {
    const name = device?.name ?? deviceId;
    throw new AppError('DEVICE_OFFLINE', `Cannot use device "${name}": it is not registered`, {
      device: name,
    });
  }
  return device;
}
