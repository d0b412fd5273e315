/**
 * The simulator from a test's side: starts it as a child process, calls its control side, ends it.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Readable, type Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { sourceArguments } from '../run-source.ts';
import { type CallFilter, type CallRecord } from './call-log.ts';
import { type ReadyLine, type SiteConfig } from './config.ts';
import {
  type ControlIn,
  type ControlName,
  type ControlOut,
  type SimStats,
  type VmState,
} from './control-api.ts';
import { type FaultRule } from './fault-rules.ts';

type Child = ChildProcessByStdio<Writable, Readable, null>;

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

export interface StartOptions {
  /** Where datastores go; made in the system's temporary folder, and deleted at the end, when not given. */
  readonly workDir?: string;
}

/** A running simulator; dispose it, or it ends with this process. */
export class SimProcess {
  readonly ready: ReadyLine;
  readonly workDir: string;
  readonly #child: Child;
  readonly #ownsDir: boolean;

  private constructor(ready: ReadyLine, child: Child, workDir: string, ownsDir: boolean) {
    this.ready = ready;
    this.#child = child;
    this.workDir = workDir;
    this.#ownsDir = ownsDir;
  }

  /** Resolves when the simulator serves. @throws Error when it ends before that */
  static async start(config: SiteConfig, options: StartOptions = {}): Promise<SimProcess> {
    const workDir = options.workDir ?? (await mkdtemp(join(tmpdir(), 'vcenter-sim-')));
    const file = join(workDir, 'site.json');
    await writeFile(file, JSON.stringify(config));
    const child = spawn(process.execPath, [...sourceArguments, MAIN, '--config', file, '--dir', workDir], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.on('error', () => undefined);
    const lines = createInterface({ input: child.stdout });
    const first = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => undefined)]);
    if (first === undefined) throw new Error('Cannot start the simulated vCenter');
    return new SimProcess(
      JSON.parse(String(first[0])) as ReadyLine,
      child,
      workDir,
      options.workDir === undefined,
    );
  }

  get url(): string {
    return this.ready.url;
  }
  get fingerprint(): string {
    return this.ready.fingerprint;
  }
  get username(): string {
    return this.ready.username;
  }
  get password(): string {
    return this.ready.password;
  }
  get datastoreDirs(): Readonly<Record<string, string>> {
    return this.ready.datastores;
  }

  /** Any control operation. @throws Error with the simulator's reason */
  async control<N extends ControlName>(name: N, input: ControlIn<N>): Promise<ControlOut<N>> {
    const response = await fetch(`${this.ready.controlUrl}/${name}`, {
      method: 'POST',
      // one that was kept may have been closed while a caller copied disks and heard nothing
      headers: { connection: 'close' },
      body: JSON.stringify(input),
    });
    const body = (await response.json()) as ControlOut<N> | { error: string };
    if (!response.ok) throw new Error(`Control "${name}" failed: ${(body as { error: string }).error}`);
    return body as ControlOut<N>;
  }

  /** Writes as the guest would: into the running disk, seen by change tracking. */
  async guestWrite(
    vm: string,
    diskKey: number,
    patches: readonly { offset: number; bytes: Uint8Array }[],
  ): Promise<void> {
    const coded = patches.map(({ offset, bytes }) => ({
      offset,
      base64: Buffer.from(bytes).toString('base64'),
    }));
    await this.control('guestWrite', { vm, diskKey, patches: coded });
  }

  /** Turns the fixture's state `from`, which the disk must be in, into `to`. */
  async applyState(
    vm: string,
    diskKey: number,
    change: { fixture: string; from: string; to: string },
  ): Promise<void> {
    await this.control('applyState', { vm, diskKey, ...change });
  }

  async fault(rule: FaultRule): Promise<number> {
    return (await this.control('fault', { rule })).id;
  }

  /** How often a rule has been hit. */
  async hits(ruleId: number): Promise<number> {
    return (await this.control('faults', {})).find(({ id }) => id === ruleId)?.hits ?? 0;
  }

  async calls(filter: CallFilter = {}): Promise<readonly CallRecord[]> {
    return this.control('calls', { filter });
  }

  async stats(): Promise<SimStats> {
    return this.control('stats', {});
  }

  async vmState(vm: string): Promise<VmState> {
    return this.control('vmState', { vm });
  }

  /** Copies a disk as the guest sees it now into a raw file. */
  async exportDisk(vm: string, diskKey: number, path: string): Promise<void> {
    await this.control('exportDisk', { vm, diskKey, path });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone =
      this.#child.exitCode === null && this.#child.signalCode === null
        ? once(this.#child, 'exit')
        : undefined;
    this.#child.kill('SIGTERM');
    this.#child.stdin.destroy();
    await gone;
    if (this.#ownsDir) await rm(this.workDir, { recursive: true, force: true });
  }
}
