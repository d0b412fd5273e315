/** A result as tables: the same rows for the screen and for Markdown. */
import { judge, SMALLEST_BYTES } from './budgets.ts';
import { type Figures, figuresOf } from './figures.ts';
import { type BenchResult } from './result.ts';

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly notes: readonly string[];
}

const GiB = 2 ** 30;
const MiB = 2 ** 20;

export const BACKUPS: readonly (readonly [name: string, title: string])[] = [
  ['full', 'Blockhouse, ABM, file'],
  ['https', 'Blockhouse, ABM, https'],
  ['full-no-abm', 'Blockhouse, no ABM, file'],
  ['https-no-abm', 'Blockhouse, no ABM, https'],
  ['ntfsclone', 'ntfsclone'],
  ['partclone', 'partclone.ntfs'],
  ['partclone-zstd', 'partclone.ntfs, zstd -1 -T2'],
  ['borg', 'borg, zstd 1'],
  ['restic', 'restic'],
  ['qemu-img', 'qemu-img convert -c, zstd'],
  ['nbdcopy', 'nbdcopy from nbdkit'],
  ['dd', 'dd, synced'],
];

const FOLLOWING: readonly (readonly [name: string, title: string])[] = [
  ['incremental-1', 'incremental, 1 % changed'],
  ['incremental-10', 'incremental, 10 % changed'],
  ['dedup', 'full of a second VM with the same disk'],
  ['verify', 'verify'],
  ['restore', 'restore to a raw file'],
  ['borg-restore', 'borg extract'],
  ['restic-restore', 'restic restore'],
];

const STREAMS: readonly (readonly [name: string, title: string])[] = [1, 2, 4].flatMap((count) => [
  [`one-thread-streams-${count}`, `${count} × one thread`] as const,
  [`streams-${count}`, `${count}, sharing the processors`] as const,
]);

export function tablesOf(result: BenchResult): Table[] {
  const tables = [
    contest(result),
    following(result),
    streams(result),
    stages(result),
    catalog(result),
    master(result),
    verdicts(result),
    failures(result),
  ];
  return tables.filter(({ rows, notes }) => rows.length > 0 || notes.length > 0);
}

function measured(
  result: BenchResult,
  names: readonly (readonly [string, string])[],
): { title: string; found: Figures }[] {
  return names.flatMap(([name, title]) => {
    const found = figuresOf(result, name);
    return found === undefined ? [] : [{ title, found }];
  });
}

