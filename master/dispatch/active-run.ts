/** A run while it is worked on: what is queued, what its devices are like, and why it stops. In memory; the catalog has the rest. */
import { type AppError } from '../../shared/base/errors.ts';
import { type Warning } from '../../shared/contract/ipc.ts';
import { type RunRecord } from '../catalog/runs.ts';
import { type TaskRecord, type TaskTarget } from '../catalog/tasks.ts';

export interface QueuedTask {
  readonly taskId: number;
  readonly subject: string;
  /** The VM that must not be worked on twice at a time; null for work on devices. */
  readonly vmKey: string | null;
  /** The device whose stream it needs; null for any of the run's. */
  readonly deviceId: string | null;
  /** Tasks that read the same things are done by one worker, one after the other. */
  readonly group: string | null;
  /** Attempts that were made. */
  attempts: number;
  /** By the clock that never goes back. */
  notBeforeMs: number;
  /** How often its VM could not be freed of an earlier snapshot. */
  cleanFailures: number;
}

export interface RunDevice {
  failures: number;
  notBeforeMs: number;
  /** Why this run does not try the device any more. */
  dead: AppError | undefined;
}

/** What becomes of the tasks of a run that is ended early. */
export interface RunStop {
  readonly outcome: 'cancelled' | 'failed';
  readonly error: AppError;
}

export interface ActiveRun {
  readonly runId: number;
  readonly record: RunRecord;
  readonly setting: number;
  readonly devices: Map<string, RunDevice>;
  queue: QueuedTask[];
  tasksLeft: number;
  stop: RunStop | undefined;
  warnings: readonly Warning[];
  /** The most streams that admission gave it. */
  streams: number;
}

export function vmKeyOf(server: string, moref: string): string {
  return `${server}\n${moref}`;
}

function vmOf(target: TaskTarget): { readonly server: string; readonly moref: string } | undefined {
  return 'vm' in target ? { server: target.server, moref: target.vm.moref } : undefined;
}

export function activateRun(
  record: RunRecord,
  tasks: readonly TaskRecord[],
  deviceIds: readonly string[],
): ActiveRun {
  return {
    runId: record.runId,
    record,
    setting: record.streamSetting,
    devices: new Map(
      deviceIds.map((deviceId) => [deviceId, { failures: 0, notBeforeMs: 0, dead: undefined }]),
    ),
    queue: tasks.map(queued),
    tasksLeft: tasks.length,
    stop: undefined,
    warnings: record.warnings,
    streams: 0,
  };
}

function queued(task: TaskRecord): QueuedTask {
  const vm = vmOf(task.target);
  const place = task.target.kind === 'verify' ? task.target.place : undefined;
  return {
    taskId: task.taskId,
    subject: task.subject,
    vmKey: vm === undefined ? null : vmKeyOf(vm.server, vm.moref),
    deviceId: place?.deviceId ?? null,
    group: place === undefined ? null : `${task.runId} ${place.group}`,
    attempts: task.attempts,
    notBeforeMs: 0,
    cleanFailures: 0,
  };
}

/** How many queued tasks could begin now, counted up to `limit`. */
export function countReady(run: ActiveRun, isReady: (task: QueuedTask) => boolean, limit: number): number {
  let ready = 0;
  for (const task of run.queue) {
    if (ready >= limit) break;
    if (isReady(task)) ready++;
  }
  return ready;
}

/** Takes a task that can begin now out of the queue: one of the group that the worker had before, else the first. */
export function takeReady(
  run: ActiveRun,
  isReady: (task: QueuedTask) => boolean,
  group: string | null,
): QueuedTask | undefined {
  const { queue } = run;
  const ofGroup = group === null ? -1 : queue.findIndex((task) => task.group === group && isReady(task));
  const index = ofGroup >= 0 ? ofGroup : queue.findIndex(isReady);
  return index < 0 ? undefined : queue.splice(index, 1)[0];
}
