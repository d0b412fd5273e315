/** From a task's spec to the story that carries it out. */
import { AppError } from '../shared/base/errors.ts';
import { type InspectSpec, type TaskSpec } from '../shared/contract/ipc.ts';
import { backupVm } from './backup/backup-vm.ts';
import { consolidatePoint } from './consolidate/consolidate-point.ts';
import { checkTask } from './check/check-task.ts';
import { inspectVm } from './inspect/inspect-vm.ts';
import { reclaimDevice } from './reclaim/reclaim-device.ts';
import { restoreDisk } from './restore/restore-disk.ts';
import { type OpenStream, type SourceContext, type TaskContext, type TaskResult } from './task-context.ts';
import { verifyPoint } from './verify/verify-point.ts';

/** @param stream - of the worker's device; a task that needs none goes without. @throws AppError what the task fails with */
export async function runTask(
  spec: TaskSpec,
  context: SourceContext,
  stream: OpenStream | undefined,
): Promise<TaskResult> {
  if (spec.kind === 'inspect') return await inspectVm(spec, context);
  if (stream === undefined) {
    const facts = { taskId: spec.taskId };
    throw new AppError('IPC_MESSAGE_INVALID', 'Cannot start the task: it has no stream', facts);
  }
  return await runOnStream(spec, { ...context, stream });
}

function runOnStream(spec: Exclude<TaskSpec, InspectSpec>, context: TaskContext): Promise<TaskResult> {
  switch (spec.kind) {
    case 'backup':
      return backupVm(spec, context);
    case 'restore':
      return restoreDisk(spec, context);
    case 'verify':
      return verifyPoint(spec, context);
    case 'consolidate':
      return consolidatePoint(spec, context);
    case 'check':
      return checkTask(spec, context);
    case 'reclaim':
      return reclaimDevice(spec, context);
  }
}
