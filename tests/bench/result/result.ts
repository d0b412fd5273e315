/** The result of a benchmark run, as it lies in the JSON file: raw measurements; tables and verdicts are made of it later. */
import { type CacheWay } from '../measure/page-cache.ts';
import { type Measured } from '../measure/measure.ts';
import { type BenchDisk } from '../prepare-disk.ts';

export const FORMAT = 'blockhouse-bench';

/** One measurement of one contender. */
export interface Sample extends Measured {
  readonly name: string;
  readonly round: number;
  /** What the store grew by; zero where nothing is stored. */
  readonly storedBytes: number;
  /** What the product counted: bytes that changed, were read, and so on. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface StageRow {
  readonly stage: string;
  readonly how: string;
  /** Of plain bytes, by CPU time of one thread. */
  readonly megabytesPerSecond: number;
  /** Plain by packed, where it packs. */
  readonly ratio: number | null;
}

export interface QueryRow {
  readonly query: string;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface CatalogResult {
  readonly vms: number;
  readonly points: number;
  readonly fillPerSecond: number;
  readonly fileBytes: number;
  readonly queries: readonly QueryRow[];
}

export interface MasterResult {
  readonly tasks: number;
  readonly streams: number;
  /** Without anybody who looks on, and with `blockhouse run watch`. */
  readonly runs: readonly {
    readonly watched: boolean;
    readonly cpuMsPerTask: number;
    readonly wallSeconds: number;
    readonly peakRssBytes: number;
    readonly longestStallMs: number;
  }[];
}

export interface BenchResult {
  readonly format: typeof FORMAT;
  readonly version: 1;
  readonly startedAt: string;
  readonly tookSeconds: number;
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly kernel: string;
    readonly node: string;
    readonly loadBefore: number;
  };
  readonly product: string;
  readonly cache: CacheWay;
  readonly rounds: number;
  readonly disk: BenchDisk | null;
  /** Version by name; null: not installed. */
  readonly peers: Readonly<Record<string, string | null>>;
  readonly samples: readonly Sample[];
  readonly stages: readonly StageRow[];
  readonly catalog: CatalogResult | null;
  readonly master: MasterResult | null;
  /** Benchmarks that failed to run, and why. */
  readonly failures: readonly { readonly name: string; readonly reason: string }[];
}
