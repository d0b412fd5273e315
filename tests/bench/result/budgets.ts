/**
 * The budgets, judged from a result. Speeds are ratios of wall times of one run, until the program ends; the others are not charged
 * for what they left in the page cache. A budget whose parts were not measured gives no verdict.
 */
import { figuresOf, type Figures } from './figures.ts';
import { type BenchResult } from './result.ts';

export interface Verdict {
  readonly area: string;
  readonly budget: string;
  readonly measured: string;
  readonly passes: boolean;
}

const GiB = 2 ** 30;
const MiB = 2 ** 20;
/** The smallest disk that the budgets are meant for. */
export const SMALLEST_BYTES = 8 * GiB;

const FASTER: readonly (readonly [ours: string, than: string, times: number])[] = [
  ['full', 'ntfsclone', 1.5],
  ['full', 'partclone', 2],
  ['full', 'partclone-zstd', 3],
  ['full', 'borg', 4],
  ['full', 'restic', 7],
  ['full-no-abm', 'borg', 1.5],
  ['full-no-abm', 'restic', 4],
  ['restore', 'restic-restore', 3],
  ['restore', 'borg-restore', 3],
];

const COMPRESSING = ['partclone-zstd', 'borg', 'restic', 'qemu-img'];
const STREAM_SHARE = 0.85;
const QUERY_MS = 20;
const MASTER_MS = 2;

export function judge(result: BenchResult): Verdict[] {
  return [
    ...speeds(result),
    ...storage(result),
    ...cpu(result),
    ...increments(result),
    ...reading(result),
    ...memory(result),
    ...streams(result),
    ...catalog(result),
    ...master(result),
  ];
}

type Pair = readonly [Figures, Figures];

/** The figures of two contenders, where both were measured. */
function pair(result: BenchResult, one: string, other: string): Pair[] {
  const [a, b] = [figuresOf(result, one), figuresOf(result, other)];
  return a === undefined || b === undefined ? [] : [[a, b]];
}

function speeds(result: BenchResult): Verdict[] {
  return FASTER.flatMap(([ours, than, times]) =>
    pair(result, ours, than).map(([a, b]) => {
      const ratio = b.wallSeconds / a.wallSeconds;
      const budget = `${ours} at least ${times} times as fast as ${than}`;
      return { area: 'speed', budget, measured: `${ratio.toFixed(2)} times`, passes: ratio >= times };
    }),
  );
}

function storage(result: BenchResult): Verdict[] {
  return pair(result, 'full', 'partclone-zstd').map(([a, b]) => ({
    area: 'storage',
    budget: 'full stores no more than partclone-zstd',
    measured: `${gib(a.storedBytes)}, ${gib(b.storedBytes)}`,
    passes: a.storedBytes <= b.storedBytes,
  }));
}

function cpu(result: BenchResult): Verdict[] {
  const usedGib = (result.disk?.usedBytes ?? NaN) / GiB;
  const rows: readonly (readonly [string, string])[] = [
    ...COMPRESSING.map((name) => ['full', name] as const),
    ['full-no-abm', 'borg'],
  ];
  return rows.flatMap(([ours, than]) =>
    pair(result, ours, than).map(([a, b]) => ({
      area: 'CPU',
      budget: `${ours} takes less CPU per used GiB than ${than}`,
      measured: `${(a.cpuSeconds / usedGib).toFixed(1)} s, ${(b.cpuSeconds / usedGib).toFixed(1)} s`,
      passes: a.cpuSeconds < b.cpuSeconds,
    })),
  );
}

