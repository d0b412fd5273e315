/** Task boundaries: a worker that has opened its stream, or has ended a task, gets the run's next one or goes home. */
import { isoTime } from '../../shared/base/clock.ts';
import { type AppError } from '../../shared/base/errors.ts';
import { chooseClaim } from '../registry/fair-share.ts';
import { type QueuedTask, type RunStop, takeReady } from './active-run.ts';
import { beginAttempt } from './begin-attempt.ts';
import { claimsFor } from './claims.ts';
import { type Floor, claimInput, readyFor } from './floor.ts';
import { type Slot } from './slot.ts';

export function opened(floor: Floor, slot: Slot): void {
  if (slot.state !== 'starting') return;
  slot.state = 'idle';
  const device = slot.run.devices.get(slot.lease.deviceId);
  if (device !== undefined) device.failures = 0;
  takeTask(floor, slot);
}

export function openFailed(slot: Slot, error: AppError): void {
  if (slot.state !== 'starting') return;
  slot.openError = error;
  slot.link.close();
}

/** The worker keeps its stream while it is its run's turn; else it goes home, and the stream to the run whose turn it is. */
export function nextTask(floor: Floor, slot: Slot): void {
  floor.guard.refresh();
  const winner = chooseClaim(claimsFor(claimInput(floor, slot.lease.deviceId, slot)));
  if (winner?.runId === slot.run.runId) takeTask(floor, slot);
  else sendHome(floor, slot, winner?.runId);
}

/** What runs is asked to stop; a worker that has no task yet is ended. */
export function stopSlot(floor: Floor, slot: Slot, stop: RunStop): void {
  const { task, link } = slot;
  if (task !== null) {
    const isDone = (): boolean => slot.task !== task;
    link.cancel(task.taskId, task.token, floor.options.config.shutdownMs, isDone);
  } else if (slot.state === 'starting') link.kill(stop.error);
}

function takeTask(floor: Floor, slot: Slot): void {
  const mayWork = slot.link.isAlive && !floor.isStopped && slot.run.stop === undefined;
  const task = mayWork
    ? takeReady(slot.run, readyFor(floor, slot.lease.deviceId, slot), slot.group)
    : undefined;
  if (task === undefined) sendHome(floor, slot, undefined);
  else assign(floor, slot, task);
}

function sendHome(floor: Floor, slot: Slot, promisedTo: number | undefined): void {
  slot.state = 'closing';
  slot.promisedTo = promisedTo;
  slot.link.close();
  floor.runs.changed(slot.run);
  floor.pump();
}

function assign(floor: Floor, slot: Slot, task: QueuedTask): void {
  const { catalog, clock, registry } = floor.options;
  const attempt = beginAttempt(catalog, {
    taskId: task.taskId,
    deviceId: slot.lease.deviceId,
    pid: slot.link.pid,
    at: isoTime(clock.nowMs()),
  });
  slot.task = { ...attempt, queued: task, reported: false };
  slot.state = 'busy';
  slot.group = task.group;
  floor.guard.occupy(task, { runId: slot.run.runId, taskId: task.taskId });
  registry.serve(slot.lease, task.taskId);
  slot.link.assign(attempt.taskId, attempt.token);
  floor.runs.changed(slot.run);
}
