/**
 * The worker processes: the only user of node:cluster in the master. A worker's standard error goes to the log line by line,
 * because what it says before its own log is open is said nowhere else. Workers never outlive the pool.
 */
import cluster, { type Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { AppError } from '../../shared/base/errors.ts';
import { type Log } from '../../shared/base/log.ts';
import { type WorkerForge, type WorkerProcess } from './ports.ts';

export interface PoolOptions {
  /** File that a worker runs; by default worker/main beside this program, `.ts` or `.js` as this file is. */
  readonly entry?: string | undefined;
  readonly log: Log;
  /** Added to the environment of every worker. */
  readonly env: Readonly<Record<string, string>>;
}

const MAX_LINE = 2_000;

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
    const worker = cluster.fork(this.#options.env);
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

  /** Ends every worker and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#alive];
    for (const [worker] of all) worker.process.kill('SIGKILL');
    await Promise.all(all.map(([, end]) => end));
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
      worker.once('exit', (code, signal) => tell(signal === '' ? `exit code ${code}` : `signal ${signal}`));
      worker.on('error', (error) => tell(error.message));
    },
  };
}
