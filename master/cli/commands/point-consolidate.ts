/** `blockhouse point consolidate`: a full point out of a chain, without reading a chunk. */
import { type ConsolidateView } from '../../../shared/contract/consolidate.ts';
import { routes } from '../../../shared/contract/routes.ts';
import { EXIT_OK } from '../exit-codes.ts';
import { formatTime, plural } from '../format.ts';
import { type CommonArgv } from '../options.ts';
import { callOnce, type Choose, type Session } from '../session.ts';
import { waitOption, waitOrName } from '../wait-option.ts';

export function consolidateCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'consolidate <point>',
    'Make a full point of a chain, on the device and without reading its chunks',
    (command) =>
      waitOption(command)
        .positional('point', {
          type: 'string',
          demandOption: true,
          describe: 'Id of the point, or its beginning',
        })
        .option('dry-run', { type: 'boolean', default: false, describe: 'Only say what would be done' })
        .example('$0 point consolidate 5f3a', 'From then on it needs none of the points before it'),
    (args) =>
      choose(async (session) => {
        const { point, dryRun, wait } = args;
        const view = await callOnce(session, routes.consolidatePoint, {
          params: { id: point },
          body: { dryRun },
        });
        if (view.runId !== null) return await waitOrName(session, view.runId, wait);
        session.output.result(view, () => writePlan(session, view));
        return EXIT_OK;
      }),
  );
}

function writePlan({ output }: Session, view: ConsolidateView): void {
  const { savesetId, vm, createdAt, chain, dependents, obstacles } = view;
  output.fields([
    ['Point', `${savesetId} of ${vm}, ${formatTime(createdAt)}`],
    ['Made of', `${plural(chain.length, 'saveset')}: ${chain.join(', ')}`],
    ['Built on it', `${plural(dependents, 'point')}, which will build on the new one`],
    ['Possible', obstacles.length === 0 ? 'yes' : `no: ${obstacles.join('; ')}`],
  ]);
}
