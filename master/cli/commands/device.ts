/** `blockhouse device …`: where savesets go, and how many streams each place takes. */
import { type DeviceView } from '../../../shared/contract/api.ts';
import { routes } from '../../../shared/contract/routes.ts';
import { EXIT_OK } from '../exit-codes.ts';
import { formatCount, NOTHING, plural } from '../format.ts';
import { type CommonArgv, confirmed, yesOption } from '../options.ts';
import { callOnce, type Choose, type Session } from '../session.ts';
import { addCommand } from './device-add.ts';
import { checkCommand, repairCommand } from './device-check.ts';
import { keyCommands, unlockCommand } from './device-key.ts';
import { reclaimCommand } from './device-reclaim.ts';

export function deviceCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command('device', 'Manage the devices that savesets are kept on', (group) =>
    [
      addCommand,
      listCommand,
      showCommand,
      removeCommand,
      reclaimCommand,
      checkCommand,
      repairCommand,
      keyCommands,
      unlockCommand,
    ]
      .reduce((commands, add) => add(commands, choose), group)
      .demandCommand(
        1,
        'Cannot tell what to do with devices: name add, list, show, remove, reclaim, check, repair, key or unlock',
      ),
  );
}

function listCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'list',
    'List the devices',
    (command) => command.example('$0 device list', 'With free space and streams in use'),
    () =>
      choose(async (session) => {
        const devices = await callOnce(session, routes.listDevices, {});
        const columns = [
          { head: 'DEVICE' },
          { head: 'PATH' },
          { head: 'STREAMS' },
          { head: 'POINTS', align: 'right' as const },
          { head: 'FREE', align: 'right' as const },
          { head: 'STATE' },
        ];
        session.output.result(devices, () => session.output.table(columns, devices.map(listRow)));
        return EXIT_OK;
      }),
  );
}

function listRow(device: DeviceView): string[] {
  const streams = `${device.streamsInUse} of ${device.streams} in use`;
  return [
    device.name,
    device.path,
    streams,
    String(device.points),
    formatCount(device.freeBytes),
    stateOf(device),
  ];
}

function stateOf(device: DeviceView): string {
  return device.online ? 'online' : `offline: ${device.offlineReason ?? 'unknown reason'}`;
}

function showCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'show <name>',
    'Show a device, who holds its streams and who waits for one',
    (command) =>
      command
        .positional('name', { type: 'string', demandOption: true, describe: 'Device to show' })
        .example('$0 device show disk1', ''),
    (args) =>
      choose(async (session) => {
        const device = await callOnce(session, routes.showDevice, { params: { name: args.name } });
        session.output.result(device, () => writeDevice(session, device));
        return EXIT_OK;
      }),
  );
}

function writeDevice({ output }: Session, device: DeviceView): void {
  output.fields([
    ['Device', device.name],
    ['Identity', device.deviceId],
    ['Path', device.path],
    ['State', stateOf(device)],
    ['Streams', `${device.streamsInUse} of ${device.streams} in use`],
    ['Points', String(device.points)],
    ['Encrypted', encryptionOf(device)],
    ['Free', device.freeBytes === null ? NOTHING : formatCount(device.freeBytes)],
  ]);
  for (const { runId, taskId, pid } of device.holders) {
    const task = taskId === null ? 'no task yet' : `task ${taskId}`;
    output.line(`  held by run ${runId}, ${task}${pid === null ? '' : `, process ${pid}`}`);
  }
  for (const { runId, job, tasks } of device.waiting) {
    output.line(
      `  run ${runId}${job === null ? '' : ` of job "${job}"`} waits with ${plural(tasks, 'task')}`,
    );
  }
}

function encryptionOf({ encrypted, keySlots }: DeviceView): string {
  if (encrypted === null) return NOTHING;
  return encrypted ? `yes, passwords: ${keySlots.map(({ label }) => label).join(', ')}` : 'no';
}

function removeCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'remove <name>',
    'Forget a device that no job names; what is stored on it stays',
    (command) =>
      yesOption(command)
        .positional('name', { type: 'string', demandOption: true, describe: 'Device to forget' })
        .example('$0 device remove disk1 --yes', ''),
    (args) =>
      choose(async (session) => {
        await confirmed(session, args.yes, `remove device "${args.name}"`);
        const done = await callOnce(session, routes.removeDevice, { params: { name: args.name } });
        session.output.result(done, () =>
          session.output.line(`Device "${args.name}" is removed; its files stay`),
        );
        return EXIT_OK;
      }),
  );
}
