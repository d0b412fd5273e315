/** `blockhouse serve`: the service itself, in the foreground. */
import path from 'node:path';
import { EXIT_OK } from '../exit-codes.ts';
import { type CommonArgv } from '../options.ts';
import { type Choose } from '../session.ts';

export function serveCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'serve',
    'Run the service in the foreground until it is told to stop',
    (command) =>
      command
        .option('config', {
          type: 'string',
          requiresArg: true,
          describe: 'File of settings (else config.json in the data folder, where there is one)',
        })
        .example('$0 serve --data /var/lib/blockhouse', 'Keep everything in that folder'),
    (args) =>
      choose(async (session) => {
        const configFile = args.config === undefined ? undefined : path.resolve(session.cwd, args.config);
        await session.serve({ dataDir: session.dataDir, configFile, output: session.output });
        return EXIT_OK;
      }),
  );
}
