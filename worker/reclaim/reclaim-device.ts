/** Reclaiming as a task of a stream: its attempt, its folder for sorting, its report. docs/flows/reclaiming.md. */
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isoTime } from '../../shared/base/clock.ts';
import { readEnv } from '../../shared/base/env.ts';
import { toAppError } from '../../shared/base/errors.ts';
import { MAX_REPORT_LIST } from '../../shared/contract/device-report.ts';
import { type ReclaimSpec } from '../../shared/contract/ipc.ts';
import { noBytes } from '../../shared/domain/task.ts';
import { beginAttempt, endAttempt } from '../../shared/repository/attempts.ts';
import { PhaseWatch } from '../phase-times.ts';
import { type TaskContext, type TaskResult } from '../task-context.ts';
import { type LeftAlone, type ReclaimContext } from './reclaim-context.ts';
import { type Reclaimed, reclaim, refuseSecond } from './reclaim.ts';
import { SortFolder } from './sort-folder.ts';

/** @throws AppError as `reclaim` */
export async function reclaimDevice(spec: ReclaimSpec, context: TaskContext): Promise<TaskResult> {
  const watch = new PhaseWatch(context.clock);
  const leftAlone: LeftAlone[] = [];
  await using sorts = await SortFolder.open(folderOf(context));
  const own = reclaimContext(spec, context, { sorts, leftAlone, watch });
  try {
    const { report, copiedBytes, writtenBytes } = spec.dryRun
      ? await reclaim(own)
      : await underAttempt(spec, own, () => reclaim(own));
    return {
      warnings: own.warnings,
      counters: { ...noBytes, read: copiedBytes, stored: writtenBytes },
      phases: watch.times,
      saveset: null,
      report: { ...report, leftAlone: leftAlone.slice(0, MAX_REPORT_LIST) },
    };
  } finally {
    // what the stream knows of its device was read before packs went
    context.stream.forgetLookup();
  }
}

function folderOf({ stream }: TaskContext): string {
  const cache = readEnv('BLOCKHOUSE_CACHE') ?? path.join(tmpdir(), `blockhouse-${process.pid}`);
  return path.join(cache, `reclaim-${stream.header.deviceId}`);
}

function reclaimContext(
  spec: ReclaimSpec,
  { stream, signal, clock, ...context }: TaskContext,
  own: { readonly sorts: SortFolder; readonly leftAlone: LeftAlone[]; readonly watch: PhaseWatch },
): ReclaimContext {
  const { attemptId, dryRun, sparsePercent } = spec;
  return {
    ...{ device: stream, attemptId, dryRun, sparsePercent, sorts: own.sorts, signal, clock, warnings: [] },
    watch: own.watch,
    progress: (phase, what, doneBytes, totalBytes) => context.report({ phase, what, doneBytes, totalBytes }),
    letAlone: (packId, reason) => void own.leftAlone.push({ packId, reason }),
  };
}

/** The attempt ends also when the work fails: whatever was written is found by the next reclaiming. */
async function underAttempt(
  { attemptId, runId, taskId, token }: ReclaimSpec,
  context: ReclaimContext,
  work: () => Promise<Reclaimed>,
): Promise<Reclaimed> {
  const { storage } = context.device;
  const startedAt = isoTime(context.clock.nowMs());
  await beginAttempt(storage, { attemptId, kind: 'reclaim', startedAt, runId, taskId, token });
  try {
    await refuseSecond(context);
    const done = await work();
    await endAttempt(storage, attemptId);
    return done;
  } catch (error) {
    await endAttempt(storage, attemptId).catch((second: unknown) => {
      context.warnings.push({ code: toAppError(second).code, message: toAppError(second).message });
    });
    throw error;
  }
}
