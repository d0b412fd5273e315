/** `blockhouse device key …` and `device unlock`: the passwords of encrypted devices. */
import { routes } from '../../../shared/contract/routes.ts';
import { EXIT_OK } from '../exit-codes.ts';
import { type CommonArgv, confirmed, yesOption } from '../options.ts';
import { findPassword, newPassword, passwordOptions } from '../password.ts';
import { callOnce, type Choose } from '../session.ts';

export function keyCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command('key', 'Manage the passwords of an encrypted device', (group) =>
    [listCommand, addCommand, changeCommand, removeCommand]
      .reduce((commands, add) => add(commands, choose), group)
      .demandCommand(1, 'Cannot tell what to do with keys: name list, add, change or remove'),
  );
}

function listCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'list <name>',
    'List the key slots of a device',
    (command) =>
      command
        .positional('name', { type: 'string', demandOption: true, describe: 'Encrypted device' })
        .example('$0 device key list disk1', ''),
    (args) =>
      choose(async (session) => {
        const keys = await callOnce(session, routes.listKeys, { params: { name: args.name } });
        const columns = [{ head: 'SLOT' }, { head: 'LABEL' }, { head: 'CREATED' }, { head: 'STATE' }];
        const rows = keys.slots.map((slot) => [
          slot.slotId,
          slot.label,
          slot.createdAt,
          slot.inUse ? 'in use' : '',
        ]);
        const damaged = keys.damaged.map((slotId) => [slotId, '', '', 'damaged']);
        const all = [...rows, ...damaged];
        session.output.result(keys, () => {
          if (all.length > 0) session.output.table(columns, all);
          else session.output.line(`Device "${args.name}" has no passwords`);
        });
        return EXIT_OK;
      }),
  );
}

function addCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'add <name>',
    'Add one more password; those that there are stay',
    (command) =>
      passwordOptions(command)
        .positional('name', { type: 'string', demandOption: true, describe: 'Encrypted device' })
        .option('label', { type: 'string', requiresArg: true, describe: 'What to call the password' })
        .example('$0 device key add disk1 --label "in the safe"', 'Asks for the new password twice'),
    (args) =>
      choose(async (session) => {
        const password = await newPassword(session, args, `New password of device "${args.name}"`);
        const label = args.label === undefined ? {} : { label: args.label };
        const slot = await callOnce(session, routes.addKey, {
          params: { name: args.name },
          body: { password, ...label },
        });
        session.output.result(slot, () =>
          session.output.line(`Device "${args.name}" has one more password: slot ${slot.slotId}`),
        );
        return EXIT_OK;
      }),
  );
}

function changeCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'change <name>',
    'Take a new password in place of the one in use',
    (command) =>
      passwordOptions(command)
        .positional('name', { type: 'string', demandOption: true, describe: 'Encrypted device' })
        .example('$0 device key change disk1', 'Asks for the new password twice'),
    (args) =>
      choose(async (session) => {
        const password = await newPassword(session, args, `New password of device "${args.name}"`);
        const slot = await callOnce(session, routes.changeKey, {
          params: { name: args.name },
          body: { password },
        });
        session.output.result(slot, () =>
          session.output.line(`Device "${args.name}" has a new password: slot ${slot.slotId}`),
        );
        return EXIT_OK;
      }),
  );
}

function removeCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'remove <name> <slot>',
    'Remove a password that is not in use',
    (command) =>
      yesOption(command)
        .positional('name', { type: 'string', demandOption: true, describe: 'Encrypted device' })
        .positional('slot', { type: 'string', demandOption: true, describe: 'Slot to remove' })
        .example('$0 device key remove disk1 00112233445566bb --yes', ''),
    (args) =>
      choose(async (session) => {
        await confirmed(session, args.yes, `remove key slot ${args.slot} of device "${args.name}"`);
        const { name, slot } = args;
        const done = await callOnce(session, routes.removeKey, { params: { name, slot } });
        session.output.result(done, () => session.output.line(`Key slot ${slot} is removed`));
        return EXIT_OK;
      }),
  );
}

export function unlockCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'unlock <name>',
    'Give the service a password of an encrypted device, to be kept from now on',
    (command) =>
      passwordOptions(command)
        .positional('name', { type: 'string', demandOption: true, describe: 'Encrypted device' })
        .example('$0 device unlock disk1 --password-file /run/secrets/disk1', ''),
    (args) =>
      choose(async (session) => {
        const password = await findPassword(session, args, `Password of device "${args.name}"`);
        const done = await callOnce(session, routes.unlockDevice, {
          params: { name: args.name },
          body: { password },
        });
        session.output.result(done, () => session.output.line(`Device "${args.name}" can be used`));
        return EXIT_OK;
      }),
  );
}
