/**
 * The command `blockhouse` as a user has it: the built program in a process of its own, in a folder of its own. What is
 * typed and what it answers is shown like a terminal shows it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { type Readable } from 'node:stream';
import { say } from './checks.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/master/cli.js', import.meta.url));
const START_MS = 20_000;
const STOP_MS = 20_000;

export interface Ended {
  readonly code: number;
  readonly lines: readonly string[];
}

export class Shell {
  readonly #cwd: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #children = new Set<ChildProcess>();
  #service: ChildProcess | undefined;
  #isClosed = false;

  /** Commands run in `cwd`, with `variables` beside the search path. */
  constructor(cwd: string, variables: Readonly<Record<string, string>>) {
    this.#cwd = cwd;
    this.#env = { PATH: process.env['PATH'], HOME: cwd, ...variables };
  }

  /** Shows the command and its output line by line. */
  async run(words: readonly string[]): Promise<Ended> {
    say();
    say(`$ blockhouse ${words.map(quote).join(' ')}`);
    const lines: string[] = [];
    const ended = await this.#execute(words, (line) => {
      lines.push(line);
      say(`  ${line}`);
    });
    if (ended !== 0) say(`  [exit code ${ended}]`);
    return { code: ended, lines };
  }

  /** The same, quietly: the document that `--json` prints. @throws Error when the command fails */
  async ask<T>(words: readonly string[]): Promise<T> {
    const lines: string[] = [];
    const code = await this.#execute([...words, '--json'], (line) => lines.push(line));
    if (code !== 0)
      throw new Error(`"blockhouse ${words.join(' ')}" ended with ${code}: ${lines.join('\n')}`);
    return JSON.parse(lines.join('\n')) as T;
  }

  /** `blockhouse serve` in the background; resolves when it listens. */
  async serve(): Promise<void> {
    say();
    say('$ blockhouse serve &');
    const child = this.#start(['serve']);
    this.#service = child;
    const listens = new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        lineByLine(stream!, (line) => {
          say(`  ${line}`);
          if (line.startsWith('Listening')) resolve();
        });
      }
    });
    const failed = once(child, 'exit').then(() => 'failed');
    const late = new Promise<string>((resolve) => setTimeout(resolve, START_MS, 'late').unref());
    const result = await Promise.race([listens, failed, late]);
    if (result !== undefined) throw new Error('The service did not start');
  }

  /** SIGTERM, as a service manager would; resolves with the exit code, or null when it had to be killed. */
  async stop(): Promise<number | null> {
    const service = this.#service;
    if (service === undefined) return null;
    this.#service = undefined;
    const gone = isGone(service) ? Promise.resolve() : once(service, 'exit');
    service.kill('SIGTERM');
    const timer = setTimeout(() => service.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(timer);
    return service.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.stop();
    for (const child of this.#children) child.kill('SIGKILL');
  }

  #start(words: readonly string[]): ChildProcess {
    if (this.#isClosed) throw new Error('The demo has ended');
    const stdio = ['ignore', 'pipe', 'pipe'] as const;
    const child = spawn(process.execPath, [PROGRAM, ...words], {
      cwd: this.#cwd,
      env: this.#env,
      stdio: [...stdio],
    });
    this.#children.add(child);
    child.on('exit', () => this.#children.delete(child));
    return child;
  }

  async #execute(words: readonly string[], onLine: (line: string) => void): Promise<number> {
    const child = this.#start(words);
    for (const stream of [child.stdout, child.stderr]) lineByLine(stream!, onLine);
    await once(child, 'close');
    return child.exitCode ?? -1;
  }
}

function isGone(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function lineByLine(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream }).on('line', onLine);
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`;
}
