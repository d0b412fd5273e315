/**
 * A whole world that a test may throw away: a simulated vCenter in its own process, the service with its real worker, and
 * folders for its catalog, its devices and what is restored. Nothing between the API of the service and the disks is made up.
 */
import { assert } from 'chai';
import { mkdir, readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { App } from '../../master/app.ts';
import { type Services } from '../../master/services.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { type Log, silentLog } from '../../shared/base/log.ts';
import { type JobBody, type PointView, type RunView } from '../../shared/contract/api.ts';
import { type ServerBody } from '../../shared/contract/servers.ts';
import { type Config, parseConfig } from '../../shared/contract/config.ts';
import { type RequestedType } from '../../shared/domain/backup-type.ts';
import { type Manifest } from '../../shared/format/manifest.ts';
import { type OpenDevice, openDevice } from '../../shared/repository/device.ts';
import { readSealedManifest } from '../../shared/repository/saveset-store.ts';
import { openLocalStorage } from '../../shared/repository/storage-local.ts';
import { type Storage } from '../../shared/repository/storage.ts';
import { type TempFolder, tempFolder } from './temp.ts';
import { type SiteConfig } from './vcenter-sim/config.ts';
import { SimProcess } from './vcenter-sim/sim-process.ts';

const DEADLINE_MS = 100_000;

/** Short pauses, so that retries do not take longer than the work. */
const QUICK: Partial<Config> = { retryDelayMs: 50, heartbeatMs: 200, janitorMs: 1_000, shutdownMs: 5_000 };

export interface WorldOptions {
  readonly site: SiteConfig;
  /** Streams by device name; default one device `tape0` with one stream. */
  readonly devices?: Readonly<Record<string, number>>;
  readonly settings?: Partial<Config>;
  /** The datastores count as mounted on this host: the transport `file` serves. */
  readonly mounted?: boolean;
}

export type TaskView = RunView['tasks'][number];

/** Everything is gone when it is disposed of. */
export class RealWorld implements AsyncDisposable {
  readonly sim: SimProcess;
  readonly #temp: TempFolder;
  readonly #settings: Partial<Config>;
  #app: App | undefined;
  #images = 0;

  private constructor(sim: SimProcess, temp: TempFolder, settings: Partial<Config>) {
    this.sim = sim;
    this.#temp = temp;
    this.#settings = { ...QUICK, ...settings };
  }

  /** A world with the server `vc` and the devices; jobs are the test's own. */
  static async open(options: WorldOptions): Promise<RealWorld> {
    const { site, devices = { tape0: 1 }, settings = {}, mounted = false } = options;
    const temp = await tempFolder();
    const world = new RealWorld(await SimProcess.start(site), temp, settings);
    await world.openApp();
    await world.addServer(mounted ? { datastorePaths: { ...world.sim.datastoreDirs } } : {});
    for (const [name, streams] of Object.entries(devices)) await world.addDevice(name, streams);
    return world;
  }

  get services(): Services {
    assert.isDefined(this.#app, 'the service is open');
    return this.#app.services;
  }

  get dataDir(): string {
    return this.file('state');
  }

  get config(): Config {
    return parseConfig(this.#settings);
  }

  /** A path in the world's own folder. */
  file(name: string): string {
    return this.#temp.file(name);
  }

  async openApp(log: Log = silentLog): Promise<void> {
    const { dataDir, config } = this;
    this.#app = await App.open({ dataDir, config, log, clock: systemClock });
  }

  async closeApp(): Promise<void> {
    await this.#app?.[Symbol.asyncDispose]();
    this.#app = undefined;
  }

  /** The login of the simulated server, as `vc` unless `changes` say otherwise. */
  async addServer(changes: Partial<ServerBody> = {}): Promise<void> {
    const { url, username, password, fingerprint } = this.sim;
    const body = { name: 'vc', url: `${url}/sdk`, username, password, fingerprint, ...changes };
    await this.services.servers.add(body, AbortSignal.timeout(DEADLINE_MS));
  }

  async addDevice(name: string, streams: number, folder = this.file(name)): Promise<void> {
    await mkdir(folder, { recursive: true });
    await this.services.devices.add({ name, path: folder, streams });
  }

  /** A job of these VMs on all devices, crash consistent unless `body` says otherwise. */
  async addJob(name: string, vms: readonly string[], body: Partial<JobBody> = {}): Promise<void> {
    const devices = (await this.services.devices.list()).map((device) => device.name);
    const options = { consistency: 'crash' as const, ...body.options };
    await this.services.jobs.add({ name, server: 'vc', vmPatterns: [...vms], devices, ...body, options });
  }

  async startJob(name: string, type?: RequestedType): Promise<number> {
    return (await this.services.jobs.run(name, type, AbortSignal.timeout(DEADLINE_MS))).runId;
  }

  /** Runs a job to its end, whatever the end is. */
  async runJob(name: string, type?: RequestedType): Promise<RunView> {
    return this.done(await this.startJob(name, type));
  }

  /** The run when `holds` of it; fails with what it looks like when it ends otherwise or does not end. */
  async until(runId: number, holds: (run: RunView) => boolean): Promise<RunView> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    let view = await this.services.runs.show(runId);
    while (!holds(view)) {
      if (signal.aborted || view.state === 'done') {
        throw new Error(`The run is otherwise: ${JSON.stringify(view, undefined, 1)}`);
      }
      view = await this.services.runs.wait(runId, view.revision, 500, signal);
    }
    return view;
  }

  done(runId: number): Promise<RunView> {
    return this.until(runId, (run) => run.state === 'done');
  }

  /** The newest restore point of a VM. */
  async pointOf(vm: string): Promise<PointView> {
    const [newest] = await this.services.points.list({ vm, limit: 1 });
    assert.isDefined(newest, `"${vm}" has a restore point`);
    return this.services.points.show(newest.savesetId);
  }

  async pointCount(vm: string): Promise<number> {
    return (await this.services.points.list({ vm, limit: 100 })).length;
  }

  /** Starts a restore and waits for its end. */
  async restore(point: string, disk: string, path: string, format: 'raw' | 'vmdk' = 'raw'): Promise<RunView> {
    return this.done((await this.services.restore.disk({ point, disk, path, format })).runId);
  }

  /** Restores a disk, which must succeed, and tells where to. */
  async restoreTo(point: string, disk: number, format: 'raw' | 'vmdk' = 'raw'): Promise<string> {
    const path = this.file(`restored-${++this.#images}.${format}`);
    assertOutcome(await this.restore(point, String(disk), path, format), 'ok');
    return path;
  }

  async verify(point: string): Promise<RunView> {
    const { runId } = await this.services.verify.start({ points: [point] });
    return this.done(runId!);
  }

  storage(device = 'tape0'): Storage {
    return openLocalStorage(this.file(device));
  }

  /** A device in clear, open. */
  open(device = 'tape0'): Promise<OpenDevice> {
    return openDevice(this.storage(device));
  }

  async manifest(savesetId: string, device = 'tape0'): Promise<Manifest> {
    return readSealedManifest(await this.open(device), savesetId);
  }

  /** Nothing is left on the server, and the ledger does not name anything either. */
  async assertNoSnapshots(): Promise<void> {
    const { snapshotsNow, byVm } = await this.sim.stats();
    assert.equal(snapshotsNow, 0, JSON.stringify(byVm));
    const runs = await this.services.runs.list({ limit: 100 });
    for (const { runId } of runs) assert.equal((await this.services.runs.show(runId)).snapshots, 0);
  }

  /** The savesets that are on a device and not sealed, and packs in the making. */
  async unfinished(device = 'tape0'): Promise<readonly string[]> {
    const incoming = await readdir(`${this.file(device)}/incoming`).catch(() => []);
    const savesets = await readdir(`${this.file(device)}/savesets`).catch(() => []);
    const sealed = await Promise.all(
      savesets.map((id) => this.storage(device).exists(`savesets/${id}/seal.json`)),
    );
    return [...incoming, ...savesets.filter((_id, i) => sealed[i] === false)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeApp().finally(() => this.sim[Symbol.asyncDispose]());
    await this.#temp[Symbol.asyncDispose]();
  }
}

/** The task of a VM, or of what is restored: its subject begins with `subject`. */
export function taskOf(run: RunView, subject: string): TaskView {
  const found = run.tasks.find((task) => task.subject === subject || task.subject.startsWith(`${subject} `));
  assert.isDefined(found, `there is a task of "${subject}"`);
  return found;
}

/** Fails with all that the run says when it ended otherwise. */
export function assertOutcome(run: RunView, outcome: RunView['outcome']): void {
  if (run.outcome !== outcome) {
    const tasks = run.tasks.map(({ subject, outcome: ended, error, retriedErrors, warnings }) => ({
      subject,
      ended,
      error,
      retriedErrors,
      warnings,
    }));
    assert.fail(`the run ended "${run.outcome}", not "${outcome}": ${JSON.stringify(tasks, undefined, 1)}`);
  }
}

/** Codes of a task's warnings. */
export const warningCodes = (task: TaskView): readonly string[] => task.warnings.map(({ code }) => code);

/** Polls until `holds`; for what no run shows. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const signal = AbortSignal.timeout(DEADLINE_MS / 2);
  while (!(await holds())) {
    if (signal.aborted) throw new Error('it did not come true in time');
    await sleep(20);
  }
}
