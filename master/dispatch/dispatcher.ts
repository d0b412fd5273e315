/**
 * The dispatcher: queued tasks → streams → workers → outcomes. Its one rule of order: a stream is lent, then a worker is
 * started and opens it, then a task is bound to it. A task that waits holds nothing: no stream, no worker, no snapshot.
 *
 *   lending.ts         lends free streams to the runs whose turn it is, and starts a worker for each
 *   task-boundary.ts   a worker stands at a task boundary: it gets the run's next task and keeps its stream, or goes home
 *   attempts.ts        what a worker says; an attempt has ended: done, or back in the queue; a worker has gone
 *   floor.ts           what these share
 *
 * This is the side to the services: runs come in and are ended, and what goes on is told.
 */
import { AppError } from '../../shared/base/errors.ts';
import { type Admission } from '../registry/admission.ts';
import { type RunStop } from './active-run.ts';
import { Alarm } from './alarm.ts';
import { answerWorker, noteProgress, workerGone } from './attempts.ts';
import { Background } from './background.ts';
import { streamsOf } from './claims.ts';
import { type DispatcherOptions, type Floor, isLive, slotsOf } from './floor.ts';
import { lendRound } from './lending.ts';
import { ProgressTracker } from './progress-tracker.ts';
import { Revisions } from './revisions.ts';
import { RunBook } from './run-book.ts';
import { admissionOf, whyWaiting } from './run-state.ts';
import { type Slot } from './slot.ts';
import { nextTask, openFailed, opened, stopSlot } from './task-boundary.ts';
import { VmGuard } from './vm-guard.ts';
import { type LinkEvents } from './worker-link.ts';

export class Dispatcher {
  readonly revisions = new Revisions();
  readonly progress = new ProgressTracker();
  readonly #floor: Floor;
  readonly #alarm: Alarm;

  constructor(options: DispatcherOptions) {
    const { catalog, clock, log, config, cleanVm } = options;
    const slots = new Set<Slot>();
    this.#alarm = new Alarm(clock);
    this.#floor = {
      options,
      runs: new RunBook(catalog, clock, this.revisions),
      guard: new VmGuard({
        ledger: catalog.ledger,
        isLive: (token) => isLive(slots, token),
        clean: cleanVm,
        clock,
        limits: config,
      }),
      slots,
      progress: this.progress,
      background: new Background(log),
      isStopped: false,
      pump: () => this.#pump(),
    };
  }

  /** Takes up a run that is in the catalog. @throws AppError `SERVICE_STOPPING` */
  add(runId: number, deviceIds: readonly string[]): void {
    if (this.#floor.isStopped) throw new AppError('SERVICE_STOPPING', `Cannot begin run ${runId}`);
    this.#floor.runs.begin(runId, deviceIds);
    this.#pump();
  }

  /** Ends a run early: what waits ends now, what runs is asked to stop. */
  stopRun(runId: number, stop: RunStop): void {
    const floor = this.#floor;
    const run = floor.runs.get(runId);
    if (run === undefined || run.stop !== undefined) return;
    run.stop = stop;
    for (const slot of slotsOf(floor, run)) stopSlot(floor, slot, stop);
    floor.runs.endQueued(run, run.queue, stop);
    this.#pump();
  }

  /** True while the attempt under this token may use its snapshot. */
  isLive(token: number): boolean {
    return isLive(this.#floor.slots, token);
  }

  get activeRuns(): number {
    return this.#floor.runs.all().length;
  }

  isActive(runId: number): boolean {
    return this.#floor.runs.get(runId) !== undefined;
  }

  /** How many streams the run may use now and why, and how many it holds; undefined when it is not active. */
  streams(runId: number): (Admission & { readonly inUse: number }) | undefined {
    const { runs, options, slots } = this.#floor;
    const run = runs.get(runId);
    return run && { ...admissionOf(options, run), inUse: streamsOf(run, [...slots]) };
  }

  /** Who waits for a stream of the device. */
  waiting(deviceId: string): readonly { runId: number; job: string | null; tasks: number }[] {
    return this.#floor.runs
      .all()
      .filter((run) => run.devices.has(deviceId) && run.queue.length > 0)
      .map((run) => ({ runId: run.runId, job: run.record.job?.name ?? null, tasks: run.queue.length }));
  }

  /** Why the task does not run; null when it is not queued. */
  waitsFor(runId: number, taskId: number): string | null {
    const { runs, options, guard, slots } = this.#floor;
    const run = runs.get(runId);
    const task = run?.queue.find((candidate) => candidate.taskId === taskId);
    if (run === undefined || task === undefined) return null;
    const starting = slotsOf(this.#floor, run).filter(({ state }) => state === 'starting').length;
    return whyWaiting(options, run, task, { guard, inUse: streamsOf(run, [...slots]), starting });
  }

  /** No new work; every run ends with `stop`. Resolves when the workers have gone, at the latest after `withinMs`. */
  async stop(stop: RunStop, withinMs: number): Promise<void> {
    const { options, runs, slots, background } = this.#floor;
    const { clock } = options;
    this.#floor.isStopped = true;
    this.#alarm.stop();
    for (const run of runs.all()) this.stopRun(run.runId, stop);
    const deadline = clock.monotonicMs() + withinMs;
    while (slots.size > 0 && clock.monotonicMs() < deadline) await clock.sleep(20);
    for (const slot of slots) slot.link.kill(stop.error);
    while (slots.size > 0) await clock.sleep(20);
    await background.settle(clock, withinMs);
  }

  #pump(): void {
    const floor = this.#floor;
    if (floor.isStopped) return;
    lendRound(floor, (slot) => this.#listen(slot));
    this.#alarm.set(floor.runs.all(), () => this.#pump());
  }

  #listen(slot: () => Slot): LinkEvents {
    const floor = this.#floor;
    return {
      opened: () => opened(floor, slot()),
      openFailed: (error) => openFailed(slot(), error),
      request: (request) => answerWorker(floor, slot(), request),
      settled: () => nextTask(floor, slot()),
      progress: (taskId, token, progress) => noteProgress(floor, slot(), { taskId, token }, progress),
      gone: (error) => floor.background.track(workerGone(floor, slot(), error)),
    };
  }
}
