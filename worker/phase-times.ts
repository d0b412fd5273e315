/** Where the time of a task went. One phase runs at a time. */
import { type Clock } from '../shared/base/clock.ts';
import { type Phase, type PhaseTimes } from '../shared/domain/task.ts';

export class PhaseWatch {
  readonly #clock: Clock;
  readonly #times: Partial<Record<Phase, number>> = {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `work` and adds its time to `phase`, also when it fails. */
  async during<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    const begunMs = this.#clock.monotonicMs();
    try {
      return await work();
    } finally {
      this.add(phase, this.#clock.monotonicMs() - begunMs);
    }
  }

  add(phase: Phase, ms: number): void {
    this.#times[phase] = (this.#times[phase] ?? 0) + Math.max(0, ms);
  }

  /** Moves time that was measured as one phase but spent on another. */
  move(from: Phase, to: Phase, ms: number): void {
    const moved = Math.min(ms, this.#times[from] ?? 0);
    this.add(to, moved);
    this.#times[from] = (this.#times[from] ?? 0) - moved;
  }

  get times(): PhaseTimes {
    const rounded = Object.entries(this.#times).map(([phase, ms]) => [phase, Math.round(ms)]);
    return Object.fromEntries(rounded) as PhaseTimes;
  }
}
