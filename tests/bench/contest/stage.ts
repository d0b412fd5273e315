/** What the contenders of a contest share: the disk, the folders, and where measurements go. */
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type CacheWay, emptyCache } from '../measure/page-cache.ts';
import { type Measured } from '../measure/measure.ts';
import { type BenchOptions } from '../options.ts';
import { type DiskFiles } from '../prepare-disk.ts';
import { say } from '../progress.ts';
import { type Sample } from '../result/result.ts';

interface Extra {
  readonly storedBytes?: number;
  readonly counters?: Readonly<Record<string, number>>;
}

export class Stage {
  readonly options: BenchOptions;
  readonly files: DiskFiles;
  readonly samples: Sample[] = [];
  readonly failures: { name: string; reason: string }[] = [];
  round = 0;
  cache: CacheWay = 'posix_fadvise';

  constructor(options: BenchOptions, files: DiskFiles) {
    this.options = options;
    this.files = files;
  }

  folder(name: string): string {
    return path.join(this.options.work, name);
  }

  async freshFolder(name: string): Promise<string> {
    const folder = this.folder(name);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    return folder;
  }

  /** Removes what is not needed any more; the last round's stays with --keep. */
  async dropFolder(name: string): Promise<void> {
    if (this.options.keep && this.round === this.options.rounds - 1) return;
    await rm(this.folder(name), { recursive: true, force: true });
  }

  /** So that the disk, and what lies in these places, is read from the disk. */
  emptyCache(...places: readonly string[]): void {
    this.cache = emptyCache([this.files.image, this.files.volume, ...places]);
  }

  keep(name: string, measured: Measured, { storedBytes = 0, counters = {} }: Extra = {}): void {
    const { wallSeconds, flushSeconds, cpuSeconds, peakBytes, rootPeakBytes, childPeakBytes } = measured;
    const figures = { wallSeconds, flushSeconds, cpuSeconds, peakBytes, rootPeakBytes, childPeakBytes };
    this.samples.push({ name, round: this.round, ...figures, storedBytes, counters });
    const stored = storedBytes === 0 ? '' : `, ${(storedBytes / 2 ** 30).toFixed(2)} GiB stored`;
    say(`${name}: ${wallSeconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of CPU${stored}`);
  }

  /** A benchmark that fails is told; the others go on. */
  async attempt(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.failures.push({ name, reason });
      say(`${name}: FAILED: ${reason}`);
    }
  }
}
