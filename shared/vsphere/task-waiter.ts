/**
 * Waiting for a task. A property collector of our own watches `info` and the server answers when it changes, so nothing
 * is polled; a collector of our own, because waits on a shared one disturb each other. What ends the watch but not the
 * task (a dropped connection, a renewed session) starts a new watch: the task's outcome must be known.
 */
import { Deadline } from '../base/abort.ts';
import { AppError, hasCode, toAppError } from '../base/errors.ts';
import { readLocalizedFault, faultToError } from './fault.ts';
import {
  asRecord,
  type Fields,
  readMoref,
  readOptionalRecord,
  readOptionalText,
  readRecords,
  readText,
} from './fields.ts';
import { type Moref } from './moref.ts';
import { readObjectProperties } from './property-collector.ts';
import { type VsphereSession } from './session.ts';

const MAX_WAIT_SECONDS = 20;
const WAIT_SLACK_MS = 30_000;
const RETRY_MS = 1_000;
/** Watches in a row that may break without the task's state being seen. */
const MAX_BROKEN_WATCHES = 8;
const CANCEL_TIMEOUT_MS = 10_000;

export interface TaskWait {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** What the task does, to follow "Cannot": `create a snapshot of "vm-12"`. */
  readonly what: string;
  /** Asks the server to cancel the task when the wait is given up. */
  readonly cancelTask?: boolean;
}

interface TaskInfo {
  readonly state: string;
  readonly result: unknown;
  readonly error: Fields | undefined;
}

/**
 * The task's result when it has ended well.
 * @throws AppError of the task's fault; `VSPHERE_TIMEOUT`; the reason of the signal. A task that is no longer waited for goes on.
 */
export async function waitForTask(session: VsphereSession, task: Moref, wait: TaskWait): Promise<unknown> {
  const late = new AppError(
    'VSPHERE_TIMEOUT',
    `Cannot ${wait.what}: the task takes longer than ${wait.timeoutMs} ms`,
    {
      timeoutMs: wait.timeoutMs,
      task: task.value,
    },
  );
  using deadline = new Deadline(wait.timeoutMs, late, wait.signal);
  try {
    return outcome(await watchToEnd(session, task, deadline.signal), wait.what);
  } catch (error) {
    if (wait.cancelTask === true && deadline.signal.aborted) await cancelTask(session, task);
    throw error;
  }
}

function outcome(info: TaskInfo, what: string): unknown {
  if (info.state === 'success') return info.result;
  throw faultToError(readLocalizedFault(info.error), what);
}

async function watchToEnd(session: VsphereSession, task: Moref, signal: AbortSignal): Promise<TaskInfo> {
  for (let broken = 0; ; broken++) {
    try {
      return await watch(session, task, signal);
    } catch (error) {
      const isPassing = hasCode(
        error,
        'VSPHERE_NOT_AUTHENTICATED',
        'VSPHERE_UNREACHABLE',
        'VSPHERE_TIMEOUT',
        'VSPHERE_ANSWER_INVALID',
      );
      if (!isPassing || signal.aborted || broken >= MAX_BROKEN_WATCHES) throw error;
      session.log.debug('Watch of a task broke', { task: task.value, error });
      await session.clock.sleep(RETRY_MS * broken, signal);
    }
  }
}

async function watch(session: VsphereSession, task: Moref, signal: AbortSignal): Promise<TaskInfo> {
  const owner = { _this: session.content.propertyCollector };
  const created = await session.call('CreatePropertyCollector', owner, { signal, idempotent: true });
  const collector = readMoref({ created }, 'created');
  try {
    const spec = { propSet: [{ type: 'Task', pathSet: ['info'] }], objectSet: [{ obj: task }] };
    const filter = { _this: collector, spec, partialUpdates: false };
    await session.call('CreateFilter', filter, { signal, idempotent: false });
    return await waitForEnd(session, collector, task, signal);
  } finally {
    await dropCollector(session, collector);
  }
}

async function waitForEnd(
  session: VsphereSession,
  collector: Moref,
  task: Moref,
  signal: AbortSignal,
): Promise<TaskInfo> {
  let version = '';
  for (;;) {
    const askedMs = session.clock.monotonicMs();
    const args = { _this: collector, version, options: { maxWaitSeconds: MAX_WAIT_SECONDS } };
    const timeoutMs = MAX_WAIT_SECONDS * 1000 + WAIT_SLACK_MS;
    const answer = await session.call('WaitForUpdatesEx', args, { signal, idempotent: false, timeoutMs });
    if (answer === undefined || answer === null) {
      if (session.clock.monotonicMs() - askedMs < RETRY_MS) await session.clock.sleep(RETRY_MS, signal);
      continue;
    }
    const update = asRecord(answer, 'UpdateSet');
    version = readText(update, 'version');
    const info = await latestInfo(session, task, update, signal);
    if (info?.state === 'success' || info?.state === 'error') return info;
  }
}

/** What an update says of the task. A server may send parts of `info`: then the whole is read. */
async function latestInfo(
  session: VsphereSession,
  task: Moref,
  update: Fields,
  signal: AbortSignal,
): Promise<TaskInfo | undefined> {
  const objects = readRecords(update, 'filterSet').flatMap((filter) => readRecords(filter, 'objectSet'));
  if (objects.some((object) => object['kind'] === 'leave')) {
    throw new AppError('VSPHERE_OBJECT_GONE', `Cannot wait for "${task.value}": the server forgot the task`);
  }
  const changes = objects.flatMap((object) => readRecords(object, 'changeSet'));
  const whole = changes.findLast((change) => change['name'] === 'info');
  const isPartial = changes.some((change) => String(change['name']).startsWith('info.'));
  if (whole === undefined && !isPartial) return undefined;
  const info = isPartial
    ? (await readObjectProperties(session, task, ['info'], signal))['info']
    : whole?.['val'];
  return readTaskInfo(asRecord(info, 'info'));
}

function readTaskInfo(info: Fields): TaskInfo {
  return {
    state: readOptionalText(info, 'state') ?? 'queued',
    result: info['result'],
    error: readOptionalRecord(info, 'error'),
  };
}

async function dropCollector(session: VsphereSession, collector: Moref): Promise<void> {
  using short = new Deadline(
    CANCEL_TIMEOUT_MS,
    new AppError('VSPHERE_TIMEOUT', 'Cannot drop a watch in time'),
  );
  try {
    await session.call(
      'DestroyPropertyCollector',
      { _this: collector },
      { signal: short.signal, idempotent: false },
    );
  } catch (error) {
    session.log.debug('Watch of a task was not dropped', { error: toAppError(error) });
  }
}

async function cancelTask(session: VsphereSession, task: Moref): Promise<void> {
  using short = new Deadline(
    CANCEL_TIMEOUT_MS,
    new AppError('VSPHERE_TIMEOUT', 'Cannot cancel a task in time'),
  );
  try {
    await session.call('CancelTask', { _this: task }, { signal: short.signal, idempotent: true });
  } catch (error) {
    session.log.debug('Task was not cancelled', { task: task.value, error: toAppError(error) });
  }
}

/** Starts a task and waits for its end. */
export async function runTask(
  session: VsphereSession,
  method: string,
  args: Fields,
  wait: TaskWait & { readonly idempotent: boolean },
): Promise<unknown> {
  const started = await session.call(method, args, { signal: wait.signal, idempotent: wait.idempotent });
  return waitForTask(session, readMoref({ started }, 'started'), wait);
}
