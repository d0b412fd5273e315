/** What the benchmark is told on its command line. */
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

export const CONTEST = [
  'full',
  'incremental',
  'restore',
  'verify',
  'dedup',
  'full-no-abm',
  'https',
  'https-no-abm',
  'restic',
  'borg',
  'ntfsclone',
  'partclone',
  'partclone-zstd',
  'qemu-img',
  'nbdcopy',
  'dd',
] as const;
const SECTIONS = ['streams', 'stages', 'catalog', 'master'] as const;
export type BenchName = (typeof CONTEST)[number] | (typeof SECTIONS)[number];
const NAMES: readonly BenchName[] = [...CONTEST, ...SECTIONS];

export interface BenchOptions {
  readonly sizeGib: number;
  /** Bytes of files that were deleted again, in GiB. */
  readonly deletedGib: number;
  readonly rounds: number;
  readonly only: ReadonlySet<BenchName>;
  readonly json: string;
  readonly keep: boolean;
  readonly work: string;
}

export const HELP = `usage: npm run bench -- [OPTION]…

Measures the built product and what it can be compared with, side by side, on a disk that it makes of this machine's files.

  --size GIB       Size of the disk, 1 to 64 (default 12); a third of it is used by files
  --deleted GIB    Files that were deleted again (default: as much as is used)
  --only NAME…     Only these benchmarks
  --rounds N       How often each backup is measured; the median counts (default 3)
  --json FILE      Where the result goes (default: result.json in the work folder)
  --keep           Leave the last round's files in the work folder; the disk stays in any case
  --work DIR       Work folder, about five times the size (default: blockhouse-bench in ${tmpdir()})
  -h, --help       Show this

Names: ${NAMES.join(', ')}

It needs root, /dev/fuse and ntfs-3g to make the disk. Programs that are missing are named and left out. The exit code is
0 unless a benchmark failed to run: a missed budget is told, it is no failure.
`;

/** @throws Error with what is wrong */
export function readOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      size: { type: 'string', default: '12' },
      deleted: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string', default: '3' },
      json: { type: 'string' },
      keep: { type: 'boolean', default: false },
      work: { type: 'string', default: path.join(tmpdir(), 'blockhouse-bench') },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const sizeGib = numberIn('--size', values.size, { from: 1, to: 64 });
  const third = Math.round((sizeGib / 3) * 100) / 100;
  const work = path.resolve(values.work);
  return {
    sizeGib,
    deletedGib: numberIn('--deleted', values.deleted ?? String(third), { from: 0, to: sizeGib * 0.66 }),
    rounds: numberIn('--rounds', values.rounds, { from: 1, to: 20 }),
    only: namesOf([...values.only, ...positionals]),
    json: path.resolve(values.json ?? path.join(work, 'result.json')),
    keep: values.keep,
    work,
  };
}

function numberIn(option: string, text: string, { from, to }: { from: number; to: number }): number {
  const value = Number(text);
  if (!(value >= from && value <= to)) throw new Error(`Cannot use ${option} "${text}": ${from} to ${to}`);
  return value;
}

/** `--only a b` leaves b as a positional; commas are taken too. */
function namesOf(words: readonly string[]): ReadonlySet<BenchName> {
  const names = words.flatMap((word) => word.split(',')).filter((word) => word !== '');
  const known = names.map((word) => {
    const name = NAMES.find((each) => each === word);
    if (name === undefined)
      throw new Error(`Cannot run "${word}": there is no such benchmark; they are ${NAMES.join(', ')}`);
    return name;
  });
  return new Set(known.length === 0 ? NAMES : known);
}
