/** Medians of the raw samples, by contender. */
import { type BenchResult, type Sample } from './result.ts';

export interface Figures {
  readonly name: string;
  readonly wallSeconds: number;
  readonly flushSeconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  readonly rootPeakBytes: number;
  readonly childPeakBytes: number;
  readonly storedBytes: number;
  readonly counters: Readonly<Record<string, number>>;
  /** Slowest minus fastest round, by the median. */
  readonly spread: number;
}

type Timed = 'wallSeconds' | 'flushSeconds' | 'cpuSeconds' | 'storedBytes';
type Peak = 'peakBytes' | 'rootPeakBytes' | 'childPeakBytes';

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Undefined when it was not measured. */
export function figuresOf(result: BenchResult, name: string): Figures | undefined {
  const samples = result.samples.filter((sample) => sample.name === name);
  const last = samples.at(-1);
  if (last === undefined) return undefined;
  const middle = (key: Timed): number => median(samples.map((sample) => sample[key]));
  const most = (key: Peak): number => Math.max(...samples.map((sample) => sample[key]));
  const wallSeconds = middle('wallSeconds');
  return {
    name,
    wallSeconds,
    flushSeconds: middle('flushSeconds'),
    cpuSeconds: middle('cpuSeconds'),
    storedBytes: middle('storedBytes'),
    peakBytes: most('peakBytes'),
    rootPeakBytes: most('rootPeakBytes'),
    childPeakBytes: most('childPeakBytes'),
    counters: last.counters,
    spread: spreadOf(samples) / wallSeconds,
  };
}

function spreadOf(samples: readonly Sample[]): number {
  const times = samples.map(({ wallSeconds }) => wallSeconds);
  return Math.max(...times) - Math.min(...times);
}
