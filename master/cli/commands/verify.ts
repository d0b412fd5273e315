/** `blockhouse verify`: proof that a restore point can be read, down to its last byte. */
import { routes } from '../../../shared/contract/routes.ts';
import { type CommonArgv } from '../options.ts';
import { callOnce, type Choose } from '../session.ts';
import { waitOption, waitOrName } from '../wait-option.ts';

export function verifyCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'verify <point>',
    'Read a restore point back and check every byte',
    (command) =>
      waitOption(command)
        .positional('point', {
          type: 'string',
          demandOption: true,
          describe: 'Id of the point, or its beginning',
        })
        .example('$0 verify 5f3a', 'Ends with 14 when something is damaged'),
    (args) =>
      choose(async (session) => {
        const { runId } = await callOnce(session, routes.verify, { body: { point: args.point } });
        return await waitOrName(session, runId, args.wait);
      }),
  );
}
