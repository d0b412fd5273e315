/** Commands that start a run and wait for it unless told otherwise. */
import { type Argv } from 'yargs';
import { EXIT_OK } from './exit-codes.ts';
import { type Session } from './session.ts';
import { watchRun } from './watch-run.ts';

export function waitOption<T>(argv: Argv<T>) {
  return argv.option('wait', {
    type: 'boolean',
    default: true,
    describe: 'Show how it goes and wait for its end (--no-wait)',
  });
}

/** The exit code of the run, or 0 at once after its number was shown. */
export async function waitOrName(session: Session, runId: number, wait: boolean): Promise<number> {
  if (wait) return await watchRun(session, runId);
  session.output.result({ runId }, () => session.output.line(`Run ${runId} has begun`));
  return EXIT_OK;
}
