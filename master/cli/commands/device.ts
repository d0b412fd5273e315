/** `blockhouse device …`: where savesets go, and how many streams each place takes. */
import path from 'node:path';
import { type DeviceView } from '../../../shared/contract/api.ts';
import { routes } from '../../../shared/contract/routes.ts';
import { EXIT_OK } from '../exit-codes.ts';
import { formatCount, NOTHING, plural } from '../format.ts';
import { type CommonArgv, confirmed, wholeNumber, yesOption } from '../options.ts';
import { callOnce, type Choose, type Session } from '../session.ts';
import { reclaimCommand } from './device-reclaim.ts';

export function deviceCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command('device', 'Manage the devices that savesets are kept on', (group) =>
    [addCommand, listCommand, showCommand, removeCommand, reclaimCommand]
      .reduce((commands, add) => add(commands, choose), group)
      .demandCommand(1, 'Cannot tell what to do with devices: name add, list, show, remove or reclaim'),
  );
}

function addCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'add <name>',
    'Register a folder as a device; an empty one is made ready',
    (command) =>
      command
        .positional('name', { type: 'string', demandOption: true, describe: 'Name to call it by' })
        .option('path', {
          type: 'string',
          demandOption: true,
          requiresArg: true,
          describe: 'Folder of the device',
        })
        .option('streams', {
          requiresArg: true,
          coerce: wholeNumber('--streams'),
          describe: 'How many workers may write to it at a time (number, else 1)',
        })
        .example('$0 device add disk1 --path /backup/disk1 --streams 4', 'Up to four VMs at a time'),
    (args) =>
      choose(async (session) => {
        const folder = path.resolve(session.cwd, args.path);
        const streams = args.streams === undefined ? {} : { streams: args.streams };
        const device = await callOnce(session, routes.addDevice, {
          body: { name: args.name, path: folder, ...streams },
        });
        session.output.result(device, () =>
          session.output.line(
            `Device "${device.name}" is registered: ${device.path}, ${plural(device.streams, 'stream')}`,
          ),
        );
        return EXIT_OK;
      }),
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
