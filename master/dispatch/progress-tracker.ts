/** How fast a task goes: its last reports in a sliding window. Lossy like the reports themselves. */
import { type TaskProgress } from '../../shared/contract/ipc.ts';

export interface TrackedProgress extends TaskProgress {
  readonly bytesPerSecond: number;
  readonly etaMs: number | null;
}

interface Sample {
  readonly atMs: number;
  readonly doneBytes: number;
}

const WINDOW_MS = 10_000;
const MAX_SAMPLES = 64;

export class ProgressTracker {
  readonly #tasks = new Map<number, { readonly last: TaskProgress; readonly samples: readonly Sample[] }>();

  /** `atMs` by a clock that never goes back. A new phase or a count that went down starts a new window. */
  report(taskId: number, progress: TaskProgress, atMs: number): void {
    const before = this.#tasks.get(taskId);
    const goesOn = before?.last.phase === progress.phase && before.last.doneBytes <= progress.doneBytes;
    const kept = goesOn ? before.samples.filter((sample) => atMs - sample.atMs <= WINDOW_MS) : [];
    const samples = [...kept.slice(1 - MAX_SAMPLES), { atMs, doneBytes: progress.doneBytes }];
    this.#tasks.set(taskId, { last: progress, samples });
  }

  forget(taskId: number): void {
    this.#tasks.delete(taskId);
  }

  view(taskId: number): TrackedProgress | undefined {
    const task = this.#tasks.get(taskId);
    if (task === undefined) return undefined;
    const bytesPerSecond = rateOf(task.samples);
    const leftBytes = Math.max(0, task.last.totalBytes - task.last.doneBytes);
    const etaMs = bytesPerSecond === 0 ? null : Math.round((leftBytes / bytesPerSecond) * 1000);
    return { ...task.last, bytesPerSecond, etaMs };
  }
}

function rateOf(samples: readonly Sample[]): number {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
  return Math.round(((last.doneBytes - first.doneBytes) * 1000) / (last.atMs - first.atMs));
}
