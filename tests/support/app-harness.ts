/** A whole service in a folder of its own, with the fake worker, a made-up inventory and a made-up snapshot removal. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { App } from '../../master/app.ts';
import { type Removal } from '../../master/dispatch/ports.ts';
import { type VsphereAccess } from '../../master/adapters/vsphere-access.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { silentLog } from '../../shared/base/log.ts';
import { type JobBody, type RunView } from '../../shared/contract/api.ts';
import { type Config, parseConfig } from '../../shared/contract/config.ts';
import { type InventoryVm } from '../../shared/vsphere/inventory.ts';
import { tempFolder } from './temp.ts';

export const FAKE_WORKER = fileURLToPath(new URL('./fake-worker.ts', import.meta.url));

export interface WorkerNote {
  readonly pid: number;
  readonly event: string;
  readonly vm?: string;
  readonly token?: number;
  readonly taskId?: number;
  readonly attempt?: number;
  readonly base?: string | null;
  readonly reply?: { ok: boolean; error?: { code: string } };
}

export interface Harness extends AsyncDisposable {
  app: App;
  readonly dataDir: string;
  readonly folder: string;
  /** Names of the snapshots that the janitor was asked to remove. */
  readonly cleaned: string[];
  /** Results that the next removals have, `removed` after that. */
  readonly removals: Removal['result'][];
  vms: string[];
  job(name: string, body: Partial<JobBody>): Promise<void>;
  run(name: string): Promise<number>;
  /** Waits until `holds` of the run; fails after ten seconds with what the run looks like. */
  until(runId: number, holds: (run: RunView) => boolean): Promise<RunView>;
  done(runId: number): Promise<RunView>;
  openGate(vm: string): Promise<void>;
  notes(): Promise<readonly WorkerNote[]>;
  restart(): Promise<void>;
}

const DEADLINE_MS = 20_000;

export async function harness(
  devices: readonly { readonly name: string; readonly streams: number }[],
  settings: Partial<Config> = {},
): Promise<Harness> {
  const temp = await tempFolder();
  const dataDir = temp.file('data');
  const cleaned: string[] = [];
  const removals: Removal['result'][] = [];
  await mkdir(temp.file('gates'));
  const config = parseConfig({ retryDelayMs: 20, heartbeatMs: 100, janitorMs: 60_000, ...settings });
  const state: { vms: string[] } = { vms: [] };
  const vsphere = fakeVsphere({ cleaned, removals, vms: () => state.vms });
  const open = (): Promise<App> =>
    App.open({ dataDir, config, log: silentLog, clock: systemClock, workerEntry: FAKE_WORKER, vsphere });
  const made: Harness = {
    app: await open(),
    dataDir,
    folder: temp.path,
    cleaned,
    removals,
    get vms() {
      return state.vms;
    },
    set vms(names) {
      state.vms = names;
    },
    async job(name, body) {
      const defaults = {
        name,
        server: 'vc',
        vmPatterns: ['*'],
        devices: devices.map((device) => device.name),
      };
      await made.app.services.jobs.add({ ...defaults, ...body });
    },
    async run(name) {
      return (await made.app.services.jobs.run(name, undefined, AbortSignal.timeout(DEADLINE_MS))).runId;
    },
    async until(runId, holds) {
      const signal = AbortSignal.timeout(DEADLINE_MS);
      let view = await made.app.services.runs.show(runId);
      while (!holds(view)) {
        if (signal.aborted) throw new Error(`the run stays as it is: ${JSON.stringify(view, undefined, 1)}`);
        view = await made.app.services.runs.wait(runId, view.revision, 200, signal);
        if (view.state === 'done' && !holds(view)) {
          throw new Error(`the run ended otherwise: ${JSON.stringify(view, undefined, 1)}`);
        }
      }
      return view;
    },
    done: (runId) => made.until(runId, (run) => run.state === 'done'),
    openGate: (vm) => writeFile(path.join(temp.file('gates'), vm), ''),
    async notes() {
      const text = await readFile(temp.file('worker.log'), 'utf8').catch(() => '');
      const lines = text.split('\n').filter((line) => line !== '');
      return lines.map((line) => JSON.parse(line) as WorkerNote);
    },
    async restart() {
      await made.app[Symbol.asyncDispose]();
      made.app = await open();
    },
    async [Symbol.asyncDispose]() {
      await made.app[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
  await made.app.services.servers.add(
    {
      name: 'vc',
      url: 'https://vc.example/sdk',
      username: 'backup',
      password: 'geheim-7',
      fingerprint: null,
    },
    AbortSignal.timeout(DEADLINE_MS),
  );
  for (const { name, streams } of devices) {
    await mkdir(temp.file(name));
    await made.app.services.devices.add({ name, path: temp.file(name), streams });
  }
  return made;
}

/** Polls until `holds`; for what no run shows. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  while (!(await holds())) {
    if (signal.aborted) throw new Error('it did not come true in time');
    await sleep(10);
  }
}

export interface FakeServer {
  readonly cleaned: string[];
  readonly removals: Removal['result'][];
  readonly vms: () => readonly string[];
}

/** A server whose VMs have the names that `vms` gives. */
export function fakeVsphere({ cleaned, removals, vms }: FakeServer): VsphereAccess {
  return {
    login: () => Promise.resolve(),
    listVms: () => Promise.resolve(vms().map(inventoryVm)),
    probe: () =>
      Promise.resolve({ fullName: 'Fake', apiVersion: '8.0', vms: vms().length, missingPrivileges: [] }),
    fingerprint: () => Promise.resolve({ fingerprint: '00', trusted: true }),
    remove: (_server, snapshots) =>
      Promise.resolve(
        snapshots.map(({ snapshotName }) => {
          cleaned.push(snapshotName);
          const result = removals.shift() ?? 'removed';
          return result === 'failed'
            ? { snapshotName, result, error: new Error('refused') }
            : { snapshotName, result };
        }),
      ),
  };
}

export function inventoryVm(name: string): InventoryVm {
  return {
    moref: `vm-${name}`,
    name,
    inventoryPath: `/DC0/vm/${name}`,
    instanceUuid: `uuid-${name}`,
    biosUuid: `bios-${name}`,
    template: name.startsWith('template'),
    powerState: 'poweredOn',
    connectionState: 'connected',
    guestId: 'windows2019srv_64Guest',
    hardwareVersion: 19,
    changeTrackingSupported: true,
    changeTrackingEnabled: true,
    host: 'esx1',
    disks: [{ key: 2000, label: 'Hard disk 1', capacityBytes: 1024 }],
    provisionedBytes: 1024,
  };
}
