/**
 * The worker processes: the only user of node:cluster in the master. A worker's standard error goes to the log line by line,
 * because what it says before its own log is open is said nowhere else. Workers never outlive the pool.
 */
import cluster, { type Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { type Clock } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import { type Log } from '../../shared/base/log.ts';
import { type WorkerForge, type WorkerProcess } from './ports.ts';

export interface PoolOptions {
  /** File that a worker runs; by default worker/main beside this program, `.ts` or `.js` as this file is. */
  readonly entry?: string | undefined;
  readonly log: Log;
  readonly clock: Clock;
  /** Added to the environment of every worker. */
  readonly env: Readonly<Record<string, string>>;
}

/** Threads of Node's that wait in calls of files: reads ahead, a write and a sync at a time must not wait for each other. */
const FILE_THREADS = '16';
const MAX_LINE = 2_000;
/** For a worker whose channel is closed to end by itself: it closes its log and its files. */
const GOODBYE_MS = 2_000;

export class WorkerPool implements WorkerForge, AsyncDisposable {
  readonly #options: PoolOptions;
  readonly #entry: string;
  readonly #alive = new Map<Worker, Promise<void>>();

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#entry = options.entry ?? defaultEntry();
  }

  fork(): WorkerProcess {
    cluster.setupPrimary({
      exec: this.#entry,
      args: [],
      serialization: 'json',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const worker = cluster.fork({ UV_THREADPOOL_SIZE: FILE_THREADS, ...this.#options.env });
    const pid = worker.process.pid;
    if (pid === undefined) {
      worker.on('error', () => undefined);
      throw new AppError('WORKER_START_FAILED', `Cannot start a worker with "${this.#entry}"`);
    }
    this.#alive.set(worker, ended(worker));
    this.#logStderr(worker, pid);
    return wrap(worker, pid, () => this.#alive.delete(worker));
  }

  #logStderr(worker: Worker, pid: number): void {
    const stream = worker.process.stderr;
    if (stream === null) return;
    const lines = createInterface({ input: stream, crlfDelay: Infinity });
    lines.on('line', (line) =>
      this.#options.log.warn('worker wrote', { pid, line: line.slice(0, MAX_LINE) }),
    );
  }

  /** Closes every worker's channel, ends those that do not end of it in time, and waits until all are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#alive.values()];
    for (const { process } of this.#alive.keys()) if (process.connected) process.disconnect();
    const gone = new AbortController();
    const bound = this.#options.clock.sleep(GOODBYE_MS, gone.signal).catch(() => undefined);
    await Promise.race([Promise.all(all), bound]);
    gone.abort();
    for (const worker of this.#alive.keys()) worker.process.kill('SIGKILL');
    await Promise.all(all);
  }
}

function defaultEntry(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../../worker/main.${extension}`, import.meta.url));
}

async function ended(worker: Worker): Promise<void> {
  await new Promise<void>((resolve) => worker.process.once('exit', () => resolve()));
}

function wrap(worker: Worker, pid: number, forget: () => void): WorkerProcess {
  return {
    pid,
    send: (message) => {
      if (worker.isConnected()) worker.send(message, () => undefined);
    },
    kill: () => void worker.process.kill('SIGKILL'),
    onMessage: (listener) => void worker.on('message', listener),
    onExit: (listener) => {
      let told = false;
      const tell = (how: string): void => {
        forget();
        if (!told) listener(how);
        told = true;
      };
      worker.once('exit', () => {
        const { exitCode, signalCode } = worker.process;
        tell(signalCode === null ? `exit code ${exitCode ?? 'unknown'}` : `signal ${signalCode}`);
      });
      worker.on('error', (error) => tell(error.message));
    },
  };
}
