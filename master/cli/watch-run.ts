/** Waits for the end of a run with long polls, shows how it goes, and closes with its summary. */
import { AppError } from '../../shared/base/errors.ts';
import { type RunView } from '../../shared/contract/api.ts';
import { routes } from '../../shared/contract/routes.ts';
import { ApiClient } from './api-client.ts';
import { exitOfRun } from './exit-codes.ts';
import { ProgressView } from './progress.ts';
import { writeRunSummary } from './run-summary.ts';
import { type Session } from './session.ts';

/** Long enough to be cheap, short enough for a rate that falls to be seen. */
const POLL_MS = 5_000;

/** A run that changes all the time is not asked more often than a person can read. */
const PAUSE_MS = 200;

/** The state of thousands of tasks takes the service a while to tell: looking on must not slow the run down. */
const PAUSE_PER_TASK_MS = 0.5;

/** For the service to hear that a run shall end. */
const CANCEL_WITHIN_MS = 5_000;

/** Resolves with the exit code of the run. @throws AppError `CANCELLED` after Ctrl-C, which leaves the run alone */
export async function watchRun(session: Session, runId: number): Promise<number> {
  const run = await waitForRun(session, runId);
  session.output.result(run, () => writeRunSummary(session.output, run, session.clock.nowMs()));
  return exitOfRun(run);
}

/** Shows how it goes; resolves when it has ended. @throws AppError `CANCELLED` after Ctrl-C, which leaves the run alone */
export async function waitForRun(session: Session, runId: number): Promise<RunView> {
  return await follow(session, runId, () => {
    sayThatItGoesOn(session, runId);
    return Promise.resolve();
  });
}

/** The same of a run that is of no use without the command: Ctrl-C ends it, too. */
export async function waitForOwnRun(session: Session, runId: number): Promise<RunView> {
  return await follow(session, runId, async (api) => {
    await api.call(routes.cancelRun, { params: { id: runId } }, AbortSignal.timeout(CANCEL_WITHIN_MS));
    session.output.note(`Run ${runId} was told to end; what it made on the server is removed.`);
  });
}

async function follow(
  session: Session,
  runId: number,
  whenAborted: (api: ApiClient) => Promise<void>,
): Promise<RunView> {
  await using api = await ApiClient.open(session.dataDir);
  const progress = new ProgressView(session.output);
  try {
    let run = await api.call(routes.showRun, { params: { id: runId }, query: {} }, session.signal);
    while (run.state !== 'done') {
      progress.show(run, session.clock.nowMs());
      const query = { after: run.revision, waitMs: POLL_MS };
      await session.clock.sleep(pauseFor(run.tasks.length), session.signal);
      run = await api.call(routes.showRun, { params: { id: runId }, query }, session.signal);
    }
    return run;
  } catch (error) {
    progress.close();
    if (!session.signal.aborted) throw error;
    await whenAborted(api);
    // what the person needs to know was said
    throw new AppError('CANCELLED', 'The command was cancelled', { isTold: true }, error);
  } finally {
    progress.close();
  }
}

function pauseFor(tasks: number): number {
  return Math.max(PAUSE_MS, Math.min(POLL_MS, tasks * PAUSE_PER_TASK_MS));
}

function sayThatItGoesOn({ output }: Session, runId: number): void {
  output.note(
    `Run ${runId} goes on. Watch it with "blockhouse run watch ${runId}", end it with "blockhouse run cancel ${runId}".`,
  );
}
