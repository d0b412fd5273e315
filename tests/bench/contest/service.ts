/**
 * The built product as a user has it: `blockhouse serve` in a process of its own, before a simulated vCenter in another one.
 * Commands are measured from their start to their end; CPU time and memory are those of the service and its workers.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config } from '../../../shared/contract/config.ts';
import { type SiteConfig } from '../../support/vcenter-sim/config.ts';
import { SimProcess } from '../../support/vcenter-sim/sim-process.ts';
import { type Measured, measureCommand, measureService } from '../measure/measure.ts';

const PROGRAM = fileURLToPath(new URL('../../../dist/master/cli.js', import.meta.url));
const START_MS = 30_000;
const DATASTORE = 'ds1';

/** A vCenter with one datastore and one host; machines come later. */
export async function startVcenter(folder: string): Promise<SimProcess> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const site: SiteConfig = { datastores: [{ name: DATASTORE }], hosts: [{ name: 'esx1.sim' }], vms: [] };
  return SimProcess.start(site, { workDir: folder });
}

/** A running VM with this disk. */
export async function addMachine(sim: SimProcess, name: string, image: string): Promise<void> {
  await sim.control('addVm', { vm: { name, guestOs: 'windows', cbt: true, disks: [{ path: image }] } });
}

export class Service implements AsyncDisposable {
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(folder: string, child: ChildProcess, env: Readonly<Record<string, string>>) {
    this.folder = folder;
    this.#child = child;
    this.#env = env;
  }

  /** In a new folder, with the server registered, its datastore reachable as a folder. */
  static async start(folder: string, sim: SimProcess, config: Partial<Config> = {}): Promise<Service> {
    if (!existsSync(PROGRAM)) throw new Error('The product is not built: run "npm run build" first');
    await rm(folder, { recursive: true, force: true });
    await mkdir(path.join(folder, 'state'), { recursive: true });
    await writeFile(path.join(folder, 'config.json'), JSON.stringify(config));
    const env = { BLOCKHOUSE_DATA: path.join(folder, 'state'), VC_PASSWORD: sim.password };
    const child = spawn(process.execPath, [PROGRAM, 'serve', '--config', path.join(folder, 'config.json')], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const service = new Service(folder, child, env);
    await listening(child);
    const login = ['--url', sim.url, '--user', sim.username, '--password-env', 'VC_PASSWORD'];
    const mounted = ['--datastore-path', `${DATASTORE}=${sim.datastoreDirs[DATASTORE]!}`];
    await service.run(['server', 'add', 'vc', ...login, '--fingerprint', sim.fingerprint, ...mounted]);
    return service;
  }

  /** The document that the command prints. @throws Error when it fails */
  async run<T>(words: readonly string[]): Promise<T> {
    return JSON.parse((await this.measure(words)).stdout) as T;
  }

  /** What the service and its workers used while the command ran. @throws Error when it fails */
  measure(words: readonly string[]): Promise<Measured & { readonly stdout: string }> {
    return measureService(this.#child.pid!, this.#command(words));
  }

  #command(words: readonly string[]) {
    const line = [process.execPath, PROGRAM, ...words, '--json'].map(quote).join(' ');
    return { line, cwd: this.folder, env: this.#env };
  }

  /** What the command itself uses while it waits. */
  measureClient(words: readonly string[]): Promise<Measured> {
    return measureCommand(this.#command(words));
  }

  /** The end of the service's log, for an error. */
  async log(): Promise<string> {
    const text = await readFile(path.join(this.folder, 'state', 'logs', 'master.log'), 'utf8').catch(
      () => '',
    );
    return text.slice(-2000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await gone;
  }
}

async function listening(child: ChildProcess): Promise<void> {
  const heard = new Promise<string>((resolve) => {
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (bytes: Buffer) => {
        if (bytes.toString().includes('Listening')) resolve('');
      });
  });
  const failed = once(child, 'exit').then(() => 'it ended');
  const late = new Promise<string>((resolve) => setTimeout(resolve, START_MS, 'it was too slow').unref());
  const why = await Promise.race([heard, failed, late]);
  if (why !== '') throw new Error(`The service did not start: ${why}`);
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
