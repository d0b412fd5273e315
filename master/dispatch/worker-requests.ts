/** What a worker asks under a token that is current: its spec, and to keep its snapshot in the ledger. */
import { isoTime } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import { type KnownState, type TaskSpec, type ToMasterRequest } from '../../shared/contract/ipc.ts';
import { type Clock } from '../../shared/base/clock.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type RunRecord } from '../catalog/runs.ts';
import { type TaskRecord } from '../catalog/tasks.ts';
import { type SpecSources, buildSpec } from './task-spec.ts';
import { nextState } from './task-machine.ts';

export interface RequestContext extends SpecSources {
  readonly clock: Clock;
}

export type LedgerRequest = Extract<ToMasterRequest, { type: 'intent' | 'created' | 'removed' }>;

/** The spec of the attempt; the task is running from here on. */
export async function answerFetch(
  context: RequestContext,
  run: RunRecord,
  task: TaskRecord,
): Promise<TaskSpec> {
  const { catalog } = context;
  const spec = await buildSpec(context, run, task);
  // A power cut ends the attempt whether it had begun to run or not.
  catalog.transactWithoutSync(() => {
    if (catalog.tasks.get(task.taskId)?.currentToken !== spec.token) throw fenced(task.taskId, spec.token);
    catalog.tasks.setState(task.taskId, nextState(task.state, 'fetch'));
    catalog.tasks.setType(
      task.taskId,
      spec.kind === 'backup' && spec.options.type !== 'auto' ? spec.options.type : null,
    );
  });
  return spec;
}

/** Keeps the ledger. @throws AppError `IPC_FENCED` for a snapshot of another attempt */
export function answerLedger(context: RequestContext, task: TaskRecord, request: LedgerRequest): void {
  const { catalog, clock } = context;
  const { snapshotName, token } = request;
  const at = isoTime(clock.nowMs());
  if (request.type === 'intent') {
    const { vmMoref, vmName } = request;
    const server = 'server' in task.target ? task.target.server : '';
    const { runId, taskId } = task;
    catalog.transact(() =>
      catalog.ledger.intend({ snapshotName, server, vmMoref, vmName, runId, taskId, token, intentAt: at }),
    );
    return;
  }
  if (catalog.ledger.tokenOf(snapshotName) !== token) throw fenced(task.taskId, token);
  // The intent is on the disk: after a power cut the janitor looks for the snapshot by its name.
  catalog.transactWithoutSync(() => {
    if (request.type === 'created') catalog.ledger.created(snapshotName, request.snapshotMoref, token);
    else catalog.ledger.removed(snapshotName, at);
  });
}

/** What the catalog knows of attempts and savesets on devices. */
export function answerStates(
  { catalog }: RequestContext,
  ids: readonly string[],
): Record<string, KnownState> {
  return Object.fromEntries(ids.map((id) => [id, stateOf(catalog, id)]));
}

function stateOf(catalog: Catalog, id: string): KnownState {
  switch (catalog.savesets.stateOf(id)) {
    case 'sealed':
      return 'sealed';
    case 'unsealed':
    case 'sealing':
    case 'removing':
      return 'live';
    case 'gone':
      return 'over';
    case undefined:
      return catalog.tasks.attemptState(id) ?? 'unknown';
  }
}

export function fenced(taskId: number, token: number): AppError {
  return new AppError(
    'IPC_FENCED',
    `Cannot accept what is sent for task ${taskId}: token ${token} is not current`,
    {
      task: taskId,
      fencing: token,
    },
  );
}
