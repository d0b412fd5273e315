/** `blockhouse disk …`: what the filter would make of the disks of a VM or of a disk in a file, without a backup. */
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Argv } from 'yargs';
import { AppError, hasCode, systemCode } from '../../../shared/base/errors.ts';
import { diskFigures } from '../../../shared/contract/disk-inspection.ts';
import { routes } from '../../../shared/contract/routes.ts';
import { vmFigures } from '../../../shared/contract/vm-inspection.ts';
import { type TransportChoice, transportChoices } from '../../../shared/domain/job.ts';
import { showsUnicode } from '../disk-picture.ts';
import { type SvgDisk, renderDiskSvg } from '../disk-svg.ts';
import { EXIT_OK, exitOfRun } from '../exit-codes.ts';
import { shownDisks, shownFile, writeDisk, writeVmInspection } from '../inspection-report.ts';
import { type CommonArgv } from '../options.ts';
import { writeRunSummary } from '../run-summary.ts';
import { callOnce, type Choose, type Session } from '../session.ts';
import { waitForOwnRun } from '../watch-run.ts';

interface InspectArgs {
  readonly disk: string;
  readonly server: string | undefined;
  readonly svg: string | undefined;
  readonly dropShadowCopies: boolean;
  readonly transport: TransportChoice;
}

export function diskCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command('disk', 'Look at disks of VMs and in files', (group) =>
    inspectCommand(group, choose).demandCommand(1, 'Cannot tell what to do with a disk: name inspect'),
  );
}

function inspectCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'inspect <disk>',
    'Show what a backup would read of a VM or a disk, what it would skip, and why not more',
    (command) => inspectOptions(command),
    (args) => choose((session) => inspect(session, args)),
  );
}

function inspectOptions<T>(argv: Argv<T>) {
  return argv
    .positional('disk', {
      type: 'string',
      demandOption: true,
      describe:
        'A raw image or the descriptor of a flat VMDK, or where there is no such file, ' +
        'a VM by its name, path, UUID or moref',
    })
    .option('server', {
      type: 'string',
      requiresArg: true,
      describe: 'Server of the VM; a file of its name does not matter then',
    })
    .option('svg', {
      type: 'string',
      requiresArg: true,
      describe: 'Draw what was found into this new file, too',
    })
    .option('drop-shadow-copies', {
      type: 'boolean',
      default: false,
      describe: 'As a job that does not keep the shadow copies of its guests',
    })
    .option('transport', {
      choices: transportChoices,
      default: 'auto' as const,
      describe: 'How to read the disks of a VM',
    })
    .example('$0 disk inspect db01-flat.vmdk', 'Nothing is stored, and no service is needed')
    .example('$0 disk inspect db01 --svg db01.svg', 'The service makes a snapshot for it, and removes it');
}

async function inspect(session: Session, args: InspectArgs): Promise<number> {
  const file = path.resolve(session.cwd, args.disk);
  if (args.server === undefined && (await isFile(file))) return await inspectFile(session, file, args);
  try {
    return await inspectVm(session, args);
  } catch (error) {
    // Without a service only a file can have been meant, and its own message says what is wrong with it.
    if (args.server === undefined && hasCode(error, 'SERVICE_NOT_RUNNING'))
      return await inspectFile(session, file, args);
    throw error;
  }
}

/** Also of a device; what is neither there nor a folder is left to be the name of a VM. */
async function isFile(file: string): Promise<boolean> {
  try {
    return !(await stat(file)).isDirectory();
  } catch {
    return false;
  }
}

async function inspectFile(session: Session, file: string, args: InspectArgs): Promise<number> {
  const { output } = session;
  const { dropShadowCopies } = args;
  const inspection = await session.inspectDisk({ file, dropShadowCopies }, session.signal);
  const shown = shownFile(inspection);
  await writeSvg(session, args.svg, [shown]);
  output.result(diskFigures.parse(inspection), () => {
    writeDisk(output, shown, hasUnicode(session));
    for (const { code, message } of inspection.warnings) output.line(`warning: ${message} [${code}]`);
  });
  return EXIT_OK;
}

async function inspectVm(session: Session, args: InspectArgs): Promise<number> {
  const { output } = session;
  const { disk: vm, server, dropShadowCopies, transport } = args;
  const body = { vm, ...(server === undefined ? {} : { server }), dropShadowCopies, transport };
  const { runId } = await callOnce(session, routes.inspectVm, { body });
  const run = await waitForOwnRun(session, runId);
  const [task] = run.tasks;
  if (task?.report?.kind !== 'inspect') {
    output.result(run, () => writeRunSummary(output, run, session.clock.nowMs()));
    return exitOfRun(run);
  }
  const { report, warnings } = task;
  await writeSvg(session, args.svg, shownDisks(report));
  output.result({ runId, ...vmFigures.parse(report), warnings }, () => {
    writeVmInspection(output, report, hasUnicode(session));
    for (const { code, message } of warnings) output.line(`warning: ${message} [${code}]`);
  });
  return exitOfRun(run);
}

const hasUnicode = (session: Session): boolean => showsUnicode((name) => session.env(name));

async function writeSvg(
  session: Session,
  file: string | undefined,
  disks: readonly SvgDisk[],
): Promise<void> {
  if (file !== undefined) await writeNew(path.resolve(session.cwd, file), renderDiskSvg(disks));
}

/** Never takes the place of a file. @throws AppError `USAGE_INVALID` */
async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    const code = systemCode(error) ?? null;
    const why = code === 'EEXIST' ? 'it exists' : error instanceof Error ? error.message : String(error);
    throw new AppError('USAGE_INVALID', `Cannot write the file "${file}": ${why}`, { file, code }, error);
  }
}
