/** `blockhouse job run`: start a job now, and wait for it where that is asked for. */
import { routes } from '../../../shared/contract/routes.ts';
import { type RequestedType, requestedTypes } from '../../../shared/domain/backup-type.ts';
import { EXIT_OK } from '../exit-codes.ts';
import { type CommonArgv } from '../options.ts';
import { callOnce, type Choose, type Session } from '../session.ts';
import { watchRun } from '../watch-run.ts';

interface RunArgs {
  readonly name: string;
  readonly type: RequestedType | undefined;
  readonly wait: boolean;
}

export function jobRunCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'run <name>',
    'Start a job now',
    (command) =>
      command
        .positional('name', { type: 'string', demandOption: true, describe: 'Job to start' })
        .option('type', { choices: requestedTypes, describe: 'Type of backup, for this run only' })
        .option('wait', {
          type: 'boolean',
          default: false,
          describe: 'Show how it goes and wait for its end',
        })
        .example('$0 job run nightly --wait', 'Ends with 0, or with 3 when some VMs failed')
        .example('$0 job run nightly --type full', 'Ends at once and names the run'),
    (args) => choose((session) => runJob(session, args)),
  );
}

async function runJob(session: Session, { name, type, wait }: RunArgs): Promise<number> {
  const body = type === undefined ? {} : { type };
  const started = await callOnce(session, routes.runJob, { params: { name }, body });
  if (wait) return await watchRun(session, started.runId);
  session.output.result(started, () => {
    session.output.line(`Run ${started.runId} of job "${name}" has begun`);
    session.output.note(`Watch it with "blockhouse run watch ${started.runId}".`);
  });
  return EXIT_OK;
}
