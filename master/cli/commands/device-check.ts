/** `blockhouse device check` and `device repair`: what is wrong with a device, and salvaging what can be read. */
import { routes } from '../../../shared/contract/routes.ts';
import { type CommonArgv, confirmed, yesOption } from '../options.ts';
import { callOnce, type Choose } from '../session.ts';
import { waitOption, waitOrName } from '../wait-option.ts';

const payloadsOption = {
  type: 'boolean',
  default: false,
  describe: 'Read every payload too, which needs no key and as long as reading the device takes',
} as const;

export function checkCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'check <name>',
    'Hold every object of a device against what others say of it; backups may go on meanwhile',
    (command) =>
      waitOption(command)
        .positional('name', { type: 'string', demandOption: true, describe: 'Device to check' })
        .option('payloads', payloadsOption)
        .example('$0 device check disk1', 'Ends with 14 when something is damaged')
        .example('$0 device check disk1 --payloads', 'Finds decay before a restore does'),
    (args) =>
      choose(async (session) => {
        const { runId } = await callOnce(session, routes.checkDevice, {
          params: { name: args.name },
          body: { payloads: args.payloads },
        });
        return await waitOrName(session, runId, args.wait);
      }),
  );
}

export function repairCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'repair <name>',
    'Check a device and salvage what can be read; points that lost something stay',
    (command) =>
      yesOption(waitOption(command))
        .positional('name', { type: 'string', demandOption: true, describe: 'Device to repair' })
        .option('dry-run', { type: 'boolean', default: false, describe: 'Only say what it would do' })
        .option('payloads', payloadsOption)
        .example('$0 device repair disk1 --dry-run', 'What it would do')
        .example(
          '$0 device repair disk1 --payloads --yes',
          'Marks damaged chunks, so that backups store them anew',
        ),
    (args) =>
      choose(async (session) => {
        if (!args.dryRun) await confirmed(session, args.yes, `repair device "${args.name}"`);
        const { runId } = await callOnce(session, routes.repairDevice, {
          params: { name: args.name },
          body: { payloads: args.payloads, dryRun: args.dryRun },
        });
        return await waitOrName(session, runId, args.wait);
      }),
  );
}
