/** Binds a task to a worker: one transaction gives it its next attempt, a new fencing token, and an id to write under. */
import { randomBytes } from 'node:crypto';
import { invariant } from '../../shared/base/assert.ts';
import { type TaskKind, needsNoDevice } from '../../shared/domain/task.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type NewSaveset } from '../catalog/saveset-rows.ts';
import { type TaskRecord } from '../catalog/tasks.ts';
import { type LiveAttempt } from './settlement.ts';
import { nextState } from './task-machine.ts';
import { deviceAccess } from './task-spec.ts';

const ATTEMPT_ID_BYTES = 8;
/** Kinds of tasks that write to their device. */
const WRITING: readonly TaskKind[] = ['backup', 'consolidate', 'reclaim', 'check'];

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
    const isKnown = task !== undefined && (device !== undefined || needsNoDevice(task.target.kind));
    invariant(isKnown, 'task and device are in the catalog', { taskId, deviceId });
    nextState(task.state, 'assign');
    const writes = WRITING.includes(task.target.kind);
    const savesetId = writes ? randomBytes(ATTEMPT_ID_BYTES).toString('hex') : null;
    const { token, attempt } = catalog.tasks.beginAttempt({ ...place, savesetId });
    if (savesetId !== null) insertSaveset(catalog, task, { savesetId, token, deviceId });
    const access = device === undefined ? null : deviceAccess(device);
    return { taskId, token, attempt, kind: task.target.kind, device: access, savesetId };
  });
}

function insertSaveset(
  catalog: Catalog,
  task: TaskRecord,
  saveset: { readonly savesetId: string; readonly token: number; readonly deviceId: string },
): void {
  const vm = vmOf(catalog, task);
  if (vm === undefined) return;
  catalog.savesets.insertUnsealed({ ...vm, ...saveset, runId: task.runId, taskId: task.taskId });
}

type VmOfSaveset = Pick<NewSaveset, 'job' | 'server' | 'vmName' | 'vmUuid' | 'vmMoref'>;

/** Whose saveset the attempt will write; undefined when it writes none, or none can be made any more. */
function vmOf(catalog: Catalog, { target, runId }: TaskRecord): VmOfSaveset | undefined {
  if (target.kind === 'consolidate') return catalog.savesets.point(target.savesetId);
  if (target.kind !== 'backup') return undefined;
  const { vm, server } = target;
  const job = catalog.runs.get(runId)?.job?.name ?? '';
  return { job, server, vmName: vm.name, vmUuid: vm.instanceUuid, vmMoref: vm.moref };
}
