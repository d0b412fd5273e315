/**
 * One conversation with one worker: docs/protocol/ipc.md. It checks what comes in, answers requests in their order, and
 * watches that the worker starts in time, keeps talking, and ends when it is told to. What the messages mean is the
 * dispatcher's. Messages are logged by type and ids only, never their bodies: some carry a password or a key.
 */
import { type Clock } from '../../shared/base/clock.ts';
import { AppError, toAppError } from '../../shared/base/errors.ts';
import { type Log } from '../../shared/base/log.ts';
import {
  type DeviceAccess,
  IPC_PROTOCOL,
  type KnownState,
  type TaskProgress,
  type TaskSpec,
  type ToMaster,
  type ToMasterRequest,
  type ToWorker,
  toMaster,
} from '../../shared/contract/ipc.ts';
import { parse } from '../../shared/contract/schema.ts';
import { fromWireError, toWireError } from '../../shared/contract/wire-error.ts';
import { type WorkerProcess } from './ports.ts';

/** What a reply may hold. */
export interface Answer {
  readonly spec?: TaskSpec;
  readonly states?: Record<string, KnownState>;
}

/** What the dispatcher hears. `gone` comes once and last. */
export interface LinkEvents {
  opened(): void;
  openFailed(error: AppError): void;
  /** Resolves with the answer. @throws AppError that the worker gets instead */
  request(request: ToMasterRequest): Promise<Answer>;
  /** The answer to an accepted outcome was sent: the worker waits for `assign` or `close`. */
  settled(): void;
  progress(taskId: number, token: number, progress: TaskProgress): void;
  gone(error: AppError): void;
}

/** What a worker opens; without a device it needs none. */
export interface LentDevice {
  readonly device: DeviceAccess | null;
  readonly threads: number;
  /** Without its key where that is not known. */
  readonly mayBeLocked?: boolean;
}

export interface LinkOptions {
  readonly process: WorkerProcess;
  /** What the worker is lent; asked when it has reported. @throws AppError that counts as one of the worker's */
  readonly open: () => Promise<LentDevice>;
  readonly heartbeatMs: number;
  readonly silenceMs: number;
  readonly startMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: LinkEvents;
}

const known: ReadonlySet<string> = new Set([
  'hello',
  'opened',
  'open-failed',
  'heartbeat',
  'progress',
  'fetch',
  'intent',
  'created',
  'removed',
  'states',
  'outcome',
]);

/** How a worker ends that was sent home. */
const PLAIN_END = 'exit code 0';

export class WorkerLink {
  readonly pid: number;
  readonly #options: LinkOptions;
  readonly #log: Log;
  readonly #ended = new AbortController();
  readonly #watch: Disposable;
  #heardAtMs: number;
  #greeted = false;
  #killedFor: AppError | undefined;
  /** It was sent home. */
  #isClosing = false;
  #requests: Promise<void> = Promise.resolve();

  constructor(options: LinkOptions) {
    this.#options = options;
    this.pid = options.process.pid;
    this.#log = options.log.child({ worker: this.pid });
    this.#heardAtMs = options.clock.monotonicMs();
    options.process.onMessage((raw) => this.#hear(raw));
    options.process.onExit((how) => this.#exit(how));
    this.#watch = options.clock.every(options.heartbeatMs, () => this.#checkSilence());
    this.#within(options.startMs, () =>
      this.#greeted ? undefined : new AppError('WORKER_START_FAILED', `Worker ${this.pid} did not report`),
    );
  }

  /** False from the moment on that the process has ended, which is before `gone`. */
  get isAlive(): boolean {
    return !this.#ended.signal.aborted;
  }

  assign(taskId: number, token: number): void {
    this.#send({ type: 'assign', taskId, token });
  }

  /** Asks for the end of the task; a worker that has not reported after `withinMs` is ended. */
  cancel(taskId: number, token: number, withinMs: number, isDone: () => boolean): void {
    this.#send({ type: 'cancel', taskId, token });
    this.#within(withinMs, () =>
      isDone()
        ? undefined
        : new AppError('CANCELLED', `Task ${taskId} was cancelled and did not stop in time`),
    );
  }

