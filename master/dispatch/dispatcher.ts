/**
 * The dispatcher: queued tasks → streams → workers → outcomes. Its one rule of order: a stream is lent, then a worker is
 * started and opens it, then a task is bound to it. A task that waits holds nothing: no stream, no worker, no snapshot.
 *
 *   pump      lends free streams to the runs whose turn it is (fair-share.ts), and starts a worker for each
 *   next      a worker stands at a task boundary: it gets the run's next task and keeps its stream, or goes home
 *   settle    an attempt has ended: done, or back in the queue (settlement.ts)
 *   gone      a worker has ended, asked or not: its stream is given back and what it held is cleaned up
 */
import { type Clock, isoTime } from '../../shared/base/clock.ts';
import { invariant } from '../../shared/base/assert.ts';
import { errorTable } from '../../shared/base/error-table.ts';
import { AppError, toAppError } from '../../shared/base/errors.ts';
import { type Log } from '../../shared/base/log.ts';
import { type Config } from '../../shared/contract/config.ts';
import { type TaskOutcome, type TaskSpec, type ToMasterRequest } from '../../shared/contract/ipc.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type Admission } from '../registry/admission.ts';
import { chooseClaim } from '../registry/fair-share.ts';
import { type StreamRegistry } from '../registry/stream-registry.ts';
import { type ActiveRun, type QueuedTask, type RunStop, takeReady } from './active-run.ts';
import { beginAttempt } from './begin-attempt.ts';
import { type ClaimInput, claimsFor, streamsOf } from './claims.ts';
import { type SavesetKeeper, type WorkerForge } from './ports.ts';
import { ProgressTracker } from './progress-tracker.ts';
import { Revisions } from './revisions.ts';
import { RunBook } from './run-book.ts';
import { admissionOf, whyWaiting } from './run-state.ts';
import { type SettlementContext, type Verdict, settleFailure, settleReport } from './settlement.ts';
import { type BusyTask, type Slot } from './slot.ts';
import { type SpecSources, deviceAccess } from './task-spec.ts';
import { VmGuard } from './vm-guard.ts';
import { type LinkEvents, WorkerLink } from './worker-link.ts';
import { answerFetch, answerLedger, fenced } from './worker-requests.ts';

export interface DispatcherOptions {
  readonly catalog: Catalog;
  readonly keeper: SavesetKeeper;
  readonly forge: WorkerForge;
  readonly registry: StreamRegistry;
  readonly accessOf: SpecSources['accessOf'];
  /** Frees a VM of snapshots that nobody works with; never rejects. */
  readonly cleanVm: (server: string, vmMoref: string) => Promise<void>;
  readonly config: Config;
  /** Of this host, to be shared among streams. */
  readonly processors: number;
  readonly clock: Clock;
  readonly log: Log;
}

export class Dispatcher {
  readonly revisions = new Revisions();
  readonly progress = new ProgressTracker();
  readonly #options: DispatcherOptions;
  readonly #context: SettlementContext;
  readonly #runs: RunBook;
  readonly #guard: VmGuard;
  readonly #slots = new Set<Slot>();
  readonly #background = new Set<Promise<unknown>>();
  #stopped = false;
  #alarm = new AbortController();

