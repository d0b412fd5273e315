/** `blockhouse device add`: a folder becomes a device, encrypted when it is new and that is wanted. */
import path from 'node:path';
import { hasCode } from '../../../shared/base/errors.ts';
import { type DeviceAdded } from '../../../shared/contract/rebuild.ts';
import { routes } from '../../../shared/contract/routes.ts';
import { EXIT_OK } from '../exit-codes.ts';
import { plural } from '../format.ts';
import { type CommonArgv, wholeNumber } from '../options.ts';
import {
  type PasswordOptions,
  findPassword,
  givenPassword,
  newPassword,
  passwordOptions,
} from '../password.ts';
import { writeTakenUp } from '../taken-up.ts';
import { callOnce, type Choose, type Session } from '../session.ts';

export function addCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'add <name>',
    'Register a folder as a device; an empty one is made ready',
    (command) =>
      passwordOptions(command)
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
        .option('encrypt', {
          type: 'boolean',
          default: false,
          describe: 'Encrypt what is stored on it: a new device only',
        })
        .option('label', {
          type: 'string',
          requiresArg: true,
          describe: 'What to call the password of a new device',
        })
        .example('$0 device add disk1 --path /backup/disk1 --streams 4', 'Up to four VMs at a time')
        .example('$0 device add disk2 --path /backup/disk2 --encrypt', 'Asks for a password twice'),
    (args) => choose((session) => addDevice(session, args)),
  );
}

interface AddArgs extends PasswordOptions {
  readonly name: string;
  readonly path: string;
  readonly streams: number | undefined;
  readonly encrypt: boolean;
  readonly label: string | undefined;
}

async function addDevice(session: Session, args: AddArgs): Promise<number> {
  const question = `Password of device "${args.name}"`;
  const password = args.encrypt
    ? await newPassword(session, args, question)
    : await givenPassword(session, args);
  const device = await register(session, args, password);
  session.output.result(device, () => {
    session.output.line(
      `Device "${device.name}" is registered: ${device.path}, ${plural(device.streams, 'stream')}` +
        (device.encrypted === true ? ', encrypted' : ''),
    );
    writeBrought(session, device);
  });
  return EXIT_OK;
}

/** Nothing of a device that is new. */
function writeBrought({ output }: Session, { brought }: DeviceAdded): void {
  for (const { points, chains, pins } of brought.devices) {
    if (points === 0) continue;
    const pinned = pins === 0 ? '' : `, ${plural(pins, 'pin')}`;
    output.line(`It holds ${plural(points, 'restore point')} in ${plural(chains, 'chain')}${pinned}`);
  }
  writeTakenUp(output, brought);
}

/** Only the service sees whether the folder is an encrypted device already: then its password is asked for. */
async function register(session: Session, args: AddArgs, password: string | undefined): Promise<DeviceAdded> {
  try {
    return await callOnce(session, routes.addDevice, { body: bodyOf(session, args, password) });
  } catch (error) {
    const mayAsk = password === undefined && session.prompt.canAsk && hasCode(error, 'REPO_DEVICE_LOCKED');
    if (!mayAsk) throw error;
    const asked = await findPassword(session, args, `Password of device "${args.name}"`);
    return callOnce(session, routes.addDevice, { body: bodyOf(session, args, asked) });
  }
}

function bodyOf(session: Session, args: AddArgs, password: string | undefined) {
  const { name, streams, encrypt, label } = args;
  return {
    name,
    path: path.resolve(session.cwd, args.path),
    ...(streams === undefined ? {} : { streams }),
    ...(encrypt ? { encrypt } : {}),
    ...(password === undefined ? {} : { password }),
    ...(label === undefined ? {} : { label }),
  };
}