function increments(result: BenchResult): Verdict[] {
  return pair(result, 'incremental-1', 'full').flatMap(([increment, full]) => {
    const limit = full.wallSeconds * 0.05 + 1;
    const { changed = 0, skipped = 0, read = 0 } = increment.counters;
    const inUse = changed - skipped;
    return [
      {
        area: 'incremental',
        budget: '1 % changed: at most 5 % of the time of a full, and 1 s',
        measured: `${increment.wallSeconds.toFixed(2)} s of ${limit.toFixed(2)} s`,
        passes: increment.wallSeconds <= limit,
      },
      {
        area: 'incremental',
        budget: '1 % changed: reads at most 1.1 times what changed and is in use',
        measured: `${mib(read)} of ${mib(inUse)}`,
        passes: read <= inUse * 1.1,
      },
    ];
  });
}

function reading(result: BenchResult): Verdict[] {
  const rate = pair(result, 'restore', 'full').map(([restore, full]) => ({
    area: 'restore',
    budget: 'at least the rate of the full',
    measured: `${restore.wallSeconds.toFixed(1)} s, ${full.wallSeconds.toFixed(1)} s`,
    passes: restore.wallSeconds <= full.wallSeconds,
  }));
  const verify = figuresOf(result, 'verify');
  if (verify === undefined || result.disk === null) return rate;
  const perPair = result.disk.usedBytes / verify.wallSeconds / (result.machine.cores / 2);
  const measured = `${(perPair / 1e9).toFixed(2)} GB/s`;
  const budget = 'at least 1 GB/s of plain bytes per pair of cores';
  return [...rate, { area: 'verify', budget, measured, passes: perPair >= 1e9 }];
}

const OURS = /^(full|https|incremental|restore$|verify|dedup)/;

function memory(result: BenchResult): Verdict[] {
  const samples = result.samples.filter(({ name }) => OURS.test(name));
  if (samples.length === 0) return [];
  const worker = Math.max(...samples.map((sample) => sample.childPeakBytes));
  const master = Math.max(...samples.map((sample) => sample.rootPeakBytes));
  const row = (what: string, bytes: number, limitMib: number): Verdict => ({
    area: 'memory',
    budget: `${what} at most ${limitMib} MiB`,
    measured: mib(bytes),
    passes: bytes <= limitMib * MiB,
  });
  return [row('a worker', worker, 300), row('the master', master, 200)];
}

function streams(result: BenchResult): Verdict[] {
  const counts = [2, 4].filter((count) => count <= result.machine.cores);
  return counts.flatMap((count) =>
    pair(result, 'one-thread-streams-1', `one-thread-streams-${count}`).map(([one, many]) => {
      const ratio = one.wallSeconds / many.wallSeconds;
      const budget = `${count} streams at least ${(STREAM_SHARE * count).toFixed(2)} times as fast as one`;
      return {
        area: 'streams',
        budget,
        measured: `${ratio.toFixed(2)} times`,
        passes: ratio >= STREAM_SHARE * count,
      };
    }),
  );
}

function catalog({ catalog: found }: BenchResult): Verdict[] {
  if (found === null) return [];
  const worst = found.queries.toSorted((a, b) => b.p99Ms - a.p99Ms)[0];
  if (worst === undefined) return [];
  const budget = `every query at most ${QUERY_MS} ms, ${found.points.toLocaleString('en')} points`;
  const measured = `${worst.p99Ms.toFixed(1)} ms (99 of 100), ${worst.query}`;
  return [{ area: 'catalog', budget, measured, passes: worst.p99Ms <= QUERY_MS }];
}

function master({ master: found }: BenchResult): Verdict[] {
  return (found?.runs ?? []).map(({ watched, cpuMsPerTask }) => ({
    area: 'master',
    budget: `at most ${MASTER_MS} ms of CPU per task${watched ? ', with somebody looking on' : ''}`,
    measured: `${cpuMsPerTask.toFixed(2)} ms`,
    passes: cpuMsPerTask <= MASTER_MS,
  }));
}

const gib = (bytes: number): string => `${(bytes / GiB).toFixed(2)} GiB`;
const mib = (bytes: number): string => `${(bytes / MiB).toFixed(0)} MiB`;
