/** `blockhouse catalog rebuild`: restore points and jobs back into the catalog, from the devices alone. */
import { type RebuildView } from '../../../shared/contract/rebuild.ts';
import { routes } from '../../../shared/contract/routes.ts';
import { EXIT_OK } from '../exit-codes.ts';
import { type CommonArgv } from '../options.ts';
import { writeTakenUp } from '../taken-up.ts';
import { callOnce, type Choose, type Session } from '../session.ts';

const right = 'right' as const;

export function catalogCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command('catalog', 'Look after what the service knows', (group) =>
    rebuildCommand(group, choose).demandCommand(1, 'Cannot tell what to do with the catalog: name rebuild'),
  );
}

function rebuildCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'rebuild',
    'Take up restore points, pins and jobs from the devices',
    (command) =>
      command
        .option('device', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: 'Only from these devices; else from all that are registered',
        })
        .option('dry-run', { type: 'boolean', default: false, describe: 'Only say what would be taken up' })
        .example('$0 catalog rebuild', 'After the data folder was lost and the devices were added again'),
    (args) =>
      choose(async (session) => {
        const body = { dryRun: args.dryRun, ...(args.device && { devices: args.device }) };
        const view = await callOnce(session, routes.rebuild, { body });
        session.output.result(view, () => writeRebuild(session, view));
        return EXIT_OK;
      }),
  );
}

function writeRebuild({ output }: Session, view: RebuildView): void {
  const columns = [
    { head: 'DEVICE' },
    { head: 'POINTS', align: right },
    { head: 'ADDED', align: right },
    { head: 'PINS', align: right },
    { head: 'FORGOTTEN', align: right },
    { head: 'DAMAGED', align: right },
  ];
  const rows = view.devices.map(({ device, points, added, pins, forgotten, damaged }) => [
    device,
    ...[points, added, pins, forgotten, damaged].map(String),
  ]);
  output.table(columns, rows);
  writeTakenUp(output, view);
  if (view.dryRun) output.line('Nothing was changed');
}
