/** `blockhouse status`: does the service run, and what does it do. */
import { routes } from '../../../shared/contract/routes.ts';
import { ApiClient } from '../api-client.ts';
import { EXIT_OK } from '../exit-codes.ts';
import { formatTime } from '../format.ts';
import { type CommonArgv } from '../options.ts';
import { type Choose, type Session } from '../session.ts';

export function statusCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'status',
    'Show whether the service runs',
    (command) => command.example('$0 status', 'Ends with 1 when the service does not run'),
    () => choose(showStatus),
  );
}

async function showStatus(session: Session): Promise<number> {
  await using api = await ApiClient.open(session.dataDir);
  const health = await api.call(routes.health, {}, session.signal);
  const { url } = api.endpoint;
  session.output.result({ ...health, url, dataDir: session.dataDir }, () =>
    session.output.fields([
      ['Service', `version ${health.version}, process ${health.pid}`],
      ['Since', formatTime(health.startedAt)],
      ['Address', url],
      ['Data folder', session.dataDir],
      ['Active runs', String(health.activeRuns)],
      ['Compression', `${health.compression.codec}, by ${health.compression.provider}`],
    ]),
  );
  return EXIT_OK;
}
