/** A task as the API shows it. */
import { type RunView } from '../../shared/contract/api.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type TaskRecord } from '../catalog/tasks.ts';
import { type WireError } from '../../shared/contract/wire-error.ts';
import { writesSaveset } from '../../shared/domain/task.ts';
import { NO_DEVICE } from '../registry/stream-registry.ts';
import { type ViewSources } from './view-sources.ts';

export type TaskView = RunView['tasks'][number];

export function taskView({ catalog, dispatcher }: ViewSources, task: TaskRecord): TaskView {
  const { taskId, runId, subject, state, outcome, attempts, type, startedAt, finishedAt } = task;
  const sealed = writesSaveset(task.target.kind) && state === 'done' && task.savesetId !== null;
  return {
    taskId,
    kind: task.target.kind,
    subject,
    state,
    outcome,
    attempts,
    waitsFor: state === 'queued' ? dispatcher.waitsFor(runId, taskId) : null,
    device: deviceNameOf(catalog, task.deviceId),
    workerPid: task.workerPid,
    progress: dispatcher.progress.view(taskId) ?? null,
    type,
    consistency: sealed ? consistencyOf(catalog, task.savesetId) : null,
    savesetId: sealed ? task.savesetId : null,
    keptVolumes: sealed ? keptVolumesOf(catalog, task.savesetId) : [],
    startedAt,
    finishedAt,
    counters: task.counters,
    phases: task.phases,
    error: task.error,
    retriedErrors: attempts > 1 || state !== 'done' ? earlierErrors(catalog, task) : [],
    warnings: [...task.warnings],
    report: task.report,
  };
}

function deviceNameOf(catalog: Catalog, deviceId: string | null): string | null {
  if (deviceId === null || deviceId === NO_DEVICE) return null;
  return catalog.devices.byId(deviceId)?.name ?? deviceId;
}

function consistencyOf(catalog: Catalog, savesetId: string | null): TaskView['consistency'] {
  const point = savesetId === null ? undefined : catalog.savesets.point(savesetId);
  if (point === undefined) return null;
  return { asked: point.consistencyAsked, reached: point.consistency, reason: point.consistencyNote };
}

/** Of a point with few volumes or many: those that have something to tell. */
function keptVolumesOf(catalog: Catalog, savesetId: string | null): TaskView['keptVolumes'] {
  if (savesetId === null) return [];
  return catalog.savesets
    .disksOf(savesetId)
    .flatMap((disk) =>
      disk.volumes
        .filter(({ gate, kept, excluded = [] }) => gate !== null || kept.length > 0 || excluded.length > 0)
        .map((volume) => ({ ...volume, kept: [...volume.kept], disk: disk.key })),
    );
}

/** All but the error that the task ended with. */
function earlierErrors(catalog: Catalog, task: TaskRecord): WireError[] {
  const errors = catalog.tasks.attemptErrors(task.taskId);
  return task.outcome === 'failed' && task.error !== null ? errors.slice(0, task.attempts - 1) : [...errors];
}
