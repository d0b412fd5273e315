/** A check of the stream's device as a task, and the repair that follows it when one is asked for. */
import { isoTime } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import { type CheckReport } from '../../shared/contract/device-report.ts';
import { type CheckSpec } from '../../shared/contract/ipc.ts';
import { noBytes } from '../../shared/domain/task.ts';
import { isEncrypted } from '../../shared/format/device-header.ts';
import { beginAttempt, endAttempt } from '../../shared/repository/attempts.ts';
import { type TaskContext, type TaskResult } from '../task-context.ts';
import { type Check, type CheckOptions, type CheckedDevice } from './check.ts';
import { checkDevice, reportOf } from './check-device.ts';
import { repairDevice } from './repair.ts';

/**
 * Checks the device and does what the spec says about what is found. Damage that stays is the task's failure, beside a report.
 * @throws AppError when the device cannot be read at all; the signal's reason
 */
export async function checkTask(spec: CheckSpec, context: TaskContext): Promise<TaskResult> {
  const begunMs = context.clock.monotonicMs();
  const writes = spec.repair === 'done';
  if (writes) await beginRepair(spec, context);
  try {
    const check = await checkDevice(checkedDevice(context), optionsOf(spec, context));
    const report = { ...reportOf(check), ...(await repair(spec, check, context)) };
    return {
      warnings: [],
      counters: { ...noBytes, read: check.counts.payloadBytes },
      phases: { read: context.clock.monotonicMs() - begunMs },
      saveset: null,
      report,
      failure: failureOf(check, report, context),
    };
  } finally {
    if (writes) await endAttempt(context.stream.storage, spec.attemptId);
  }
}

async function beginRepair(spec: CheckSpec, { stream, clock }: TaskContext): Promise<void> {
  const { attemptId, runId, taskId, token } = spec;
  const startedAt = isoTime(clock.nowMs());
  await beginAttempt(stream.storage, { attemptId, kind: 'repair', startedAt, runId, taskId, token });
}

async function repair(
  { repair, attemptId }: CheckSpec,
  check: Check,
  { clock, stream }: TaskContext,
): Promise<Pick<CheckReport, 'repair' | 'repairs' | 'moreRepairs'>> {
  if (repair === null) return { repair, repairs: [], moreRepairs: 0 };
  const dryRun = repair === 'dry-run';
  const { lines, more } = await repairDevice(check, { attemptId, clock, dryRun });
  // what the stream knows of its device was read before packs were rewritten and records marked
  stream.forgetLookup();
  return { repair, repairs: lines, moreRepairs: more };
}

function checkedDevice({ stream }: TaskContext): CheckedDevice {
  const { storage, header, cipher } = stream;
  const isLocked = isEncrypted(header) && !cipher.isEncrypting;
  return { storage, header, cipher: isLocked ? null : cipher };
}

function optionsOf(spec: CheckSpec, context: TaskContext): CheckOptions {
  const { signal, clock } = context;
  return {
    signal,
    payloads: spec.payloads,
    nowMs: clock.nowMs(),
    statesOf: (ids) => context.statesOf(ids),
    progress: (what, done, total, unit) =>
      context.report({
        phase: 'read',
        ...(unit === 'bytes'
          ? { what, doneBytes: Math.min(done, total), totalBytes: total }
          : { what: `${what}: ${done} of ${total}`, doneBytes: 0, totalBytes: 0 }),
      }),
  };
}

/** Undefined when nothing is damaged, or nothing is any more. */
function failureOf(check: Check, report: CheckReport, { stream }: TaskContext): AppError | undefined {
  const damage = report.repair === 'done' ? check.found.lastingDamage : report.counts.damage;
  if (damage === 0) return undefined;
  const { name } = stream.access;
  const { lostChunks, damagedPoints, dependentPoints } = report;
  const objects = damage === 1 ? 'one object is damaged' : `${damage} objects are damaged`;
  const lost =
    lostChunks > 0
      ? `, ${lostChunks === 1 ? 'one chunk in use is' : `${lostChunks} chunks in use are`} lost`
      : '';
  return new AppError('DEVICE_DAMAGED', `Cannot trust all of device "${name}": ${objects}${lost}`, {
    device: name,
    damage,
    lostChunks,
    damagedPoints,
    dependentPoints,
  });
}
