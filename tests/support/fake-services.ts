/**
 * The service's core as the API sees it, in memory: enough behaviour for the HTTP and command line tests to look at, every call
 * written down. A test replaces single methods to make them fail or wait.
 */
import { AppError } from '../../shared/base/errors.ts';
import {
  type DeviceView,
  type HealthView,
  type JobView,
  jobBody,
  type PointView,
  type RestorePlanView,
  type RunView,
  type TaskView,
} from '../../shared/contract/api.ts';
import { type ServerView, type VmView } from '../../shared/contract/servers.ts';
import { type RebuildView } from '../../shared/contract/rebuild.ts';
import { type VerifyPlanView, verifyStarted } from '../../shared/contract/verification.ts';
import { type PruneView } from '../../shared/contract/retention.ts';
import { GiB, MiB } from '../../shared/base/units.ts';
import { noBytes } from '../../shared/domain/task.ts';
import { type Services } from '../../master/services.ts';

export const FINGERPRINT = Array.from({ length: 32 }, (_, at) => (at + 160).toString(16).toUpperCase()).join(
  ':',
);
const START = '2026-05-01T20:00:00.000Z';
const END = '2026-05-01T20:03:20.000Z';

export function aTask(over: Partial<TaskView> = {}): TaskView {
  return {
    taskId: 1,
    kind: 'backup',
    subject: 'db01',
    state: 'done',
    outcome: 'ok',
    attempts: 1,
    waitsFor: null,
    device: 'disk1',
    workerPid: null,
    progress: null,
    type: 'incremental',
    consistency: { asked: 'application', reached: 'application', reason: null },
    savesetId: '5f3a00000000c001',
    keptVolumes: [],
    startedAt: START,
    finishedAt: END,
    counters: {
      ...noBytes,
      provisioned: 100 * GiB,
      used: 40 * GiB,
      changed: 3 * GiB,
      skipped: GiB,
      read: 2 * GiB,
      stored: 700 * MiB,
    },
    phases: { snapshot: 2100, map: 300, read: 108_000, code: 42_000, write: 42_000, remove: 3000, seal: 400 },
    error: null,
    retriedErrors: [],
    warnings: [],
    report: null,
    ...over,
  };
}

export function aRun(over: Partial<RunView> = {}): RunView {
  return {
    runId: 12,
    kind: 'backup',
    job: 'nightly',
    requestedType: 'auto',
    state: 'done',
    outcome: 'ok',
    startedAt: START,
    finishedAt: END,
    revision: 5,
    streams: {
      setting: 4,
      effective: 2,
      inUse: 0,
      why: '2 of the 4 that are allowed, because device "disk1" has 2',
    },
    snapshots: 0,
    tasks: [aTask()],
    warnings: [],
    ...over,
  };
}

function aPoint(over: Partial<PointView> = {}): PointView {
  return {
    savesetId: '5f3a00000000c001',
    vm: 'db01',
    instanceUuid: '5012c0de-0000-4000-8000-000000000001',
    server: 'vc1',
    job: 'nightly',
    type: 'incremental',
    base: '5f3900000000c000',
    createdAt: START,
    device: 'disk1',
    deviceOnline: true,
    consistency: 'filesystem',
    consistencyAsked: 'application',
    runId: 12,
    taskId: 1,
    disks: [
      {
        key: 2000,
        label: 'Hard disk 1',
        uuid: '6000C290-0000-0000-0000-000000000001',
        capacityBytes: 100 * GiB,
        type: 'incremental',
        transport: 'https',
        filter: 'ntfs',
        volumes: [
          {
            startBytes: MiB,
            lengthBytes: 99 * GiB,
            fileSystem: 'ntfs',
            label: 'System',
            clusterBytes: 4096,
            usedBytes: 40 * GiB,
            freeBytes: 59 * GiB,
            skippedBytes: GiB,
            kept: [{ why: 'shadow copies of the guest', bytes: 58 * GiB }],
            gate: null,
            reason: null,
          },
        ],
        fallback: null,
        counters: { ...noBytes, changed: 3 * GiB, skipped: GiB, read: 2 * GiB, stored: 700 * MiB },
      },
    ],
    leftOutDisks: [
      { key: 2001, label: 'Hard disk 2', reason: 'independent disks are not part of a snapshot' },
    ],
    counters: { ...noBytes, stored: 700 * MiB },
    warnings: [{ code: 'CONSISTENCY_LOWERED', message: 'Cannot quiesce "db01" for applications' }],
    chain: ['5f3a00000000c001', '5f3900000000c000'],
    missing: null,
    dependents: 0,
    verifiedAt: null,
    pin: null,
    ...over,
  };
}

