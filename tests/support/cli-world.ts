/** The command line in this process: words in, exit code and texts out, over a socket to an in-memory core. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { runCli } from '../../master/cli/run-cli.ts';
import { type ServeOptions } from '../../master/cli/session.ts';
import { runDaemon } from '../../master/daemon.ts';
import { deferred } from '../../shared/base/async.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { silentLog } from '../../shared/base/log.ts';
import { inspectDisk } from '../../worker/inspect/inspect-disk.ts';
import { type FakeCore, fakeCore } from './fake-services.ts';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What is typed at the terminal; without it there is none. */
  readonly typed?: readonly string[];
  readonly signal?: AbortSignal;
}

class Recorder extends PassThrough {
  readonly isTTY: boolean;
  readonly columns = 100;
  readonly rows = 30;
  text = '';

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
    this.on('data', (chunk: Buffer) => {
      this.text += chunk.toString();
    });
  }
}

/** A service over `core` in a temporary data folder. */
export class CliWorld implements AsyncDisposable {
  readonly core: FakeCore;
  readonly dataDir: string;
  readonly #stop: AbortController;
  readonly #ended: Promise<void>;
  readonly served: ServeOptions[] = [];

  private constructor(core: FakeCore, dataDir: string, stop: AbortController, ended: Promise<void>) {
    this.core = core;
    this.dataDir = dataDir;
    this.#stop = stop;
    this.#ended = ended;
  }

  static async open(): Promise<CliWorld> {
    const core = fakeCore();
    const dataDir = await mkdtemp(path.join(tmpdir(), 'blockhouse-cli-'));
    const stop = new AbortController();
    const listening = deferred<undefined>();
    const ended = runDaemon({
      dataDir,
      listenPort: 0,
      log: silentLog,
      clock: systemClock,
      openCore: () =>
        Promise.resolve({ services: core.services, [Symbol.asyncDispose]: () => Promise.resolve() }),
      tell: () => listening.resolve(undefined),
      stop: stop.signal,
    });
    await Promise.race([listening.promise, ended]);
    return new CliWorld(core, dataDir, stop, ended);
  }

  /** Stops the service; the data folder stays. */
  async stopService(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async run(words: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    const isTTY = options.typed !== undefined;
    const [stdin, stdout, stderr] = [new Recorder(isTTY), new Recorder(isTTY), new Recorder(isTTY)];
    const answers = [...(options.typed ?? [])];
    stderr.on('data', (chunk: Buffer) => {
      // a question ends with a blank and no new line; the answer comes when readline listens
      if (/[:\]] $/.test(chunk.toString()) && answers.length > 0)
        setImmediate(() => stdin.write(`${answers.shift() ?? ''}\r`));
    });
    const code = await runCli(words, {
      platform: 'linux',
      home: this.dataDir,
      cwd: this.dataDir,
      env: (name) => ({ BLOCKHOUSE_DATA: this.dataDir, NO_COLOR: '1', ...options.env })[name],
      clock: systemClock,
      signal: options.signal ?? new AbortController().signal,
      stdin,
      stdout,
      stderr,
      serve: (serveOptions) => {
        this.served.push(serveOptions);
        return Promise.resolve();
      },
      inspectDisk,
    });
    return { code, stdout: stdout.text, stderr: stderr.text };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopService();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}
