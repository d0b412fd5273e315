/**
 * What becomes of an attempt when its worker has reported or has gone: recorded in the catalog in one transaction, with the
 * token made stale in the same breath. Deciding whether to try again is retry-policy.ts's, sealing is sealing.ts's.
 */
import { isoTime } from '../../shared/base/clock.ts';
import { AppError, hasCode, toAppError } from '../../shared/base/errors.ts';
import { type DeviceAccess, type TaskOutcome } from '../../shared/contract/ipc.ts';
import { fromWireError, toWireError } from '../../shared/contract/wire-error.ts';
import { type Outcome, type TaskKind, noBytes, writesSaveset } from '../../shared/domain/task.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type RunStop } from './active-run.ts';
import { type StoredSaveset } from './ports.ts';
import { type RetryLimits, retryAfterMs } from './retry-policy.ts';
import { type SealingContext, sealSaveset } from './sealing.ts';
import { nextState } from './task-machine.ts';

export interface LiveAttempt {
  readonly taskId: number;
  readonly token: number;
  readonly attempt: number;
  readonly kind: TaskKind;
  /** Null for work without one. */
  readonly device: DeviceAccess | null;
  /** The id under which this attempt writes, of a backup its saveset; null for what stores nothing. */
  readonly savesetId: string | null;
}

export interface SettlementContext extends SealingContext {
  readonly limits: RetryLimits;
}

export type Verdict =
  { readonly kind: 'done'; readonly outcome: Outcome } | { readonly kind: 'retry'; readonly afterMs: number };

/** A report without anything in it: of a worker that has gone. */
const nothing: Pick<TaskOutcome, 'warnings' | 'counters' | 'phases'> = {
  warnings: [],
  counters: noBytes,
  phases: {},
};

/** Settles what the worker reported. `stop` says that the run is being ended. */
export async function settleReport(
  context: SettlementContext,
  attempt: LiveAttempt,
  report: TaskOutcome,
  stop: RunStop | undefined,
): Promise<Verdict> {
  if (report.status === 'failed') {
    const error = report.error === null ? missing(attempt, 'error') : fromWireError(report.error);
    return settleFailure(context, attempt, error, { stop, report });
  }
  if (report.status === 'cancelled') {
    const error =
      report.error === null ? new AppError('CANCELLED', 'It was cancelled') : fromWireError(report.error);
    const end = stop ?? { outcome: 'cancelled', error };
    return settleFailure(context, attempt, error, { stop: end, report });
  }
  try {
    await recordSuccess(context, attempt, report);
    return { kind: 'done', outcome: report.status };
  } catch (error) {
    return settleFailure(context, attempt, toAppError(error), { stop, report });
  }
}

async function recordSuccess(
  context: SettlementContext,
  attempt: LiveAttempt,
  report: TaskOutcome,
): Promise<void> {
  const { catalog, clock } = context;
  const { taskId, token, device, savesetId, kind } = attempt;
  let stored: StoredSaveset | undefined;
  if (writesSaveset(kind)) {
    if (savesetId === null || device === null || report.saveset?.savesetId !== savesetId)
      throw missing(attempt, 'saveset');
    const { manifestSha256 } = report.saveset;
    catalog.transact(() => {
      const state = catalog.tasks.get(taskId)?.state ?? 'done';
      catalog.tasks.setState(taskId, nextState(state, 'report'));
      catalog.savesets.setSealing(savesetId, manifestSha256);
    });
    stored = await sealSaveset(context, { savesetId, device, taskId, token, manifestSha256 });
  }
  const finishedAt = isoTime(clock.nowMs());
  catalog.transact(() => {
    if (stored !== undefined) catalog.tasks.setType(taskId, stored.record.type);
    catalog.tasks.endAttempt(token, finishedAt, null);
    const target = catalog.tasks.get(taskId)?.target;
    if (target?.kind === 'verify') catalog.savesets.setVerified(target.savesetId, finishedAt);
    catalog.tasks.end(taskId, { ...report, error: null, outcome: report.status, finishedAt });
  });
}

/** Settles an attempt that stored nothing that may be used. */
export async function settleFailure(
  context: SettlementContext,
  attempt: LiveAttempt,
  error: AppError,
  how: { readonly stop: RunStop | undefined; readonly report?: TaskOutcome },
): Promise<Verdict> {
  const { catalog, clock, limits } = context;
  const { taskId, token, savesetId, device } = attempt;
  const afterMs = how.stop === undefined ? retryAfterMs(error.code, attempt.attempt, limits) : undefined;
  const finishedAt = isoTime(clock.nowMs());
  const outcome = how.stop?.outcome ?? 'failed';
  catalog.transact(() => {
    catalog.tasks.endAttempt(token, finishedAt, toWireError(error));
    if (savesetId !== null) catalog.savesets.setGone(savesetId);
    noteDamage(catalog, taskId, error, finishedAt);
    if (afterMs !== undefined) {
      catalog.tasks.requeue(taskId);
      return;
    }
    const ended = {
      ...nothing,
      ...how.report,
      error: toWireError(how.stop?.error ?? error),
      outcome,
      finishedAt,
    };
    catalog.tasks.end(taskId, ended);
  });
  if (savesetId !== null && device !== null) await discard(context, device, savesetId);
  return afterMs === undefined ? { kind: 'done', outcome } : { kind: 'retry', afterMs };
}

/** A point that has lost something was looked at all the same: it must not be the first of every verification. */
function noteDamage(catalog: Catalog, taskId: number, error: AppError, at: string): void {
  const target = catalog.tasks.get(taskId)?.target;
  if (target?.kind === 'verify' && error.code === 'VERIFY_FAILED')
    catalog.savesets.setLookedAt(target.savesetId, at);
}

/** A device that is away keeps the remains; they are unsealed and no restore point. */
async function discard(context: SettlementContext, device: DeviceAccess, savesetId: string): Promise<void> {
  try {
    await context.keeper.discard(device, savesetId);
  } catch (error) {
    if (!hasCode(error, 'DEVICE_OFFLINE'))
      context.log.warn('cannot discard an attempt', { savesetId, error });
  }
}

function missing(attempt: LiveAttempt, what: string): AppError {
  return new AppError(
    'IPC_MESSAGE_INVALID',
    `Cannot record task ${attempt.taskId}: its report names no ${what}`,
    {
      task: attempt.taskId,
    },
  );
}