/** One point now, two later. */
export function aVerifyPlan(over: Partial<VerifyPlanView> = {}): VerifyPlanView {
  const { savesetId, vm, device, createdAt } = aPoint();
  return {
    points: [{ savesetId, vm, device, createdAt, verifiedAt: null, readBytes: 700 * MiB }],
    total: { points: 1, readBytes: 700 * MiB },
    left: { points: 2, readBytes: GiB, moreRuns: 2, isComplete: true },
    obstacles: [],
    ...over,
  };
}

/** Of two points one is deleted. */
export function aPruning(over: Partial<PruneView> = {}): PruneView {
  const { savesetId, vm, job, device, createdAt } = aPoint();
  const point = { vm, job, device, createdAt, type: 'full' as const, storedBytes: 700 * MiB };
  return {
    dryRun: false,
    plan: '0011223344556677',
    points: [
      { ...point, savesetId, verdict: 'keep', reasons: ['newest point', 'one of the last 1'] },
      { ...point, savesetId: '5f3900000000c000', verdict: 'delete', reasons: ['no rule keeps it'] },
    ],
    unlisted: 0,
    totals: { kept: 1, deleted: 1, storedBytes: 700 * MiB, unreferencedBytesAtMost: GiB },
    failures: [],
    reclaims: [{ device, runId: 12, reason: null }],
    ...over,
  };
}

const aPlan: RestorePlanView = {
  savesetId: '5f3a00000000c001',
  vm: 'db01',
  createdAt: START,
  possible: true,
  obstacles: [],
  chain: [
    {
      savesetId: '5f3a00000000c001',
      type: 'incremental',
      createdAt: START,
      device: 'disk1',
      online: true,
      writeBytes: 2 * GiB,
    },
    {
      savesetId: '5f3900000000c000',
      type: 'full',
      createdAt: START,
      device: 'disk2',
      online: true,
      writeBytes: 38 * GiB,
    },
  ],
  disks: [
    {
      key: 2000,
      label: 'Hard disk 1',
      capacityBytes: 100 * GiB,
      savesets: 2,
      packs: 41,
      chunks: 40_960,
      readBytes: 21 * GiB,
      writeBytes: 40 * GiB,
      zeroBytes: 0,
      freeBytes: 60 * GiB,
    },
  ],
  totals: { packs: 41, readBytes: 21 * GiB, writeBytes: 40 * GiB },
};

const aVm: VmView = {
  moref: 'vm-101',
  name: 'db01',
  inventoryPath: '/DC0/vm/prod/db01',
  instanceUuid: '5012c0de-0000-4000-8000-000000000001',
  powerState: 'poweredOn',
  template: false,
  changeTracking: true,
  provisionedBytes: 100 * GiB,
  disks: [{ key: 2000, label: 'Hard disk 1', capacityBytes: 100 * GiB }],
  lastPoint: '2026-05-01T20:00:00.000Z',
};

const aKeySlot = {
  slotId: '00112233445566bb',
  label: 'night operator',
  createdAt: '2026-05-01T20:00:00.000Z',
  inUse: true,
};

const aDevice = (name: string, path: string, streams: number): DeviceView => ({
  name,
  deviceId: '0011223344556677',
  path,
  streams,
  streamsInUse: 0,
  online: true,
  offlineReason: null,
  freeBytes: 500 * GiB,
  points: 3,
  encrypted: false,
  keySlots: [],
  holders: [],
  waiting: [],
});

export interface FakeCore {
  readonly services: Services;
  /** What was called, oldest first: `jobs.add {"name":…}`. */
  readonly calls: string[];
  /** The states of run 12 that one poll after the other finds; the last one stays. */
  runs: RunView[];
  readonly servers: Map<string, ServerView>;
  readonly devices: Map<string, DeviceView>;
  readonly jobs: Map<string, JobView>;
  trusted: boolean;
  /** What pruning does. */
  pruned: PruneView;
  verifyPlan: VerifyPlanView;
}

function found<T>(map: ReadonlyMap<string, T>, kind: string, name: string): T {
  const value = map.get(name);
  if (value === undefined)
    throw new AppError('USAGE_NOT_FOUND', `Cannot find ${kind} "${name}"`, { kind, name });
  return value;
}

