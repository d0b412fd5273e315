/** `blockhouse server …`: the vCenter and ESXi servers. A password is read from a file, a variable or the terminal only. */
import { type ServerRemoval } from '../../../shared/contract/servers.ts';
import { routes } from '../../../shared/contract/routes.ts';
import { EXIT_FAILED, EXIT_OK } from '../exit-codes.ts';
import { NOTHING } from '../format.ts';
import { type CommonArgv, confirmed, datastorePaths, fingerprint, serverUrl, yesOption } from '../options.ts';
import { findPassword, passwordOptions } from '../password.ts';
import { choosePin } from '../server-access.ts';
import { type Output } from '../output.ts';
import { callOnce, type Choose, type Session } from '../session.ts';

export function serverCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command('server', 'Manage vCenter and ESXi servers', (group) =>
    [addCommand, listCommand, testCommand, removeCommand]
      .reduce((commands, add) => add(commands, choose), group)
      .demandCommand(1, 'Cannot tell what to do with servers: name add, list, test or remove'),
  );
}

interface AddArgs {
  readonly name: string;
  readonly url: string;
  readonly user: string;
  readonly passwordFile: string | undefined;
  readonly passwordEnv: string | undefined;
  readonly fingerprint: string | undefined;
  readonly datastorePath: readonly string[];
  readonly replace: boolean;
}

function addCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'add <name>',
    'Register a server after a test of the login',
    (command) =>
      passwordOptions(command)
        .positional('name', { type: 'string', demandOption: true, describe: 'Name to call it by' })
        .option('url', {
          type: 'string',
          demandOption: true,
          requiresArg: true,
          describe: 'https://HOST[/sdk]',
        })
        .option('user', {
          type: 'string',
          demandOption: true,
          requiresArg: true,
          describe: 'Account to log in with',
        })
        .option('fingerprint', {
          type: 'string',
          requiresArg: true,
          describe: 'SHA-256 of the certificate, where this host does not trust it',
        })
        .option('datastore-path', {
          type: 'string',
          array: true,
          default: [] as string[],
          describe: 'NAME=DIR: a datastore that is mounted here, for the file transport',
        })
        .option('replace', {
          type: 'boolean',
          default: false,
          describe: 'Take the place of a server of this name',
        })
        .example(
          '$0 server add vc1 --url https://vc.example.org --user backup@vsphere.local',
          'Asks for the password',
        )
        .example(
          '$0 server add vc1 --url vc.example.org --user backup --password-file /run/secrets/vc1',
          'For scripts',
        ),
    (args) => choose((session) => addServer(session, args)),
  );
}

async function addServer(session: Session, args: AddArgs): Promise<number> {
  const url = serverUrl(args.url);
  const given = args.fingerprint === undefined ? undefined : fingerprint(args.fingerprint);
  const pin = given ?? (await choosePin(session, args.name, url));
  const password = await findPassword(session, args, `Password of ${args.user}`);
  const server = await callOnce(session, routes.addServer, {
    body: {
      name: args.name,
      url,
      username: args.user,
      password,
      fingerprint: pin,
      datastorePaths: datastorePaths(args.datastorePath, session.cwd),
      replace: args.replace,
    },
  });
  session.output.result(server, () =>
    session.output.line(`Server "${server.name}" is registered: ${server.url}`),
  );
  return EXIT_OK;
}

function listCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'list',
    'List the servers',
    (command) => command.example('$0 server list --json', 'For scripts'),
    () =>
      choose(async (session) => {
        const servers = await callOnce(session, routes.listServers, {});
        const columns = [{ head: 'SERVER' }, { head: 'URL' }, { head: 'USER' }, { head: 'CERTIFICATE' }];
        session.output.result(servers, () =>
          session.output.table(
            columns,
            servers.map((server) => [
              server.name,
              server.url,
              server.username,
              server.fingerprint === null
                ? 'trusted by this host'
                : `pinned ${server.fingerprint.slice(0, 11)}…`,
            ]),
          ),
        );
        return EXIT_OK;
      }),
  );
}

function testCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'test <name>',
    'Log in and name the privileges that are missing',
    (command) =>
      command
        .positional('name', { type: 'string', demandOption: true, describe: 'Server to test' })
        .example('$0 server test vc1', 'Ends with 1 when a privilege is missing'),
    (args) => choose((session) => testServer(session, args.name)),
  );
}

async function testServer(session: Session, name: string): Promise<number> {
  const test = await callOnce(session, routes.testServer, { params: { name } });
  const missing = test.missingPrivileges;
  session.output.result(test, () => {
    session.output.fields([
      ['Server', test.name],
      ['Product', test.fullName],
      ['API version', test.apiVersion],
      ['VMs', String(test.vms)],
      ['Missing privileges', missing.length === 0 ? NOTHING : missing.join(', ')],
    ]);
  });
  return missing.length === 0 ? EXIT_OK : EXIT_FAILED;
}

function removeCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'remove <name>',
    'Forget a server that no job names',
    (command) =>
      yesOption(command)
        .positional('name', { type: 'string', demandOption: true, describe: 'Server to forget' })
        .option('force', {
          type: 'boolean',
          default: false,
          describe: 'Also when snapshots of ours may stay on it: for a server that never comes back',
        })
        .option('dry-run', { type: 'boolean', default: false, describe: 'Only say what would stay behind' })
        .example('$0 server remove vc1 --yes', 'Its restore points stay')
        .example('$0 server remove vc1 --force', 'Lists what nobody will remove any more, and asks'),
    (args) => choose((session) => removeServer(session, args)),
  );
}

interface RemoveArgs {
  readonly name: string;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
}

async function removeServer(session: Session, { name, force, dryRun, yes }: RemoveArgs): Promise<number> {
  const remove = (query: { force?: string; dryRun?: string }): Promise<ServerRemoval> =>
    callOnce(session, routes.removeServer, { params: { name }, query });
  if (force || dryRun) {
    const removal = await remove({ dryRun: 'true' });
    if (dryRun) {
      session.output.result(removal, () => writeLeft(session.output, removal));
      return EXIT_OK;
    }
    writeLeft(session.output, removal);
  }
  await confirmed(session, yes, `remove server "${name}"`);
  const done = await remove(force ? { force: 'true' } : {});
  session.output.result(done, () => session.output.line(`Server "${name}" is removed`));
  return EXIT_OK;
}

function writeLeft(output: Output, { left, leftCount, jobs }: ServerRemoval): void {
  for (const job of jobs) output.line(`Job "${job}" names it: it cannot be removed`);
  if (leftCount === 0) {
    output.line('No snapshot of ours is on it');
    return;
  }
  output.line(
    'Snapshots of ours that may be on it. Without the server here nobody removes them, and each grows',
  );
  output.line('with what its VM writes until somebody deletes it by hand:');
  for (const { vm, moref, snapshot } of left) output.line(`  ${snapshot} of VM "${vm}" (${moref})`);
  if (leftCount > left.length) output.line(`  and ${leftCount - left.length} more, which the log names`);
}