const seconds = (value: number): string => value.toFixed(value < 10 ? 2 : 1);
const gib = (bytes: number): string => (bytes === 0 ? '' : (bytes / GiB).toFixed(2));
const mib = (bytes: number): string => (bytes / MiB).toFixed(0);
const times = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(2)}×` : '');

function contest(result: BenchResult): Table {
  const ours = figuresOf(result, 'full');
  const usedGib = (result.disk?.usedBytes ?? NaN) / GiB;
  const rows = measured(result, BACKUPS).map(({ title, found }) => [
    title,
    seconds(found.wallSeconds),
    `${(found.spread * 100).toFixed(0)} %`,
    seconds(found.flushSeconds),
    seconds(found.cpuSeconds),
    seconds(found.cpuSeconds / usedGib),
    mib(found.peakBytes),
    gib(found.storedBytes),
    times(found.wallSeconds / (ours?.wallSeconds ?? NaN)),
  ]);
  const missing = Object.entries(result.peers).filter(([, version]) => version === null);
  return {
    title: 'Full backup',
    columns: [
      '',
      'wall s',
      'spread',
      'then sync s',
      'CPU s',
      'CPU s/used GiB',
      'memory MiB',
      'stored GiB',
      'full is faster',
    ],
    rows,
    notes: missing.map(([name]) => `${name}: not installed`),
  };
}

function following(result: BenchResult): Table {
  const rows = measured(result, FOLLOWING).map(({ title, found }) => {
    const { read, changed = 0, skipped = 0 } = found.name.startsWith('incremental') ? found.counters : {};
    return [
      title,
      seconds(found.wallSeconds),
      seconds(found.cpuSeconds),
      mib(found.peakBytes),
      found.storedBytes === 0 ? '' : mib(found.storedBytes),
      read === undefined ? '' : mib(changed - skipped),
      read === undefined ? '' : mib(read),
    ];
  });
  const columns = ['', 'wall s', 'CPU s', 'memory MiB', 'stored MiB', 'changed, in use MiB', 'read MiB'];
  return { title: 'What follows a full', columns, rows, notes: [] };
}

function streams(result: BenchResult): Table {
  const rows = measured(result, STREAMS).map(({ title, found }) => {
    const kind = found.name.replace(/\d+$/, '1');
    const one = figuresOf(result, kind)?.wallSeconds ?? NaN;
    return [
      title,
      seconds(found.wallSeconds),
      seconds(found.cpuSeconds),
      mib(found.peakBytes),
      times(one / found.wallSeconds),
    ];
  });
  const columns = ['streams', 'wall s', 'CPU s', 'memory MiB', 'as fast as one'];
  return { title: 'Streams: four VMs, a quarter of the disk each, no ABM', columns, rows, notes: [] };
}

function stages(result: BenchResult): Table {
  const rows = result.stages.map(({ stage, how, megabytesPerSecond, ratio }) => [
    stage,
    how,
    megabytesPerSecond.toFixed(0),
    ratio === null ? '' : ratio.toFixed(2),
  ]);
  return { title: 'Stages, one thread', columns: ['stage', 'how', 'MB/s of CPU', 'ratio'], rows, notes: [] };
}

function catalog({ catalog: found }: BenchResult): Table {
  const rows = (found?.queries ?? []).map(({ query, medianMs, p99Ms, maxMs }) => [
    query,
    ...[medianMs, p99Ms, maxMs].map((ms) => ms.toFixed(2)),
  ]);
  const notes =
    found === null
      ? []
      : [
          `${found.vms.toLocaleString('en')} VMs, ${found.points.toLocaleString('en')} points, ` +
            `${gib(found.fileBytes)} GiB, filled with ${found.fillPerSecond.toFixed(0)} points a second`,
        ];
  return { title: 'Catalog', columns: ['query', 'median ms', '99 of 100 ms', 'longest ms'], rows, notes };
}

function master({ master: found }: BenchResult): Table {
  const rows = (found?.runs ?? []).map((run) => [
    run.watched ? 'watched' : 'alone',
    run.cpuMsPerTask.toFixed(2),
    seconds(run.wallSeconds),
    mib(run.peakRssBytes),
    run.longestStallMs.toFixed(0),
  ]);
  const title =
    found === null ? 'Master' : `Master: ${found.tasks.toLocaleString('en')} VMs, ${found.streams} streams`;
  return { title, columns: ['', 'CPU ms/task', 'wall s', 'memory MiB', 'longest stall ms'], rows, notes: [] };
}

function verdicts(result: BenchResult): Table {
  const rows = judge(result).map(({ area, budget, measured: value, passes }) => [
    area,
    budget,
    value,
    passes ? 'PASS' : 'MISS',
  ]);
  const isSmall = result.disk !== null && result.disk.capacityBytes < SMALLEST_BYTES;
  const note =
    'The disk is smaller than 8 GiB, for which the budgets are meant: fixed costs weigh more here.';
  return {
    title: 'Budgets',
    columns: ['area', 'budget', 'measured', ''],
    rows,
    notes: isSmall ? [note] : [],
  };
}

function failures({ failures: found }: BenchResult): Table {
  const rows = found.map(({ name, reason }) => [name, reason.split('\n')[0] ?? '']);
  return { title: 'Failed to run', columns: ['benchmark', 'reason'], rows, notes: [] };
}

/** For a screen: columns lined up, numbers to the right. */
export function asText(table: Table): string {
  const all = [table.columns, ...table.rows];
  const widths = table.columns.map((_, at) => Math.max(...all.map((row) => (row[at] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => (isFigure(cell) ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  const body = table.rows.length === 0 ? [] : [line(table.columns), rule, ...table.rows.map(line)];
  return [`\n${table.title}\n`, ...body, ...table.notes].join('\n');
}

const isFigure = (cell: string): boolean => /^[\d.]+( %|×)?$/.test(cell);

export function asMarkdown(table: Table): string {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  const sides = table.columns.map((_, at) =>
    table.rows.every((row) => isFigure(row[at] ?? '') || row[at] === '') ? '--:' : '---',
  );
  const body = table.rows.length === 0 ? [] : [line(table.columns), line(sides), ...table.rows.map(line)];
  return [`### ${table.title}`, body.join('\n'), ...table.notes].filter((part) => part !== '').join('\n\n');
}
