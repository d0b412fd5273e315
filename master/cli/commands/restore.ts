/** `blockhouse restore …`: what a restore needs, and bringing back one disk. */
import path from 'node:path';
import { errorTable } from '../../../shared/base/error-table.ts';
import { formatBytes } from '../../../shared/base/units.ts';
import { type RestorePlanView } from '../../../shared/contract/api.ts';
import { routes } from '../../../shared/contract/routes.ts';
import { EXIT_OK } from '../exit-codes.ts';
import { formatCount, formatTime, plural } from '../format.ts';
import { type CommonArgv } from '../options.ts';
import { callOnce, type Choose, type Session } from '../session.ts';
import { waitOrName, waitOption } from '../wait-option.ts';

const right = 'right' as const;

export function restoreCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command('restore', 'Plan and run restores', (group) =>
    [planCommand, diskCommand]
      .reduce((commands, add) => add(commands, choose), group)
      .demandCommand(1, 'Cannot tell what to restore: name plan or disk'),
  );
}

function planCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'plan <point>',
    'Show what a restore would read and write, and what is in its way',
    (command) =>
      command
        .positional('point', {
          type: 'string',
          demandOption: true,
          describe: 'Id of the point, or its beginning',
        })
        .option('disk', {
          type: 'string',
          requiresArg: true,
          describe: 'Only this disk: key, label or position',
        })
        .example('$0 restore plan 5f3a', 'Ends with 1 when it is not possible now'),
    (args) =>
      choose(async (session) => {
        const disk = args.disk === undefined ? {} : { disk: args.disk };
        const plan = await callOnce(session, routes.planRestore, { body: { point: args.point, ...disk } });
        session.output.result(plan, () => writePlan(session, plan));
        return plan.possible ? EXIT_OK : errorTable.RESTORE_NOT_POSSIBLE.exit;
      }),
  );
}

function writePlan({ output }: Session, plan: RestorePlanView): void {
  output.line(`Restore of VM "${plan.vm}" as of ${formatTime(plan.createdAt)}, point ${plan.savesetId}`);
  output.line(plan.possible ? 'Possible now' : 'Not possible now:');
  for (const obstacle of plan.obstacles) output.line(`  ${obstacle}`);
  output.line();
  output.table(
    [
      { head: 'SAVESET' },
      { head: 'TYPE' },
      { head: 'CREATED' },
      { head: 'DEVICE' },
      { head: 'GIVES', align: right },
    ],
    plan.chain.map((link) => [
      link.savesetId,
      link.type,
      formatTime(link.createdAt),
      link.online ? link.device : `${link.device} (offline)`,
      formatCount(link.writeBytes),
    ]),
  );
  output.line();
  writePlannedDisks({ output }, plan);
  const { packs, readBytes, writeBytes } = plan.totals;
  output.line();
  output.line(
    `Reads ${formatBytes(readBytes)} in ${plural(packs, 'pack')}, writes ${formatBytes(writeBytes)}`,
  );
}

function writePlannedDisks({ output }: Pick<Session, 'output'>, plan: RestorePlanView): void {
  const heads = ['CAPACITY', 'SAVESETS', 'PACKS', 'CHUNKS', 'READ', 'WRITE', 'ZERO', 'FREE'];
  output.table(
    [{ head: 'DISK', align: right }, { head: 'LABEL' }, ...heads.map((head) => ({ head, align: right }))],
    plan.disks.map((disk) => [
      String(disk.key),
      disk.label,
      formatBytes(disk.capacityBytes),
      String(disk.savesets),
      String(disk.packs),
      String(disk.chunks),
      ...[disk.readBytes, disk.writeBytes, disk.zeroBytes, disk.freeBytes].map(formatCount),
    ]),
  );
}

function diskCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'disk <point>',
    'Write one disk of a restore point to a file, every byte verified',
    (command) =>
      waitOption(command)
        .positional('point', {
          type: 'string',
          demandOption: true,
          describe: 'Id of the point, or its beginning',
        })
        .option('disk', {
          type: 'string',
          demandOption: true,
          requiresArg: true,
          describe: 'Key (2000), label, or position from 1',
        })
        .option('to', { type: 'string', demandOption: true, requiresArg: true, describe: 'File to write' })
        .option('format', {
          choices: ['raw', 'vmdk'] as const,
          default: 'raw' as const,
          describe: 'Format of the file',
        })
        .option('force', { type: 'boolean', default: false, describe: 'Overwrite the file where it exists' })
        .example('$0 restore disk 5f3a --disk 1 --to /restore/db01.img', ''),
    (args) =>
      choose(async (session) => {
        const target = path.resolve(session.cwd, args.to);
        const { point, disk, format, force: overwrite } = args;
        const body = { point, disk, path: target, format, overwrite };
        const { runId } = await callOnce(session, routes.restoreDisk, { body });
        return await waitOrName(session, runId, args.wait);
      }),
  );
}
