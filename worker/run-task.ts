/** From a task's spec to the story that carries it out. */
import { type TaskSpec } from '../shared/contract/ipc.ts';
import { backupVm } from './backup/backup-vm.ts';
import { consolidatePoint } from './consolidate/consolidate-point.ts';
import { checkTask } from './check/check-task.ts';
import { reclaimDevice } from './reclaim/reclaim-device.ts';
import { restoreDisk } from './restore/restore-disk.ts';
import { type TaskContext, type TaskResult } from './task-context.ts';
import { verifyPoint } from './verify/verify-point.ts';

export function runTask(spec: TaskSpec, context: TaskContext): Promise<TaskResult> {
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