function refuseTaken(map: ReadonlyMap<string, unknown>, kind: string, name: string): void {
  if (map.has(name))
    throw new AppError('USAGE_CONFLICT', `Cannot add ${kind} "${name}": there is one of this name`);
}

/* eslint-disable @typescript-eslint/require-await -- the services are asynchronous, their memory is not */
export function fakeCore(): FakeCore {
  const core = {
    calls: [] as string[],
    runs: [aRun()],
    servers: new Map<string, ServerView>(),
    devices: new Map<string, DeviceView>(),
    jobs: new Map<string, JobView>(),
    trusted: true,
    pruned: aPruning(),
    verifyPlan: aVerifyPlan(),
  };
  const called = (name: string, body?: unknown): void => {
    core.calls.push(body === undefined ? name : `${name} ${JSON.stringify(body)}`);
  };
  const nextRun = (id: number): RunView => {
    const run = core.runs.length > 1 ? core.runs.shift() : core.runs[0];
    if (run?.runId !== id) throw new AppError('USAGE_NOT_FOUND', `Cannot find run "${id}"`);
    return run;
  };
  const services: Services = {
    servers: {
      async add(body) {
        called('servers.add', { ...body, password: `${body.password.length} characters` });
        if (body.replace !== true) refuseTaken(core.servers, 'server', body.name);
        // the password is left in on purpose: the API must cut it off
        const server = { ...body, datastorePaths: body.datastorePaths ?? {} };
        core.servers.set(body.name, server);
        return server;
      },
      list: async () => [...core.servers.values()],
      async remove(name, { force = false, dryRun = false } = {}) {
        found(core.servers, 'server', name);
        called('servers.remove', { name, force, dryRun });
        const left = [{ vm: 'db01', moref: 'vm-1', snapshot: 'blockhouse-7' }];
        if (!dryRun) core.servers.delete(name);
        return { removed: !dryRun, left, leftCount: 3, jobs: dryRun ? ['nightly'] : [] };
      },
      async test(name) {
        found(core.servers, 'server', name);
        return {
          name,
          fullName: 'VMware vCenter Server 8.0',
          apiVersion: '8.0.1.0',
          vms: 1,
          missingPrivileges: [],
        };
      },
      fingerprint: async () => ({ fingerprint: FINGERPRINT, trusted: core.trusted }),
      async vms(name) {
        found(core.servers, 'server', name);
        return [aVm];
      },
    },
    devices: {
      async add(body) {
        called('devices.add', body);
        refuseTaken(core.devices, 'device', body.name);
        const device = {
          ...aDevice(body.name, body.path, body.streams ?? 1),
          encrypted: body.encrypt ?? false,
        };
        if (body.path.endsWith('/locked') && body.password === undefined)
          throw new AppError('REPO_DEVICE_LOCKED', `Cannot use "${body.path}": it is encrypted`);
        core.devices.set(body.name, device);
        const none: RebuildView = { dryRun: false, devices: [], jobs: [], broken: 0, brokenPoints: [] };
        return { ...device, brought: body.path.endsWith('/used') ? aRebuild(false) : none };
      },
      list: async () => [...core.devices.values()],
      show: async (name) => found(core.devices, 'device', name),
      async remove(name) {
        found(core.devices, 'device', name);
        called('devices.remove', name);
        core.devices.delete(name);
      },
      async check(name, body) {
        found(core.devices, 'device', name);
        called('devices.check', body);
        return { runId: 12 };
      },
      async repair(name, body) {
        found(core.devices, 'device', name);
        called('devices.repair', body);
        return { runId: 12 };
      },
      async reclaim(name, body) {
        found(core.devices, 'device', name);
        called('devices.reclaim', body);
        return { runId: 12 };
      },
    },
    keys: {
      list: async (name) => {
        found(core.devices, 'device', name);
        return { slots: [aKeySlot], damaged: ['ffffffffffffffff'] };
      },
      async add(name, body) {
        called(`keys.add ${name}`, body);
        return { ...aKeySlot, label: body.label ?? '', inUse: false };
      },
      async change(name, body) {
        called(`keys.change ${name}`, body);
        return aKeySlot;
      },
      async remove(name, slotId) {
        called(`keys.remove ${name}`, slotId);
      },
      async unlock(name, body) {
        called(`keys.unlock ${name}`, body);
      },
    },
    async inspect(body) {
      called('inspect', body);
      return { runId: 12 };
    },
    jobs: {
      async add(body) {
        called('jobs.add', body);
        refuseTaken(core.jobs, 'job', body.name);
        const job = jobBody.parse(body);
        core.jobs.set(job.name, job);
        return job;
      },
      list: async () => [...core.jobs.values()],
      show: async (name) => found(core.jobs, 'job', name),
      async edit(name, patch) {
        called('jobs.edit', patch);
        const job = found(core.jobs, 'job', name);
        const edited = jobBody.parse({ ...job, ...patch, options: { ...job.options, ...patch.options } });
        core.jobs.set(name, edited);
        return edited;
      },
      async remove(name) {
        found(core.jobs, 'job', name);
        core.jobs.delete(name);
      },
      selection: async () => ({
        selected: [{ name: 'db01', inventoryPath: '/DC0/vm/prod/db01', provisionedBytes: 100 * GiB }],
        leftOut: [{ name: 'db-template', inventoryPath: '/DC0/vm/db-template', reason: 'it is a template' }],
      }),
      async run(name, type) {
        found(core.jobs, 'job', name);
        called('jobs.run', { name, type });
        return { runId: 12 };
      },
    },
    runs: {
      list: async () =>
        core.runs.map((run) => ({ ...run, tasks: run.tasks.length, succeeded: 1, failed: 0 })),
      show: async (id) => nextRun(id),
      wait: async (id) => nextRun(id),
      async cancel(id) {
        called('runs.cancel', id);
        return nextRun(id);
      },
    },
    points: {
      async list(query) {
        called('points.list', query);
        return [aPoint()];
      },
      async show(id) {
        if (!aPoint().savesetId.startsWith(id))
          throw new AppError('USAGE_NOT_FOUND', `Cannot find point "${id}"`);
        return aPoint();
      },
      async pin(id, body) {
        called('points.pin', { id, ...body });
        return aPoint({ pin: { pinnedAt: START, note: body.note ?? '' } });
      },
      async unpin(id) {
        called('points.unpin', id);
        return aPoint();
      },
      async consolidate(id, body) {
        called('points.consolidate', { id, ...body });
        const { savesetId, vm, createdAt, chain, dependents } = aPoint();
        const point = { savesetId, vm, createdAt, chain, dependents, possible: true, obstacles: [] };
        return { ...point, runId: body.dryRun === true ? null : 7 };
      },
    },
    async prune(body) {
      called('prune', body);
      if (body.dryRun === true) return { ...core.pruned, dryRun: true, failures: [], reclaims: [] };
      return core.pruned;
    },
    restore: {
      plan: async () => aPlan,
      async disk(body) {
        called('restore.disk', body);
        return { runId: 12 };
      },
    },
    verify: {
      plan: async (body) => {
        called('verify.plan', body);
        return core.verifyPlan;
      },
      start: async (body) => {
        called('verify', body);
        const runId = core.verifyPlan.total.points === 0 ? null : 12;
        return verifyStarted.parse({ runId, ...core.verifyPlan });
      },
    },
    async rebuild(body) {
      called('rebuild', body);
      return aRebuild(body.dryRun ?? false);
    },
    health: async (): Promise<HealthView> => ({
      version: '0.1.0',
      pid: process.pid,
      startedAt: START,
      activeRuns: 0,
      compression: { codec: 'zstd', provider: 'zstd-napi' },
    }),
  };
  return Object.assign(core, { services });
}
/* eslint-enable @typescript-eslint/require-await */

/** What rebuilding finds on a device that was in use. */
function aRebuild(dryRun: boolean): RebuildView {
  const counts = { points: 3, added: 2, chains: 2, pins: 1, forgotten: 0, replaced: 0, damaged: 1 };
  const damagedPoints = [{ savesetId: '5f3a00000000c001', reason: 'its manifest is damaged' }];
  const notes = ['add server "vc1" with "server add"'];
  return {
    dryRun,
    devices: [{ device: 'tape0', ...counts, offlineReason: null, damagedPoints, warnings: ['odd pin'] }],
    jobs: [
      { job: 'nightly', state: 'restored', notes },
      { job: 'weekly', state: 'known', notes: [] },
    ],
    broken: 3,
    brokenPoints: [{ savesetId: '5f3a00000000c002', vm: 'db01', missing: '5f3a00000000c001' }],
  };
}
