/**
 * Attempts: what a worker asks and reports under its token, and what is left to do when it has ended, with a report or without one.
 * A message under a token that is not the task's current one changes nothing.
 */
import { type AppError } from '../../shared/base/errors.ts';
import { type TaskOutcome, type TaskProgress, type ToMasterRequest } from '../../shared/contract/ipc.ts';
import { type ActiveRun } from './active-run.ts';
import { deviceFailed } from './device-trouble.ts';
import { type Floor } from './floor.ts';
import { type SettlementContext, type Verdict, settleFailure, settleReport } from './settlement.ts';
import { type BusyTask, type Slot } from './slot.ts';
import { type Answer } from './worker-link.ts';
import { answerFetch, answerLedger, answerStates, fenced } from './worker-requests.ts';

/** Answers a worker. @throws AppError `IPC_FENCED` when the attempt was given up */
export async function answerWorker(floor: Floor, slot: Slot, request: ToMasterRequest): Promise<Answer> {
  const { taskId, token } = request;
  const task = floor.options.catalog.tasks.get(taskId);
  if (!holds(slot, taskId, token) || task?.currentToken !== token) throw fenced(taskId, token);
  switch (request.type) {
    case 'fetch': {
      const spec = await answerFetch(floor.options, slot.run.record, task);
      floor.runs.changed(slot.run);
      return { spec };
    }
    case 'intent':
    case 'created':
    case 'removed':
      answerLedger(floor.options, task, request);
      floor.runs.changed(slot.run);
      return {};
    case 'states':
      return { states: answerStates(floor.options, request.ids) };
    case 'outcome':
      await report(floor, slot, request.outcome);
      return {};
  }
}

export function noteProgress(
  floor: Floor,
  slot: Slot,
  by: { readonly taskId: number; readonly token: number },
  progress: TaskProgress,
): void {
  if (!holds(slot, by.taskId, by.token)) return;
  floor.progress.report(by.taskId, progress, floor.options.clock.monotonicMs());
  floor.runs.changed(slot.run);
}

/** A worker has ended, asked or not: its stream is given back, and what it held is cleaned up. */
export async function workerGone(floor: Floor, slot: Slot, error: AppError): Promise<void> {
  const { registry, log } = floor.options;
  const task = slot.task;
  if (task !== null) {
    task.reported = true;
    log.warn('task lost its worker', { taskId: task.taskId, token: task.token, error });
    settled(floor, slot, task, await settleFailure(contextOf(floor), task, error, { stop: slot.run.stop }));
  }
  const neverOpened = slot.state === 'starting';
  floor.slots.delete(slot);
  registry.giveBack(slot.lease);
  if (floor.runs.get(slot.run.runId) === undefined) registry.forgetRun(slot.run.runId);
  if (neverOpened) deviceFailed(floor, slot.run, slot.lease.deviceId, slot.openError ?? error);
  floor.runs.changed(slot.run);
  floor.pump();
}

function holds(slot: Slot, taskId: number, token: number): boolean {
  const task = slot.task;
  return task?.taskId === taskId && task.token === token && !task.reported;
}

async function report(floor: Floor, slot: Slot, outcome: TaskOutcome): Promise<void> {
  const task = slot.task;
  if (task === null) return;
  task.reported = true;
  settled(floor, slot, task, await settleReport(contextOf(floor), task, outcome, slot.run.stop));
}

function settled(floor: Floor, slot: Slot, task: BusyTask, verdict: Verdict): void {
  slot.task = null;
  slot.lease.taskId = null;
  slot.state = 'idle';
  floor.progress.forget(task.taskId);
  floor.guard.release(task.queued);
  cleanAfter(floor, task);
  if (verdict.kind === 'retry') requeue(floor, slot.run, task, verdict.afterMs);
  else floor.runs.taskEnded(slot.run);
}

function requeue(floor: Floor, run: ActiveRun, task: BusyTask, afterMs: number): void {
  const notBeforeMs = floor.options.clock.monotonicMs() + afterMs;
  const again = { ...task.queued, attempts: task.attempt, notBeforeMs };
  run.queue.push(again);
  if (run.stop !== undefined) floor.runs.endQueued(run, [again], run.stop);
  floor.runs.changed(run);
}

/** A snapshot that is still in the ledger under a settled token has nobody left to remove it. */
function cleanAfter(floor: Floor, task: BusyTask): void {
  const { catalog, cleanVm } = floor.options;
  for (const { server, vmMoref } of catalog.ledger.openOfToken(task.token).slice(0, 1)) {
    floor.background.track(cleanVm(server, vmMoref).then(() => floor.pump()));
  }
}

function contextOf({ options }: Floor): SettlementContext {
  const { catalog, keeper, clock, log, config } = options;
  return { catalog, keeper, clock, log, limits: config };
}
