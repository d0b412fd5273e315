/** The active runs and what is written of them into the catalog: begun, warned, ended. */
import { type Clock, isoTime } from '../../shared/base/clock.ts';
import { type AppError } from '../../shared/base/errors.ts';
import { invariant } from '../../shared/base/assert.ts';
import { toWireError } from '../../shared/contract/wire-error.ts';
import { type Outcome, type RunOutcome, noBytes, runOutcome } from '../../shared/domain/task.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type Admission } from '../registry/admission.ts';
import { type ActiveRun, type QueuedTask, type RunStop, activateRun } from './active-run.ts';
import { type Revisions } from './revisions.ts';

export class RunBook {
  readonly #catalog: Catalog;
  readonly #clock: Clock;
  readonly #revisions: Revisions;
  readonly #runs = new Map<number, ActiveRun>();

  constructor(catalog: Catalog, clock: Clock, revisions: Revisions) {
    this.#catalog = catalog;
    this.#clock = clock;
    this.#revisions = revisions;
  }

  get(runId: number): ActiveRun | undefined {
    return this.#runs.get(runId);
  }

  all(): readonly ActiveRun[] {
    return [...this.#runs.values()];
  }

  /** Takes up a run that is in the catalog with its tasks. */
  begin(runId: number, deviceIds: readonly string[]): ActiveRun {
    const record = this.#catalog.runs.get(runId);
    invariant(record !== undefined, 'a run is in the catalog before it begins', { runId });
    const run = activateRun(record, this.#catalog.tasks.ofRun(runId), deviceIds);
    this.#runs.set(runId, run);
    this.#revisions.begin(runId);
    this.#finishWhenDone(run);
    return run;
  }

  /** Ends tasks that no worker has. */
  endQueued(run: ActiveRun, tasks: readonly QueuedTask[], stop: RunStop): void {
    const finishedAt = isoTime(this.#clock.nowMs());
    const ended = { warnings: [], counters: noBytes, phases: {}, finishedAt };
    const error = toWireError(stop.error);
    this.#catalog.transact(() => {
      for (const task of tasks)
        this.#catalog.tasks.end(task.taskId, { ...ended, outcome: stop.outcome, error });
    });
    run.queue = run.queue.filter((task) => !tasks.includes(task));
    run.tasksLeft -= tasks.length;
    this.changed(run);
    this.#finishWhenDone(run);
  }

  /** A task has ended, and the catalog says so. */
  taskEnded(run: ActiveRun): void {
    run.tasksLeft--;
    this.changed(run);
    this.#finishWhenDone(run);
  }

  /** Says it once per run and text. */
  warn(run: ActiveRun, error: AppError): void {
    const warning = { code: error.code, message: error.message };
    if (run.warnings.some((known) => known.message === warning.message)) return;
    run.warnings = [...run.warnings, warning];
    this.#catalog.runs.setWarnings(run.runId, run.warnings);
  }

  /** Keeps the most streams that a run could use, for the time when it is over. */
  noteStreams(run: ActiveRun, admission: Admission): void {
    if (admission.effective <= run.streams) return;
    run.streams = admission.effective;
    this.#catalog.runs.setStreams(run.runId, admission.effective, admission.why);
  }

  changed(run: ActiveRun): void {
    this.#revisions.bump(run.runId);
  }

  #finishWhenDone(run: ActiveRun): void {
    if (run.tasksLeft > 0 || !this.#runs.has(run.runId)) return;
    const tasks = this.#catalog.tasks.ofRun(run.runId);
    const outcome = outcomeOf(
      tasks.map((task) => task.outcome ?? 'failed'),
      run.warnings.length > 0,
    );
    const revision = (this.#revisions.current(run.runId) ?? 1) + 1;
    this.#catalog.runs.finish(run.runId, outcome, isoTime(this.#clock.nowMs()), revision);
    this.#runs.delete(run.runId);
    this.#revisions.end(run.runId);
  }
}

/** The outcome of a run from its tasks; a warning of the run itself counts like one of a task. */
export function outcomeOf(tasks: readonly Outcome[], warned: boolean): RunOutcome {
  const outcome = runOutcome(tasks);
  return outcome === 'ok' && warned ? 'warning' : outcome;
}
