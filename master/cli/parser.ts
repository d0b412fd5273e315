/**
 * The command line as a whole: groups of commands, common options, strictness. Parsing has no effect but to choose an action
 * or a text (help, version); master/cli.ts then does it. docs/reference/cli.md is made from the help texts.
 */
import yargs from 'yargs';
import { AppError, isAppError, toAppError } from '../../shared/base/errors.ts';
import { PRODUCT, VERSION } from '../../shared/base/version.ts';
import { catalogCommands } from './commands/catalog.ts';
import { deviceCommands } from './commands/device.ts';
import { diskCommands } from './commands/disk.ts';
import { jobCommands } from './commands/job.ts';
import { pointCommands } from './commands/point.ts';
import { pruneCommands } from './commands/prune.ts';
import { restoreCommands } from './commands/restore.ts';
import { runCommands } from './commands/run.ts';
import { serveCommands } from './commands/serve.ts';
import { serverCommands } from './commands/server.ts';
import { statusCommands } from './commands/status.ts';
import { verifyCommands } from './commands/verify.ts';
import { vmCommands } from './commands/vm.ts';
import { type CommonArgs, type CommonArgv, refuseRepeated } from './options.ts';
import { type Action, type Choose } from './session.ts';

const HELP_COLUMNS = 100;
/** Options that may be given several times, and what yargs keeps apart itself. */
const LISTS: ReadonlySet<string> = new Set([
  '_',
  'vm',
  'exclude',
  'exclude-path',
  'excludePath',
  'device',
  'datastore-path',
  'datastorePath',
]);

/** Options that are lists in one command only. */
const LISTS_OF: Readonly<Record<string, ReadonlySet<string>>> = {
  prune: new Set([...LISTS, 'job']),
  verify: new Set([...LISTS, 'job', 'points']),
};

const groups: readonly ((argv: CommonArgv, choose: Choose) => CommonArgv)[] = [
  serveCommands,
  statusCommands,
  serverCommands,
  vmCommands,
  diskCommands,
  deviceCommands,
  jobCommands,
  runCommands,
  pointCommands,
  restoreCommands,
  verifyCommands,
  pruneCommands,
  catalogCommands,
];

export type Parsed =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly action: Action; readonly args: CommonArgs };

/** @throws AppError `USAGE_INVALID` for whatever the command line does not know */
export async function parseCommand(words: readonly string[]): Promise<Parsed> {
  let action: Action | undefined;
  const choose: Choose = (chosen) => {
    action = chosen;
  };
  let text = '';
  const args = await buildParser(choose)
    .parseAsync([...words], {}, (_error: unknown, _args: unknown, output: string) => {
      text = output;
    })
    .catch((error: unknown) => {
      throw usageError(error);
    });
  if (action === undefined || text !== '') return { kind: 'text', text };
  return { kind: 'action', action, args: { json: args.json, data: args.data } };
}

function buildParser(choose: Choose): CommonArgv {
  let argv = commonOptions();
  for (const add of groups) argv = add(argv, choose);
  return argv
    .demandCommand(1, 'Cannot tell what to do: no command was named')
    .strict()
    .fail((message: string | null, error: unknown) => {
      throw error === undefined || error === null
        ? new AppError('USAGE_INVALID', asSentence(message ?? 'it is not complete'))
        : usageError(error);
    });
}

function commonOptions(): CommonArgv {
  return yargs()
    .scriptName('blockhouse')
    .usage(`$0 COMMAND\n\n${PRODUCT} ${VERSION}: image-level backup and restore of VMware VMs`)
    .locale('en')
    .parserConfiguration({ 'dot-notation': false, 'parse-positional-numbers': false })
    .wrap(HELP_COLUMNS)
    .help('help', 'Show what a command does')
    .alias('help', 'h')
    .version('version', 'Show the version', `${PRODUCT} ${VERSION}`)
    .exitProcess(false)
    .option('json', { type: 'boolean', default: false, describe: 'Print one JSON document' })
    .option('data', {
      type: 'string',
      requiresArg: true,
      describe: 'Data folder of the service (else BLOCKHOUSE_DATA, else the place of the platform)',
    })
    .group(['json', 'data', 'help', 'version'], 'Common options:')
    .check((args) => refuseRepeated(args, LISTS_OF[String(args._[0])] ?? LISTS));
}

function usageError(error: unknown): AppError {
  if (isAppError(error)) return error;
  if (error instanceof Error && error.name === 'YError') {
    return new AppError('USAGE_INVALID', asSentence(error.message));
  }
  return toAppError(error);
}

/** One line, no full stop: yargs lists faults below each other. */
function asSentence(message: string): string {
  const line = message
    .split('\n')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .join(' ');
  return line.startsWith('Cannot ') ? line : `Cannot use the command line: ${line.replace(/\.$/, '')}`;
}
