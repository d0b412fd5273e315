/** `blockhouse device reclaim`: gives back the space of what no restore point uses any more. */
import { routes } from '../../../shared/contract/routes.ts';
import { type CommonArgv, wholeNumber } from '../options.ts';
import { callOnce, type Choose } from '../session.ts';
import { waitOption, waitOrName } from '../wait-option.ts';

export function reclaimCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'reclaim <name>',
    'Give back the space of what no restore point uses; backups may go on meanwhile',
    (command) =>
      waitOption(command)
        .positional('name', { type: 'string', demandOption: true, describe: 'Device to work on' })
        .option('dry-run', { type: 'boolean', default: false, describe: 'Only say what it would do' })
        .option('sparse', {
          requiresArg: true,
          coerce: wholeNumber('--sparse', 0),
          describe: 'Rewrite packs of which less than this is in use (percent, else 50)',
        })
        .example('$0 device reclaim disk1 --dry-run', 'How much would become free')
        .example('$0 device reclaim disk1 --sparse 80', 'More space, for more copying'),
    (args) =>
      choose(async (session) => {
        const sparse = args.sparse === undefined ? {} : { sparsePercent: args.sparse };
        const { runId } = await callOnce(session, routes.reclaimDevice, {
          params: { name: args.name },
          body: { dryRun: args.dryRun, ...sparse },
        });
        return await waitOrName(session, runId, args.wait);
      }),
  );
}
