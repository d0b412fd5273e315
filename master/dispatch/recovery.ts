/**
 * What a new start finds of an earlier one: savesets in the middle of sealing are finished or given up, attempts have
 * failed with their worker, runs end with what they have. Nothing is begun again: a job runs when somebody or the schedule
 * says so. Snapshots are the janitor's.
 */
import { isoTime } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import { toWireError } from '../../shared/contract/wire-error.ts';
import { noBytes, writesSaveset } from '../../shared/domain/task.ts';
import { type RunRecord } from '../catalog/runs.ts';
import { type OpenSaveset } from '../catalog/saveset-rows.ts';
import { type TaskRecord } from '../catalog/tasks.ts';
import { outcomeOf } from './run-book.ts';
import { type DeviceRecord } from '../catalog/devices.ts';
import { type SealingContext, sealSaveset } from './sealing.ts';
import { deviceAccess } from './task-spec.ts';

/** Call it once, before the dispatcher is there. */
export async function recover(context: SealingContext): Promise<void> {
  const { catalog } = context;
  for (const saveset of catalog.savesets.listOpen()) await settleSaveset(context, saveset);
  for (const run of catalog.runs.listOpen()) {
    for (const task of catalog.tasks.ofRun(run.runId)) await discardDeviceWork(context, task);
    endRun(context, run);
  }
  for (const device of catalog.devices.list()) await clearOver(context, device);
}

/** What writes to a device without a saveset is known by its task alone. A device that is away keeps what is left there. */
async function discardDeviceWork({ catalog, keeper, log }: SealingContext, task: TaskRecord): Promise<void> {
  const { taskId, savesetId, currentToken } = task;
  if (writesSaveset(task.target.kind) || savesetId === null || currentToken === null) return;
  const device = catalog.devices.byId(task.deviceId ?? '');
  if (device === undefined) return;
  try {
    await keeper.discard(deviceAccess(device), savesetId);
  } catch (error) {
    log.warn('cannot discard an attempt of an earlier start', { savesetId, taskId, error });
  }
}

/** Reclaiming waits for every attempt on a device, so none may stay that is over. */
export async function clearOver(
  { catalog, keeper, log }: Pick<SealingContext, 'catalog' | 'keeper' | 'log'>,
  device: DeviceRecord,
): Promise<void> {
  try {
    const attempts = await keeper.clear(deviceAccess(device), catalog.tasks.isOver);
    if (attempts.length > 0) log.info('cleared attempts that are over', { device: device.name, attempts });
  } catch (error) {
    log.warn('cannot look for attempts that are over', { device: device.name, error });
  }
}

async function settleSaveset(context: SealingContext, saveset: OpenSaveset): Promise<void> {
  const { catalog, keeper, log } = context;
  const { savesetId, taskId, token, manifestSha256 } = saveset;
  const device = catalog.devices.byId(saveset.deviceId);
  const fields = { savesetId, taskId, token };
  try {
    if (device === undefined) {
      catalog.savesets.setGone(savesetId);
      return;
    }
    const access = deviceAccess(device);
    if (saveset.state === 'sealing' && manifestSha256 !== null) {
      await sealSaveset(context, { savesetId, device: access, taskId, token, manifestSha256 });
      log.info('sealed a saveset of an earlier start', fields);
      endSealedTask(context, saveset);
      return;
    }
    catalog.savesets.setGone(savesetId);
    await keeper.discard(access, savesetId);
  } catch (error) {
    catalog.savesets.setGone(savesetId);
    log.warn('gave up a saveset of an earlier start', { ...fields, error });
  }
}

function endSealedTask(context: SealingContext, saveset: OpenSaveset): void {
  const { catalog, clock } = context;
  const point = catalog.savesets.point(saveset.savesetId);
  if (point === undefined || catalog.tasks.get(saveset.taskId) === undefined) return;
  const { counters, warnings, type } = point;
  const outcome = warnings.length > 0 ? 'warning' : 'ok';
  const finishedAt = isoTime(clock.nowMs());
  catalog.transact(() => {
    catalog.tasks.setType(saveset.taskId, type);
    catalog.tasks.endAttempt(saveset.token, finishedAt, null);
    catalog.tasks.end(saveset.taskId, { outcome, error: null, warnings, counters, phases: {}, finishedAt });
  });
}

function endRun(context: SealingContext, run: RunRecord): void {
  const { catalog, clock } = context;
  const finishedAt = isoTime(clock.nowMs());
  catalog.transact(() => {
    for (const task of catalog.tasks.ofRun(run.runId))
      if (task.state !== 'done') endTask(context, task, finishedAt);
    const outcomes = catalog.tasks.ofRun(run.runId).map((task) => task.outcome ?? 'failed');
    const outcome = outcomeOf(outcomes, run.warnings.length > 0);
    catalog.runs.finish(run.runId, outcome, finishedAt, run.revision + 1);
  });
}

function endTask(context: SealingContext, task: TaskRecord, finishedAt: string): void {
  const { catalog } = context;
  const how = task.currentToken === null ? 'did not begin' : 'was cut off';
  const error = toWireError(
    new AppError('SERVICE_STOPPING', `Task ${task.taskId} ${how}: the service ended before it`, {
      task: task.taskId,
    }),
  );
  if (task.currentToken !== null) catalog.tasks.endAttempt(task.currentToken, finishedAt, error);
  const ended = {
    outcome: 'failed',
    error,
    warnings: [],
    counters: noBytes,
    phases: {},
    finishedAt,
  } as const;
  catalog.tasks.end(task.taskId, ended);
}
