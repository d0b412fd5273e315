/**
 * Looks at a disk in a process of its own: what reads disks is worker code, which the command line neither imports nor
 * needs a running service for.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { AppError } from '../shared/base/errors.ts';
import { type DiskInspection, type InspectOrder, inspectAnswer } from '../shared/contract/disk-inspection.ts';
import { fromWireError } from '../shared/contract/wire-error.ts';

/**
 * Resolves with what was found; the process has ended then.
 * @throws AppError `WORKER_DIED` when it ends without an answer; what it fails with; the signal's reason
 */
export async function inspectInProcess(order: InspectOrder, signal: AbortSignal): Promise<DiskInspection> {
  signal.throwIfAborted();
  const child = fork(entry(), [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const onAbort = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', onAbort);
  try {
    const { message, how } = await endOf(child, order);
    signal.throwIfAborted();
    if (message === undefined) throw died(how);
    const answer = inspectAnswer.parse(message);
    if (answer.ok) return answer.inspection;
    throw fromWireError(answer.error);
  } finally {
    signal.removeEventListener('abort', onAbort);
    child.kill('SIGKILL');
  }
}

function entry(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../worker/inspect/main.${extension}`, import.meta.url));
}

/** What the process said before it ended, and how it ended; `error` comes when it could not be started. */
async function endOf(
  child: ChildProcess,
  order: InspectOrder,
): Promise<{ readonly message: unknown; readonly how: string }> {
  return await new Promise((resolve) => {
    let message: unknown;
    child.once('message', (raw) => (message = raw));
    child.once('error', (error) => resolve({ message, how: error.message }));
    child.once('exit', (code, signal) =>
      resolve({ message, how: signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}` }),
    );
    child.send(order, () => undefined);
  });
}

function died(how: string): AppError {
  const message = 'Cannot inspect the disk: the process that reads it ended without an answer';
  return new AppError('WORKER_DIED', message, { how });
}
