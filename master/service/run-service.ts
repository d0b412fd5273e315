/** Runs: what was and is being done, and ending it early. */
import { AppError } from '../../shared/base/errors.ts';
import { type RunService } from '../services.ts';
import { runSummary, runView } from '../views/run-view.ts';
import { type ServiceContext, runNumbered } from './context.ts';

export function runService(context: ServiceContext): RunService {
  const { catalog, dispatcher, clock } = context;
  const show = (runId: number) => runView(context, runNumbered(catalog, runId));
  return {
    list: async ({ job, limit }) =>
      Promise.resolve(catalog.runs.list(job, limit).map((run) => runSummary(catalog, run))),
    show: async (runId) => Promise.resolve(show(runId)),
    async wait(runId, after, waitMs, signal) {
      runNumbered(catalog, runId);
      await dispatcher.revisions.wait(runId, after, { waitMs, clock, signal });
      return show(runId);
    },
    async cancel(runId) {
      runNumbered(catalog, runId);
      dispatcher.stopRun(runId, {
        outcome: 'cancelled',
        error: new AppError('CANCELLED', `Run ${runId} was cancelled`, { run: runId }),
      });
      return Promise.resolve(show(runId));
    },
  };
}
