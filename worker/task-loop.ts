/**
 * The life of a worker: open the stream that was lent, take the tasks that are assigned, one at a time, report each, close.
 * What a task does is in backup/, restore/, verify/ and the folders beside them.
 */
import { AppError, hasCode, toAppError } from '../shared/base/errors.ts';
import { isCancel } from '../shared/base/abort.ts';
import { type Clock } from '../shared/base/clock.ts';
import { type Log } from '../shared/base/log.ts';
import { type ServerAccess, type TaskOutcome, type TaskSpec } from '../shared/contract/ipc.ts';
import { toWireError } from '../shared/contract/wire-error.ts';
import { noBytes } from '../shared/domain/task.ts';
import { VsphereSession } from '../shared/vsphere/session.ts';
import { type MasterLink, type Order } from './master-link.ts';
import { openStream } from './open-stream.ts';
import { throttled } from './progress.ts';
import { runTask } from './run-task.ts';
import { type OpenStream, type SourceContext } from './task-context.ts';

const MAX_WARNINGS = 200;

interface Assignment {
  readonly taskId: number;
  readonly token: number;
}

export interface TaskLoopOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** What workers of this host remember of devices; may be removed at any time. */
  readonly cacheFolder: string | undefined;
}

export class TaskLoop {
  readonly #link: MasterLink;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #cacheFolder: string | undefined;
  #stream: (OpenStream & AsyncDisposable) | undefined;
  #heartbeat: Disposable | undefined;
  #current: (Assignment & { readonly abort: AbortController }) | undefined;
  #session: { readonly access: ServerAccess; readonly session: VsphereSession } | undefined;

  constructor(link: MasterLink, { log, clock, cacheFolder }: TaskLoopOptions) {
    this.#link = link;
    this.#log = log;
    this.#clock = clock;
    this.#cacheFolder = cacheFolder;
  }

  /** Carries out one order; resolves true when the worker shall end. */
  async obey(order: Order): Promise<boolean> {
    switch (order.type) {
      case 'open':
        await this.#open(order);
        return false;
      case 'assign':
        await this.#work(order);
        return false;
      case 'cancel':
        if (this.#current?.token === order.token) {
          this.#current.abort.abort(
            new AppError('CANCELLED', 'Task was cancelled', { taskId: order.taskId }),
          );
        }
        return false;
      case 'close':
        await this.#close();
        return true;
    }
  }

  async #open(order: Extract<Order, { type: 'open' }>): Promise<void> {
    const { device } = order;
    this.#heartbeat = this.#clock.every(order.heartbeatMs, () => {
      this.#link.tell({ type: 'heartbeat', rssBytes: process.memoryUsage.rss() });
    });
    if (device === null) {
      this.#link.tell({ type: 'opened' });
      return;
    }
    try {
      this.#stream = await openStream(device, {
        threads: order.threads,
        cacheFolder: this.#cacheFolder,
        mayBeLocked: order.mayBeLocked,
        log: this.#log,
      });
      this.#log.info('Stream opened', { device: device.name, threads: order.threads });
      this.#link.tell({ type: 'opened' });
    } catch (error) {
      this.#log.warn('Stream not opened', { device: device.name, error });
      this.#link.tell({ type: 'open-failed', error: toWireError(error) });
    }
  }

  async #work(assignment: Assignment): Promise<void> {
    const abort = new AbortController();
    this.#current = { ...assignment, abort };
    const { taskId, token } = assignment;
    const log = this.#log.child({ taskId, token });
    try {
      const outcome = await this.#outcomeOf(assignment, abort.signal, log);
      this.#current = undefined;
      log.info('Task ended', {
        status: outcome.status,
        error: outcome.error,
        warnings: outcome.warnings.length,
      });
      await this.#link.ask({ type: 'outcome', taskId, token, outcome });
    } catch (error) {
      // Refused (fenced) or the master is gone: the master knows better what became of this attempt.
      log.warn('Outcome not accepted', { error });
    } finally {
      this.#current = undefined;
    }
  }

  async #outcomeOf(assignment: Assignment, signal: AbortSignal, log: Log): Promise<TaskOutcome> {
    const { taskId, token } = assignment;
    try {
      const { spec } = await this.#link.ask({ type: 'fetch', taskId, token });
      if (spec === undefined) {
        throw new AppError('IPC_MESSAGE_INVALID', 'Cannot start the task: it has no spec', { taskId });
      }
      log.info('Task begins', { runId: spec.runId, task: spec.kind, attempt: spec.attempt });
      const { failure, ...result } = await runTask(spec, this.#contextOf(spec, signal, log), this.#stream);
      const warnings = result.warnings.slice(0, MAX_WARNINGS);
      const report = result.report ?? null;
      if (failure !== undefined) {
        log.warn('Task found damage', { error: failure });
        return { ...result, report, warnings, status: 'failed', error: toWireError(failure) };
      }
      const status = warnings.length > 0 ? 'warning' : 'ok';
      return { ...result, report, warnings, status, error: null };
    } catch (error) {
      if (hasCode(error, 'IPC_FENCED')) throw error;
      const status = isCancel(error) || signal.aborted ? 'cancelled' : 'failed';
      const known =
        status === 'cancelled' ? new AppError('CANCELLED', 'Task was cancelled') : toAppError(error);
      if (status === 'failed') log.error('Task failed', { error });
      return {
        status,
        error: toWireError(known),
        warnings: [],
        counters: { ...noBytes },
        phases: {},
        saveset: null,
        report: null,
      };
    }
  }

  #contextOf(spec: TaskSpec, signal: AbortSignal, log: Log): SourceContext {
    const { taskId, token } = spec;
    const link = this.#link;
    const report = throttled(this.#clock, (progress) =>
      link.tell({ type: 'progress', taskId, token, progress }),
    );
    return {
      signal,
      clock: this.#clock,
      log,
      report,
      vsphere: (server) => this.#connect(server, signal),
      ledger: {
        intent: (snapshot) => done(link.ask({ type: 'intent', taskId, token, ...snapshot })),
        created: (snapshot) => done(link.ask({ type: 'created', taskId, token, ...snapshot })),
        removed: (snapshot) => done(link.ask({ type: 'removed', taskId, token, ...snapshot })),
      },
      async statesOf(ids) {
        const { states = {} } = await link.ask({ type: 'states', taskId, token, ids: [...ids] });
        return new Map(Object.entries(states));
      },
    };
  }

  async #connect(access: ServerAccess, signal: AbortSignal): Promise<VsphereSession> {
    const open = this.#session;
    if (open !== undefined && isSameServer(open.access, access)) return open.session;
    await this.#disconnect();
    const { url, username, password, fingerprint } = access;
    const session = await VsphereSession.connect(
      { url, username, password, fingerprint, log: this.#log, clock: this.#clock },
      signal,
    );
    this.#session = { access, session };
    return session;
  }

  async #disconnect(): Promise<void> {
    const open = this.#session;
    this.#session = undefined;
    await open?.session[Symbol.asyncDispose]();
  }

  async #close(): Promise<void> {
    this.#heartbeat?.[Symbol.dispose]();
    await this.#disconnect();
    await this.#stream?.[Symbol.asyncDispose]();
  }
}

async function done(reply: Promise<unknown>): Promise<void> {
  await reply;
}

function isSameServer(a: ServerAccess, b: ServerAccess): boolean {
  return (
    a.url === b.url &&
    a.username === b.username &&
    a.password === b.password &&
    a.fingerprint === b.fingerprint
  );
}
