/** `blockhouse disk …`: what the filter would make of a disk, without a backup and without the service. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError, systemCode } from '../../../shared/base/errors.ts';
import { formatBytes } from '../../../shared/base/units.ts';
import { type DiskInspection, diskFigures } from '../../../shared/contract/disk-inspection.ts';
import { drawDisk, showsUnicode } from '../disk-picture.ts';
import { renderDiskSvg } from '../disk-svg.ts';
import { EXIT_OK } from '../exit-codes.ts';
import { formatPercent } from '../format.ts';
import { type CommonArgv } from '../options.ts';
import { type Choose, type Session } from '../session.ts';
import { keptLines, volumeCells, volumeColumns } from '../volume-report.ts';

export function diskCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command('disk', 'Look at disks in files', (group) =>
    inspectCommand(group, choose).demandCommand(1, 'Cannot tell what to do with a disk: name inspect'),
  );
}

function inspectCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'inspect <file>',
    'Show what a backup would read of a disk, what it would skip, and why not more',
    (command) =>
      command
        .positional('file', {
          type: 'string',
          demandOption: true,
          describe: 'A raw image, or the descriptor of a flat VMDK',
        })
        .option('svg', {
          type: 'string',
          requiresArg: true,
          describe: 'Draw the disk into this new file, too',
        })
        .option('drop-shadow-copies', {
          type: 'boolean',
          default: false,
          describe: 'As a job that does not keep the shadow copies of its guests',
        })
        .example('$0 disk inspect db01-flat.vmdk', 'Nothing is stored, and no service is needed')
        .example('$0 disk inspect db01.vmdk --svg db01.svg', ''),
    (args) =>
      choose(async (session) => {
        const file = path.resolve(session.cwd, args.file);
        const dropShadowCopies = args.dropShadowCopies;
        const inspection = await session.inspectDisk({ file, dropShadowCopies }, session.signal);
        if (args.svg !== undefined)
          await writeNew(path.resolve(session.cwd, args.svg), renderDiskSvg(inspection));
        session.output.result(diskFigures.parse(inspection), () => writeInspection(session, inspection));
        return EXIT_OK;
      }),
  );
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

const stateWords = {
  filtered: 'works on every volume that it knows',
  partly: 'works on some volumes',
  unfiltered: 'works on no volume',
} as const;

function writeInspection(session: Session, inspection: DiskInspection): void {
  const { output } = session;
  const { capacityBytes, keptBytes, skippedBytes, volumes } = inspection;
  output.fields([
    ['Disk', inspection.file],
    ['Capacity', formatBytes(capacityBytes)],
    ['The filter', stateWords[inspection.state]],
    ['A backup reads', `${formatBytes(keptBytes)} (${formatPercent(keptBytes, capacityBytes)})`],
    ['It skips', `${formatBytes(skippedBytes)} (${formatPercent(skippedBytes, capacityBytes)})`],
    ['Read for this', formatBytes(inspection.readBytes)],
  ]);
  output.line();
  if (volumes.length > 0) {
    const rows = volumes.map((volume, index) => [String(index + 1), ...volumeCells(volume)]);
    output.table([{ head: 'NO', align: 'right' }, ...volumeColumns], rows);
    volumes.forEach((volume, index) => {
      for (const line of keptLines(volume)) output.line(`volume ${index + 1}: ${line}`);
    });
    output.line();
  }
  for (const line of drawDisk(
    inspection,
    showsUnicode((name) => session.env(name)),
  ))
    output.line(line);
  for (const { code, message } of inspection.warnings) output.line(`warning: ${message} [${code}]`);
}
