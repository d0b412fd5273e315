/** `blockhouse run …`: what runs now and what ran. */
import { type RunSummary } from '../../../shared/contract/api.ts';
import { routes } from '../../../shared/contract/routes.ts';
import { EXIT_OK } from '../exit-codes.ts';
import { formatElapsed, formatTime, NOTHING } from '../format.ts';
import { type CommonArgv, runNumber, wholeNumber } from '../options.ts';
import { outcomeWord, writeRunSummary } from '../run-summary.ts';
import { callOnce, type Choose, type Session } from '../session.ts';
import { watchRun } from '../watch-run.ts';

const DEFAULT_LIMIT = 20;

export function runCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command('run', 'Look at runs, and end them', (group) =>
    [listCommand, showCommand, watchCommand, cancelCommand]
      .reduce((commands, add) => add(commands, choose), group)
      .demandCommand(1, 'Cannot tell what to do with runs: name list, show, watch or cancel'),
  );
}

function listCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'list',
    'List the runs, newest first',
    (command) =>
      command
        .option('job', { type: 'string', requiresArg: true, describe: 'Only runs of this job' })
        .option('limit', {
          requiresArg: true,
          coerce: wholeNumber('--limit'),
          describe: `How many (number, else ${DEFAULT_LIMIT})`,
        })
        .example('$0 run list --job nightly --limit 7', ''),
    (args) =>
      choose(async (session) => {
        const query = { job: args.job, limit: args.limit ?? DEFAULT_LIMIT };
        const runs = await callOnce(session, routes.listRuns, { query });
        session.output.result(runs, () => writeRuns(session, runs));
        return EXIT_OK;
      }),
  );
}

function writeRuns({ output, clock }: Session, runs: readonly RunSummary[]): void {
  const right = 'right' as const;
  const columns = [
    { head: 'RUN', align: right },
    { head: 'KIND' },
    { head: 'JOB' },
    { head: 'OUTCOME' },
    { head: 'STARTED' },
    { head: 'TIME', align: right },
    { head: 'TASKS', align: right },
    { head: 'OK', align: right },
    { head: 'FAILED', align: right },
  ];
  const rows = runs.map((run) => [
    String(run.runId),
    run.kind,
    run.job ?? NOTHING,
    outcomeWord(run),
    formatTime(run.startedAt),
    formatElapsed(run.startedAt, run.finishedAt, clock.nowMs()),
    String(run.tasks),
    String(run.succeeded),
    String(run.failed),
  ]);
  output.table(columns, rows);
}

function showCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'show <id>',
    'Show a run VM by VM: outcome, times, bytes, warnings and errors',
    (command) =>
      command
        .positional('id', { demandOption: true, coerce: runNumber, describe: 'Number of the run' })
        .example('$0 run show 12', 'Says what waiting VMs wait for'),
    (args) =>
      choose(async (session) => {
        const run = await callOnce(session, routes.showRun, { params: { id: args.id }, query: {} });
        session.output.result(run, () => writeRunSummary(session.output, run, session.clock.nowMs()));
        return EXIT_OK;
      }),
  );
}

function watchCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'watch <id>',
    'Show how a run goes until it ends; Ctrl-C leaves it alone',
    (command) =>
      command
        .positional('id', { demandOption: true, coerce: runNumber, describe: 'Number of the run' })
        .example('$0 run watch 12', 'Ends with the exit code of the run'),
    (args) => choose((session) => watchRun(session, args.id)),
  );
}

function cancelCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'cancel <id>',
    'Ask for the end of a run: its snapshots are removed, VMs that are done keep their points',
    (command) =>
      command
        .positional('id', { demandOption: true, coerce: runNumber, describe: 'Number of the run' })
        .example('$0 run cancel 12', ''),
    (args) =>
      choose(async (session) => {
        const run = await callOnce(session, routes.cancelRun, { params: { id: args.id } });
        const text = run.state === 'done' ? `had ended already: ${outcomeWord(run)}` : 'is being cancelled';
        session.output.result(run, () => session.output.line(`Run ${run.runId} ${text}`));
        return EXIT_OK;
      }),
  );
}