  /** Sends the worker home; one that does not go in time is ended. */
  close(): void {
    this.#isClosing = true;
    this.#send({ type: 'close' });
    this.#within(
      this.#options.startMs,
      () => new AppError('WORKER_SILENT', `Worker ${this.pid} did not end`),
    );
  }

  kill(reason: AppError): void {
    this.#killedFor ??= reason;
    this.#options.process.kill();
  }

  #send(message: ToWorker): void {
    const ids = 'taskId' in message ? { taskId: message.taskId, token: message.token } : {};
    this.#log.debug('to worker', { message: message.type, ...ids });
    this.#options.process.send(message);
  }

  #hear(raw: unknown): void {
    this.#heardAtMs = this.#options.clock.monotonicMs();
    const { type, seq } = fieldsOf(raw);
    if (typeof type !== 'string' || !known.has(type)) {
      this.#log.warn('ignored a message of an unknown type', { message: String(type).slice(0, 40) });
      return;
    }
    try {
      this.#take(parse(toMaster, raw, 'IPC_MESSAGE_INVALID', `the message "${type}" of worker ${this.pid}`));
    } catch (error) {
      this.#log.error('refused a message', { message: type, error });
      if (typeof seq === 'number' && seq > 0) this.#reply(seq, toAppError(error));
    }
  }

  #take(message: ToMaster): void {
    const { events } = this.#options;
    switch (message.type) {
      case 'hello':
        this.#greet(message.protocol);
        break;
      case 'opened':
        events.opened();
        break;
      case 'open-failed':
        events.openFailed(fromWireError(message.error));
        break;
      case 'heartbeat':
        this.#log.debug('heartbeat', { rssBytes: message.rssBytes });
        break;
      case 'progress':
        events.progress(message.taskId, message.token, message.progress);
        break;
      case 'fetch':
      case 'intent':
      case 'created':
      case 'removed':
      case 'states':
      case 'outcome':
        this.#requests = this.#requests.then(() => this.#answer(message));
    }
  }

  #greet(protocol: number): void {
    if (protocol !== IPC_PROTOCOL) {
      const facts = { protocol, known: IPC_PROTOCOL };
      this.kill(new AppError('IPC_MESSAGE_INVALID', `Cannot use worker ${this.pid}: other protocol`, facts));
      return;
    }
    if (this.#greeted) return;
    this.#greeted = true;
    const { open, heartbeatMs, events } = this.#options;
    open().then(
      (lent) => this.#send({ type: 'open', ...lent, heartbeatMs }),
      (error: unknown) => events.openFailed(toAppError(error)),
    );
  }

  async #answer(request: ToMasterRequest): Promise<void> {
    const { type, taskId, token } = request;
    this.#log.debug('from worker', { message: type, taskId, token });
    try {
      const answer = await this.#options.events.request(request);
      this.#send({ type: 'reply', seq: request.seq, result: { ok: true, ...answer } });
    } catch (error) {
      this.#log.warn('refused a request', { message: type, taskId, token, error });
      const known = toAppError(error);
      this.#reply(request.seq, known);
      if (type === 'outcome' && known.code !== 'IPC_FENCED') this.kill(known);
      return;
    }
    if (type === 'outcome') this.#options.events.settled();
  }

  #reply(seq: number, error: AppError): void {
    this.#send({ type: 'reply', seq, result: { ok: false, error: toWireError(error) } });
  }

  #checkSilence(): void {
    const silentMs = this.#options.clock.monotonicMs() - this.#heardAtMs;
    if (!this.#greeted || silentMs < this.#options.silenceMs) return;
    const facts = { pid: this.pid, silentMs: Math.round(silentMs) };
    this.kill(new AppError('WORKER_SILENT', `Worker ${this.pid} stopped answering`, facts));
  }

  /** After `ms`, unless the worker has gone, ends it when `reason` still gives one. */
  #within(ms: number, reason: () => AppError | undefined): void {
    const expire = (): void => {
      const error = reason();
      if (error !== undefined) this.kill(error);
    };
    this.#options.clock.sleep(ms, this.#ended.signal).then(expire, () => undefined);
  }

  #exit(how: string): void {
    this.#ended.abort();
    this.#watch[Symbol.dispose]();
    const code = this.#greeted ? 'WORKER_DIED' : 'WORKER_START_FAILED';
    const error =
      this.#killedFor ?? new AppError(code, `Worker ${this.pid} ended: ${how}`, { pid: this.pid, how });
    const isPlain = this.#isClosing && this.#killedFor === undefined && how === PLAIN_END;
    if (isPlain) this.#log.info('worker has ended', { how });
    else this.#log.info('worker is gone', { how, code: error.code });
    void this.#requests.then(() => this.#options.events.gone(error));
  }
}

function fieldsOf(raw: unknown): { readonly type?: unknown; readonly seq?: unknown } {
  return typeof raw === 'object' && raw !== null ? raw : {};
}
