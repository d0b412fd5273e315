/** `blockhouse point …`: which restore points there are, and what each holds. */
import { type Argv } from 'yargs';
import { errorTable } from '../../../shared/base/error-table.ts';
import { formatBytes } from '../../../shared/base/units.ts';
import { type PointSummary, type PointView } from '../../../shared/contract/api.ts';
import { routes } from '../../../shared/contract/routes.ts';
import { EXIT_OK } from '../exit-codes.ts';
import { formatCount, formatTime, NOTHING, plural } from '../format.ts';
import { type CommonArgv, wholeNumber } from '../options.ts';
import { callOnce, type Choose, type Session } from '../session.ts';
import { keptLines, volumeCells, volumeColumns, volumeName } from '../volume-report.ts';
import { consolidateCommand } from './point-consolidate.ts';

const DEFAULT_LIMIT = 50;
const right = 'right' as const;

export function pointCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command('point', 'Look at restore points', (group) =>
    [listCommand, showCommand, pinCommand, unpinCommand, consolidateCommand]
      .reduce((commands, add) => add(commands, choose), group)
      .demandCommand(
        1,
        'Cannot tell what to do with restore points: name list, show, pin, unpin or consolidate',
      ),
  );
}

function listCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'list',
    'List the restore points, newest first',
    (command) =>
      command
        .option('vm', {
          type: 'string',
          requiresArg: true,
          describe: 'Name, instance UUID or moref of the VM',
        })
        .option('job', { type: 'string', requiresArg: true, describe: 'Only points of this job' })
        .option('before', { type: 'string', requiresArg: true, describe: 'Not newer than this ISO time' })
        .option('limit', {
          requiresArg: true,
          coerce: wholeNumber('--limit'),
          describe: `How many (number, else ${DEFAULT_LIMIT})`,
        })
        .example('$0 point list --vm db01', '')
        .example('$0 point list --vm db01 --before 2026-05-01T00:00:00Z --limit 1', 'The one to go back to'),
    (args) =>
      choose(async (session) => {
        const { vm, job, before } = args;
        const query = { vm, job, before, limit: args.limit ?? DEFAULT_LIMIT };
        const points = await callOnce(session, routes.listPoints, { query });
        session.output.result(points, () => writePoints(session, points));
        return EXIT_OK;
      }),
  );
}

function writePoints({ output }: Session, points: readonly PointSummary[]): void {
  const columns = [
    { head: 'POINT' },
    { head: 'VM' },
    { head: 'CREATED' },
    { head: 'TYPE' },
    { head: 'CONSISTENCY' },
    { head: 'JOB' },
    { head: 'DEVICE' },
    { head: 'STORED', align: right },
    { head: 'CHAIN', align: right },
    { head: 'PINNED' },
  ];
  const rows = points.map((point) => [
    point.savesetId,
    point.vm,
    formatTime(point.createdAt),
    point.type,
    point.consistency,
    point.job,
    deviceOf(point),
    formatBytes(point.counters.stored),
    point.missing === null ? String(point.chain.length) : 'broken',
    pinText(point),
  ]);
  output.table(columns, rows);
}

function pinText({ pin }: PointSummary): string {
  return pin === null ? NOTHING : pin.note || 'yes';
}

function deviceOf(point: PointSummary): string {
  return point.deviceOnline ? point.device : `${point.device} (offline)`;
}

function showCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'show <point>',
    'Show a restore point: disks, volumes, what was left out and why',
    (command) =>
      pointPositional(command).example('$0 point show 5f3a', 'Four digits are enough where they are unique'),
    (args) =>
      choose(async (session) => {
        const point = await callOnce(session, routes.showPoint, { params: { id: args.point } });
        session.output.result(point, () => writePoint(session, point));
        return EXIT_OK;
      }),
  );
}

function pinCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'pin <point>',
    'Keep a restore point, with the chain below it, whatever retention says',
    (command) =>
      pointPositional(command)
        .option('note', { type: 'string', requiresArg: true, describe: 'Why it is kept' })
        .example('$0 point pin 5f3a --note "before the migration"', 'Pins are kept on the device'),
    (args) =>
      choose(async (session) => {
        const body = args.note === undefined ? {} : { note: args.note };
        const point = await callOnce(session, routes.pinPoint, { params: { id: args.point }, body });
        session.output.result(point, () => session.output.line(`Point ${point.savesetId} is pinned`));
        return EXIT_OK;
      }),
  );
}

function unpinCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'unpin <point>',
    'Leave a restore point to retention again',
    (command) => pointPositional(command).example('$0 point unpin 5f3a', ''),
    (args) =>
      choose(async (session) => {
        const point = await callOnce(session, routes.unpinPoint, { params: { id: args.point } });
        session.output.result(point, () => session.output.line(`Point ${point.savesetId} is not pinned`));
        return EXIT_OK;
      }),
  );
}

function pointPositional<T>(command: Argv<T>) {
  return command.positional('point', {
    type: 'string',
    demandOption: true,
    describe: 'Its id, or the beginning of it',
  });
}

function writePoint(session: Session, point: PointView): void {
  const { output } = session;
  const asked = point.consistency === point.consistencyAsked ? '' : `, asked for ${point.consistencyAsked}`;
  output.fields([
    ['Point', point.savesetId],
    ['VM', `${point.vm} (${point.instanceUuid || 'no instance UUID'}) of server ${point.server}`],
    ['Created', formatTime(point.createdAt)],
    ['Type', point.base === null ? point.type : `${point.type} on ${point.base}`],
    ['Consistency', `${point.consistency}${asked}`],
    ['Job', `${point.job}, run ${point.runId}, task ${point.taskId}`],
    ['Device', deviceOf(point)],
    ['Restore reads', `${plural(point.chain.length, 'saveset')}: ${point.chain.join(', ')}${lackOf(point)}`],
    ['Built on it', plural(point.dependents, 'point')],
    ['Verified', formatTime(point.verifiedAt)],
    ['Pinned', point.pin === null ? 'no' : `${formatTime(point.pin.pinnedAt)} ${point.pin.note}`.trimEnd()],
  ]);
  output.line();
  writeDisks(session, point);
  writeVolumes(session, point);
  for (const disk of point.leftOutDisks)
    output.line(`left out: disk ${disk.key} "${disk.label}": ${disk.reason}`);
  for (const { code, message } of point.warnings) {
    output.line(`warning: ${message} [${code}]`);
    output.line(`  ${errorTable[code].help}`);
  }
}

/** What makes the chain useless. */
function lackOf({ missing }: PointView): string {
  return missing === null ? '' : `; broken: saveset ${missing} is missing`;
}

function writeDisks({ output }: Session, point: PointView): void {
  const columns = [
    { head: 'DISK', align: right },
    { head: 'LABEL' },
    { head: 'TYPE' },
    { head: 'TRANSPORT' },
    { head: 'CAPACITY', align: right },
    { head: 'CHANGED', align: right },
    { head: 'SKIPPED BY ABM', align: right },
    { head: 'READ', align: right },
    { head: 'STORED', align: right },
  ];
  const rows = point.disks.map((disk) => [
    String(disk.key),
    disk.label,
    disk.type,
    disk.transport,
    formatBytes(disk.capacityBytes),
    ...[disk.counters.changed, disk.counters.skipped, disk.counters.read, disk.counters.stored].map(
      formatCount,
    ),
  ]);
  output.table(columns, rows);
  for (const disk of point.disks) {
    if (disk.fallback !== null) output.line(`disk ${disk.key}: ${disk.fallback}`);
  }
}

function writeVolumes({ output }: Session, point: PointView): void {
  const volumes = point.disks.flatMap(({ key, volumes: own }) => own.map((volume) => ({ key, volume })));
  if (volumes.length === 0) return;
  output.line();
  output.table(
    [{ head: 'DISK', align: right }, ...volumeColumns],
    volumes.map(({ key, volume }) => [String(key), ...volumeCells(volume)]),
  );
  for (const { key, volume } of volumes) {
    const place = `disk ${key}, ${volumeName(volume)} at ${formatBytes(volume.startBytes)}`;
    for (const line of keptLines(volume)) output.line(`${place}: ${line}`);
  }
}