  constructor(options: DispatcherOptions) {
    const { catalog, keeper, clock, log, config } = options;
    this.#options = options;
    this.#context = { catalog, keeper, clock, log, limits: config };
    this.#runs = new RunBook(catalog, clock, this.revisions);
    this.#guard = new VmGuard({
      ledger: catalog.ledger,
      isLive: (token) => this.isLive(token),
      clean: options.cleanVm,
      clock,
      limits: config,
    });
  }

  /** Takes up a run that is in the catalog. @throws AppError `SERVICE_STOPPING` */
  add(runId: number, deviceIds: readonly string[]): void {
    if (this.#stopped) throw new AppError('SERVICE_STOPPING', `Cannot begin run ${runId}`);
    this.#runs.begin(runId, deviceIds);
    this.#pump();
  }

  /** Ends a run early: what waits ends now, what runs is asked to stop. */
  stopRun(runId: number, stop: RunStop): void {
    const run = this.#runs.get(runId);
    if (run === undefined || run.stop !== undefined) return;
    run.stop = stop;
    for (const slot of this.#slotsOf(run)) this.#stopSlot(slot, stop);
    this.#runs.endQueued(run, run.queue, stop);
    this.#pump();
  }

  /** True while the attempt under this token may use its snapshot. */
  isLive(token: number): boolean {
    return [...this.#slots].some((slot) => slot.task?.token === token && !slot.task.reported);
  }

  get activeRuns(): number {
    return this.#runs.all().length;
  }

  isActive(runId: number): boolean {
    return this.#runs.get(runId) !== undefined;
  }

  /** How many streams the run may use now and why, and how many it holds; undefined when it is not active. */
  streams(runId: number): (Admission & { readonly inUse: number }) | undefined {
    const run = this.#runs.get(runId);
    return run && { ...admissionOf(this.#options, run), inUse: streamsOf(run, [...this.#slots]) };
  }

  /** Who waits for a stream of the device. */
  waiting(deviceId: string): readonly { runId: number; job: string | null; tasks: number }[] {
    return this.#runs
      .all()
      .filter((run) => run.devices.has(deviceId) && run.queue.length > 0)
      .map((run) => ({ runId: run.runId, job: run.record.job?.name ?? null, tasks: run.queue.length }));
  }

  /** Why the task does not run; null when it is not queued. */
  waitsFor(runId: number, taskId: number): string | null {
    const run = this.#runs.get(runId);
    const task = run?.queue.find((candidate) => candidate.taskId === taskId);
    if (run === undefined || task === undefined) return null;
    const inUse = streamsOf(run, [...this.#slots]);
    return whyWaiting(this.#options, run, task, { guard: this.#guard, inUse });
  }

  /** No new work; every run ends with `stop`. Resolves when the workers have gone, at the latest after `withinMs`. */
  async stop(stop: RunStop, withinMs: number): Promise<void> {
    this.#stopped = true;
    this.#alarm.abort();
    for (const run of this.#runs.all()) this.stopRun(run.runId, stop);
    const deadline = this.#options.clock.monotonicMs() + withinMs;
    while (this.#slots.size > 0 && this.#options.clock.monotonicMs() < deadline) {
      await this.#options.clock.sleep(20);
    }
    for (const slot of this.#slots) slot.link.kill(stop.error);
    while (this.#slots.size > 0) await this.#options.clock.sleep(20);
    const rest = new AbortController();
    const bound = this.#options.clock.sleep(withinMs, rest.signal).catch(() => undefined);
    await Promise.race([Promise.allSettled(this.#background), bound]);
    rest.abort();
  }

  // Lending

  #pump(): void {
    if (this.#stopped) return;
    this.#guard.refresh();
    for (const run of this.#runs.all()) this.#runs.noteStreams(run, admissionOf(this.#options, run));
    const devices = new Set(this.#runs.all().flatMap((run) => [...run.devices.keys()]));
    for (const deviceId of devices) this.#lendAll(deviceId);
    for (const run of this.#runs.all()) {
      this.#clearWays(run);
      this.#endHopeless(run);
    }
    this.#setAlarm();
  }

  #lendAll(deviceId: string): void {
    while (this.#options.registry.free(deviceId) > 0) {
      const claim = chooseClaim(claimsFor(this.#claimInput(deviceId, undefined)));
      const run = claim && this.#runs.get(claim.runId);
      if (run === undefined) return;
      this.#start(run, deviceId);
    }
  }

  #start(run: ActiveRun, deviceId: string): void {
    const { registry, forge, keeper, catalog, config, clock, log } = this.#options;
    const device = catalog.devices.byId(deviceId);
    invariant(device !== undefined, 'a run names devices of the catalog', { deviceId });
    const lease = registry.lend(deviceId, run.runId);
    try {
      const process = forge.fork();
      const link = new WorkerLink({
        process,
        open: async () => ({
          device: await keeper.withKey(deviceAccess(device)),
          threads: this.#threads(run),
        }),
        heartbeatMs: config.heartbeatMs,
        silenceMs: config.workerSilenceMs,
        startMs: config.workerStartMs,
        clock,
        log: log.child({ run: run.runId }),
        events: this.#events(() => slot),
      });
      lease.pid = process.pid;
      const slot: Slot = {
        lease,
        run,
        link,
        state: 'starting',
        task: null,
        openError: undefined,
        promisedTo: undefined,
      };
      this.#slots.add(slot);
    } catch (error) {
      registry.giveBack(lease);
      this.#deviceFailed(run, deviceId, toAppError(error));
    }
  }

  #threads(run: ActiveRun): number {
    const { config, processors } = this.#options;
    if (config.threadsPerStream > 0) return config.threadsPerStream;
    return Math.max(1, Math.floor(processors / Math.max(1, admissionOf(this.#options, run).effective)));
  }

  #events(slot: () => Slot): LinkEvents {
    return {
      opened: () => this.#opened(slot()),
      openFailed: (error) => this.#openFailed(slot(), error),
      request: (request) => this.#request(slot(), request),
      settled: () => this.#next(slot()),
      progress: (taskId, token, progress) => {
        if (!this.#holds(slot(), taskId, token)) return;
        this.progress.report(taskId, progress, this.#options.clock.monotonicMs());
        this.#runs.changed(slot().run);
      },
      gone: (error) => this.#track(this.#gone(slot(), error)),
    };
  }

  #opened(slot: Slot): void {
    if (slot.state !== 'starting') return;
    slot.state = 'idle';
    const device = slot.run.devices.get(slot.lease.deviceId);
    if (device !== undefined) device.failures = 0;
    this.#take(slot);
  }

  #openFailed(slot: Slot, error: AppError): void {
    if (slot.state !== 'starting') return;
    slot.openError = error;
    slot.link.close();
  }

  // Task boundaries

  #next(slot: Slot): void {
    this.#guard.refresh();
    const { deviceId } = slot.lease;
    const winner = chooseClaim(claimsFor(this.#claimInput(deviceId, slot)));
    if (winner?.runId === slot.run.runId) this.#take(slot);
    else this.#sendHome(slot, winner?.runId);
  }

  #take(slot: Slot): void {
    const mayWork = slot.link.isAlive && !this.#stopped && slot.run.stop === undefined;
    const task = mayWork ? takeReady(slot.run, (candidate) => this.#guard.isReady(candidate)) : undefined;
    if (task === undefined) this.#sendHome(slot, undefined);
    else this.#assign(slot, task);
  }

  #sendHome(slot: Slot, promisedTo: number | undefined): void {
    slot.state = 'closing';
    slot.promisedTo = promisedTo;
    slot.link.close();
    this.#runs.changed(slot.run);
    this.#pump();
  }

  #assign(slot: Slot, task: QueuedTask): void {
    const { catalog, clock, registry } = this.#options;
    const at = isoTime(clock.nowMs());
    const attempt = beginAttempt(catalog, {
      taskId: task.taskId,
      deviceId: slot.lease.deviceId,
      pid: slot.link.pid,
      at,
    });
    slot.task = { ...attempt, queued: task, reported: false };
    slot.state = 'busy';
    this.#guard.occupy(task, { runId: slot.run.runId, taskId: task.taskId });
    registry.serve(slot.lease, task.taskId);
    slot.link.assign(attempt.taskId, attempt.token);
    this.#runs.changed(slot.run);
  }

  // What workers say

  async #request(slot: Slot, request: ToMasterRequest): Promise<{ spec?: TaskSpec }> {
    const { taskId, token } = request;
    const task = this.#options.catalog.tasks.get(taskId);
    if (!this.#holds(slot, taskId, token) || task?.currentToken !== token) throw fenced(taskId, token);
    switch (request.type) {
      case 'fetch': {
        const spec = await answerFetch(this.#options, slot.run.record, task);
        this.#runs.changed(slot.run);
        return { spec };
      }
      case 'intent':
      case 'created':
      case 'removed':
        answerLedger(this.#options, task, request);
        this.#runs.changed(slot.run);
        return {};
      case 'outcome':
        await this.#report(slot, request.outcome);
        return {};
    }
  }

  #holds(slot: Slot, taskId: number, token: number): boolean {
    const task = slot.task;
    return task?.taskId === taskId && task.token === token && !task.reported;
  }

  async #report(slot: Slot, report: TaskOutcome): Promise<void> {
    const task = slot.task;
    if (task === null) return;
    task.reported = true;
    const verdict = await settleReport(this.#context, task, report, slot.run.stop);
    this.#settled(slot, task, verdict);
  }

  #settled(slot: Slot, task: BusyTask, verdict: Verdict): void {
    slot.task = null;
    slot.lease.taskId = null;
    slot.state = 'idle';
    this.progress.forget(task.taskId);
    this.#guard.release(task.queued);
    this.#cleanAfter(task);
    if (verdict.kind === 'retry') this.#requeue(slot.run, task, verdict.afterMs);
    else this.#runs.taskEnded(slot.run);
  }

  #requeue(run: ActiveRun, task: BusyTask, afterMs: number): void {
    const notBeforeMs = this.#options.clock.monotonicMs() + afterMs;
    const again = { ...task.queued, attempts: task.attempt, notBeforeMs };
    run.queue.push(again);
    if (run.stop !== undefined) this.#runs.endQueued(run, [again], run.stop);
    this.#runs.changed(run);
  }

  /** A snapshot that is still in the ledger under a settled token has nobody left to remove it. */
  #cleanAfter(task: BusyTask): void {
    const entries = this.#options.catalog.ledger.openOfToken(task.token);
    for (const { server, vmMoref } of entries.slice(0, 1)) {
      this.#track(this.#options.cleanVm(server, vmMoref).then(() => this.#pump()));
    }
  }

  async #gone(slot: Slot, error: AppError): Promise<void> {
    const task = slot.task;
    if (task !== null) {
      task.reported = true;
      this.#options.log.warn('task lost its worker', { taskId: task.taskId, token: task.token, error });
      const verdict = await settleFailure(this.#context, task, error, { stop: slot.run.stop });
      this.#settled(slot, task, verdict);
    }
    const neverOpened = slot.state === 'starting';
    this.#slots.delete(slot);
    this.#options.registry.giveBack(slot.lease);
    if (!this.isActive(slot.run.runId)) this.#options.registry.forgetRun(slot.run.runId);
    if (neverOpened) this.#deviceFailed(slot.run, slot.lease.deviceId, slot.openError ?? error);
    this.#runs.changed(slot.run);
    this.#pump();
  }

  // Trouble

  /** A device that could not be opened: tried again where that may help, else not used by this run any more. */
  #deviceFailed(run: ActiveRun, deviceId: string, error: AppError): void {
    const device = run.devices.get(deviceId);
    if (device === undefined || run.stop !== undefined) return;
    const { config, clock } = this.#options;
    device.failures++;
    const mayHelp = errorTable[error.code].retry === 'again' || error.code === 'WORKER_START_FAILED';
    if (mayHelp && device.failures < config.taskAttempts) {
      device.notBeforeMs = clock.monotonicMs() + config.retryDelayMs;
      return;
    }
    device.dead = error;
    this.#runs.warn(run, error);
  }

  /** Without a device and a worker nothing of the queue will ever begin. */
  #endHopeless(run: ActiveRun): void {
    const devices = [...run.devices.values()];
    const error = devices.at(-1)?.dead;
    if (error === undefined || run.queue.length === 0 || this.#slotsOf(run).length > 0) return;
    if (devices.every((device) => device.dead !== undefined)) {
      this.#runs.endQueued(run, run.queue, { outcome: 'failed', error });
    }
  }

  #stopSlot(slot: Slot, stop: RunStop): void {
    const { task, link } = slot;
    if (task !== null) {
      const isDone = (): boolean => slot.task !== task;
      link.cancel(task.taskId, task.token, this.#options.config.shutdownMs, isDone);
    } else if (slot.state === 'starting') link.kill(stop.error);
  }

  /** Has VMs freed that wait for it; a task whose VM cannot be freed fails in the end. */
  #clearWays(run: ActiveRun): void {
    for (const task of this.#guard.blocked(run.queue)) {
      const work = this.#guard.clear(task).then((error) => {
        if (error !== undefined && run.queue.includes(task)) {
          this.#runs.endQueued(run, [task], { outcome: 'failed', error });
        }
        this.#pump();
      });
      this.#track(work);
    }
  }

  // Small things

  #claimInput(deviceId: string, offered: Slot | undefined): ClaimInput {
    return {
      deviceId,
      offered,
      runs: this.#runs.all(),
      slots: [...this.#slots],
      registry: this.#options.registry,
      isReady: (task) => this.#guard.isReady(task),
      nowMs: this.#options.clock.monotonicMs(),
    };
  }

  #slotsOf(run: ActiveRun): readonly Slot[] {
    return [...this.#slots].filter((slot) => slot.run === run);
  }

  /** Wakes the pump when the next pause ends. */
  #setAlarm(): void {
    const { clock } = this.#options;
    this.#alarm.abort();
    const now = clock.monotonicMs();
    const pauses = this.#runs.all().flatMap((run) => [...run.queue, ...run.devices.values()]);
    const next = pauses.reduce(
      (least, { notBeforeMs }) => (notBeforeMs > now ? Math.min(least, notBeforeMs) : least),
      Infinity,
    );
    if (next === Infinity) return;
    this.#alarm = new AbortController();
    clock.sleep(Math.ceil(next - now), this.#alarm.signal).then(
      () => this.#pump(),
      () => undefined,
    );
  }

  #track(work: Promise<unknown>): void {
    const kept = work
      .catch((error: unknown) => this.#options.log.error('work in the background failed', { error }))
      .finally(() => this.#background.delete(kept));
    this.#background.add(kept);
  }
}
