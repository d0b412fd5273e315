/** How much a run read, held against what it had to read. */
import { type PointSummary } from '../../shared/contract/api.ts';
import { type BackedUp, chainOfRuns, pointOfRun, type Stage } from './back-up.ts';
import { say } from './checks.ts';
import { bytesOf, inEither, nonZeroBytes } from './sectors.ts';

/** Reads may join pieces that lie close together. */
const MAX_OVERHEAD = 1.1;
const SLACK_BYTES = 64 * 1024;

/** Of a point that reads nothing, nothing more is asked. */
const NOTHING_READ = { changed: 0, read: 0, stored: 0, skipped: 0 };

const HEADS = ['VM', 'disk', 'changed', 'of it in use', 'became used', 'read', 'stored', 'skipped'];

/** A table with a line per disk, and a check over all. */
export async function checkReads(stage: Stage, { run, points }: BackedUp): Promise<void> {
  const { shell, disks, checks } = stage;
  const known = await shell.ask<PointSummary[]>(['point', 'list', '--limit', '200']);
  const rows: string[][] = [];
  const failures: string[] = [];
  for (const guest of disks) {
    const point = pointOfRun(known, { vm: guest.vm, run });
    const disk = points
      .find(({ savesetId }) => savesetId === point.savesetId)
      ?.disks.find(({ key }) => key === guest.key);
    const { changedInUse, becameUsed } = guest.expected(chainOfRuns(stage, known, point.savesetId));
    const wanted = inEither(changedInUse, becameUsed);
    const atMost = bytesOf(wanted) * MAX_OVERHEAD + SLACK_BYTES;
    const atLeast = nonZeroBytes(wanted, await guest.truth(run));
    const { changed, read, stored, skipped } = disk?.counters ?? NOTHING_READ;
    if (read > atMost || read < atLeast)
      failures.push(`${guest.name}: ${kib(read)} KiB, not within ${kib(atLeast)} and ${kib(atMost)}`);
    if (disk !== undefined && disk.fallback !== null)
      failures.push(`${guest.name} fell back: ${disk.fallback}`);
    const figures = [changed, bytesOf(changedInUse), bytesOf(becameUsed), read, stored, skipped];
    rows.push([guest.vm, String(guest.key), ...figures.map(kib)]);
  }
  say();
  say(
    'By "point show"; "of it in use" and "became used" by the simulator and the file-system tools, in KiB:',
  );
  table([HEADS, ...rows]);
  checks.that(
    failures.length === 0,
    'read was what changed and is in use, and what became used',
    failures.join('; '),
  );
  if (run === 2) checkLate(stage, points);
}

/** Content first, metadata later: change tracking does not list what became used. */
function checkLate({ disks, checks }: Stage, points: BackedUp['points']): void {
  const late = disks.find((disk) => disk.vm === 'late01')!;
  const read = points.find(({ vm }) => vm === 'late01')?.disks[0]?.counters.read ?? 0;
  const { becameUsed } = late.expected([1, 2]);
  const seen = `${kib(read)} KiB read, of them ${kib(bytesOf(becameUsed))} that became used`;
  const isLateFile = bytesOf(becameUsed) >= late.fixture.lateFile!.lengthBytes;
  checks.that(
    isLateFile && read >= bytesOf(becameUsed),
    'late01: unchanged clusters that became used are read',
    seen,
  );
}

function kib(bytes: number): string {
  return String(Math.round(bytes / 1024));
}

function table(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) {
    const cells = row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)));
    say(`  ${cells.join('   ')}`);
  }
}
