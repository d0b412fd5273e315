/** `blockhouse vm list`: what the servers have, as patterns of a job see it. */
import { type VmView } from '../../../shared/contract/servers.ts';
import { routes } from '../../../shared/contract/routes.ts';
import { ApiClient } from '../api-client.ts';
import { EXIT_OK } from '../exit-codes.ts';
import { formatCount, formatTime, yesNo } from '../format.ts';
import { type CommonArgv } from '../options.ts';
import { type Choose, type Session } from '../session.ts';

export function vmCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command('vm', 'Look at virtual machines', (group) =>
    group
      .command(
        'list',
        'List the VMs of a server, or of all',
        (command) =>
          command
            .option('server', { type: 'string', requiresArg: true, describe: 'Only this server' })
            .example('$0 vm list --server vc1', 'The path is what patterns with a slash are matched with'),
        (args) => choose((session) => listVms(session, args.server)),
      )
      .demandCommand(1, 'Cannot tell what to do with VMs: name list'),
  );
}

type ServerVm = VmView & { readonly server: string };

async function listVms(session: Session, only: string | undefined): Promise<number> {
  await using api = await ApiClient.open(session.dataDir);
  const servers =
    only === undefined
      ? (await api.call(routes.listServers, {}, session.signal)).map(({ name }) => name)
      : [only];
  const vms: ServerVm[] = [];
  for (const server of servers) {
    const found = await api.call(routes.listVms, { params: { name: server } }, session.signal);
    vms.push(...found.map((vm) => ({ ...vm, server })));
  }
  session.output.result(vms, () => writeVms(session, vms, servers.length > 1));
  return EXIT_OK;
}

function writeVms({ output }: Session, vms: readonly ServerVm[], nameServer: boolean): void {
  const columns = [
    ...(nameServer ? [{ head: 'SERVER' }] : []),
    { head: 'VM' },
    { head: 'PATH' },
    { head: 'POWER' },
    { head: 'CBT' },
    { head: 'DISKS', align: 'right' as const },
    { head: 'SIZE', align: 'right' as const },
    { head: 'LAST POINT' },
  ];
  const rows = vms.map((vm) => [
    ...(nameServer ? [vm.server] : []),
    vm.name,
    vm.inventoryPath,
    vm.template ? 'template' : vm.powerState.replace(/^powered/, '').toLowerCase(),
    yesNo(vm.changeTracking),
    String(vm.disks.length),
    formatCount(vm.provisionedBytes),
    formatTime(vm.lastPoint),
  ]);
  output.table(columns, rows);
}
