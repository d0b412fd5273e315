/** Binds a task to a worker: one transaction gives it its next attempt, a new fencing token, and an id to write under. */
import { randomBytes } from 'node:crypto';
import { invariant } from '../../shared/base/assert.ts';
import { type TaskKind } from '../../shared/domain/task.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type TaskRecord } from '../catalog/tasks.ts';
import { type LiveAttempt } from './settlement.ts';
import { nextState } from './task-machine.ts';
import { deviceAccess } from './task-spec.ts';

const ATTEMPT_ID_BYTES = 8;
/** Kinds of tasks that write to their device. */
const WRITING: readonly TaskKind[] = ['backup', 'reclaim'];

export interface AttemptPlace {
  readonly taskId: number;
  readonly deviceId: string;
  readonly pid: number;
  readonly at: string;
}

export function beginAttempt(catalog: Catalog, place: AttemptPlace): LiveAttempt {
  const { taskId, deviceId } = place;
  return catalog.transact(() => {
    const task = catalog.tasks.get(taskId);
    const device = catalog.devices.byId(deviceId);
    invariant(task !== undefined && device !== undefined, 'task and device are in the catalog', {
      taskId,
      deviceId,
    });
    nextState(task.state, 'assign');
    const writes = WRITING.includes(task.target.kind);
    const savesetId = writes ? randomBytes(ATTEMPT_ID_BYTES).toString('hex') : null;
    const { token, attempt } = catalog.tasks.beginAttempt({ ...place, savesetId });
    if (savesetId !== null) insertSaveset(catalog, task, { savesetId, token, deviceId });
    return { taskId, token, attempt, kind: task.target.kind, device: deviceAccess(device), savesetId };
  });
}

function insertSaveset(
  catalog: Catalog,
  task: TaskRecord,
  saveset: { readonly savesetId: string; readonly token: number; readonly deviceId: string },
): void {
  if (task.target.kind !== 'backup') return;
  const { vm, server } = task.target;
  catalog.savesets.insertUnsealed({
    ...saveset,
    runId: task.runId,
    taskId: task.taskId,
    job: catalog.runs.get(task.runId)?.job?.name ?? '',
    server,
    vmName: vm.name,
    vmUuid: vm.instanceUuid,
    vmMoref: vm.moref,
  });
}
