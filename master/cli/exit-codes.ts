/** How a command ends: docs/operations/exit-codes.md. */
import { errorTable } from '../../shared/base/error-table.ts';
import { type AppError } from '../../shared/base/errors.ts';
import { type RunView } from '../../shared/contract/api.ts';

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;

/** The exit code of a command that ended with `error`; never 0, even where the table only knows a fallback. */
export function exitOfError(error: Pick<AppError, 'code'>): number {
  return errorTable[error.code].exit || EXIT_FAILED;
}

/** The exit code of a command that waited for `run`. What is no backup ends with the code of its first error. */
export function exitOfRun(run: RunView): number {
  switch (run.outcome) {
    case 'ok':
    case 'warning':
      return EXIT_OK;
    case 'partly':
      return run.kind === 'backup' ? errorTable.RUN_PARTLY_FAILED.exit : exitOfFailure(run);
    case 'cancelled':
      return errorTable.CANCELLED.exit;
    case 'failed':
    case null:
      return exitOfFailure(run);
  }
}

function exitOfFailure(run: RunView): number {
  const error = run.kind === 'backup' ? null : run.tasks.find((task) => task.outcome === 'failed')?.error;
  return error ? exitOfError(error) : errorTable.RUN_FAILED.exit;
}
