/**
 * The catalog with 10,000 VMs and a million restore points: filled through the tables of the product, asked through its
 * services, as the command line does, and where a question has no command yet, through the catalog.
 */
import { rm } from 'node:fs/promises';
import { statSync } from 'node:fs';
import path from 'node:path';
import { App } from '../../../master/app.ts';
import { Catalog } from '../../../master/catalog/catalog.ts';
import { type SavesetDiskRecord } from '../../../master/catalog/saveset-disks.ts';
import { systemClock } from '../../../shared/base/clock.ts';
import { silentLog } from '../../../shared/base/log.ts';
import { parseConfig } from '../../../shared/contract/config.ts';
import { noBytes } from '../../../shared/domain/task.ts';
import { seededRandom } from '../../../scripts/fixtures/content.ts';
import { fakeVsphere } from '../../support/app-harness.ts';
import { point } from '../../support/points.ts';
import { say } from '../progress.ts';
import { type CatalogResult, type QueryRow } from '../result/result.ts';

const VMS = 10_000;
const POINTS_PER_VM = 100;
/** A full, and increments that build on each other. */
const CHAIN = 30;
const BATCH = 5_000;
const ASKED = 300;
const DEVICES = 4;
const DAY_MS = 86_400_000;
const FIRST_DAY = Date.parse('2026-01-01T20:00:00.000Z');

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const savesetOf = (vm: number, day: number): string => `${hex(day, 4)}${hex(vm, 12)}`;
const deviceOf = (number: number): string => hex(number, 32);
const momentOf = (vm: number, day: number): string =>
  new Date(FIRST_DAY + day * DAY_MS + vm * 1000).toISOString();

export async function measureCatalog(folder: string): Promise<CatalogResult> {
  await rm(folder, { recursive: true, force: true });
  const dataDir = path.join(folder, 'state');
  await (await openApp(dataDir))[Symbol.asyncDispose]();
  say(`Fill a catalog with ${VMS} VMs and ${VMS * POINTS_PER_VM} points`);
  const fillPerSecond = fill(dataDir);
  await using app = await openApp(dataDir);
  say('Ask it');
  const queries = [...(await askServices(app)), ...askCatalog(dataDir)];
  const fileBytes = statSync(path.join(dataDir, 'catalog.db')).size;
  return { vms: VMS, points: VMS * POINTS_PER_VM, fillPerSecond, fileBytes, queries };
}

function openApp(dataDir: string): Promise<App> {
  const vsphere = fakeVsphere({ cleaned: [], removals: [], vms: () => [] });
  return App.open({ dataDir, config: parseConfig({}), log: silentLog, clock: systemClock, vsphere });
}

function fill(dataDir: string): number {
  using catalog = Catalog.open(dataDir);
  for (let number = 0; number < DEVICES; number++)
    catalog.devices.register({
      deviceId: deviceOf(number),
      name: `disk${number}`,
      path: '/nowhere',
      streams: 4,
    });
  const startedAt = performance.now();
  let batch: (() => void)[] = [];
  const store = (): void => {
    catalog.transact(() => batch.forEach((work) => work()));
    batch = [];
  };
  for (let day = 0; day < POINTS_PER_VM; day++)
    for (let vm = 0; vm < VMS; vm++) {
      batch.push(() => addPoint(catalog, vm, day));
      if (batch.length === BATCH) store();
    }
  store();
  return (VMS * POINTS_PER_VM) / ((performance.now() - startedAt) / 1000);
}

function addPoint(catalog: Catalog, vm: number, day: number): void {
  const isFull = day % CHAIN === 0;
  const counters = {
    ...noBytes,
    provisioned: 2 ** 36,
    used: 2 ** 35,
    changed: 2 ** 30,
    read: 2 ** 30,
    stored: 2 ** 29,
  };
  const record = point(savesetOf(vm, day), {
    token: day * VMS + vm + 1,
    deviceId: deviceOf(vm % DEVICES),
    runId: day + 1,
    taskId: day * VMS + vm + 1,
    vmName: `vm${vm}`,
    vmUuid: `5012c0de-0000-4000-8000-${hex(vm, 12)}`,
    vmMoref: `vm-${vm}`,
    type: isFull ? 'full' : 'incremental',
    baseId: isFull ? null : savesetOf(vm, day - 1),
    createdAt: momentOf(vm, day),
    finishedAt: momentOf(vm, day),
    consistency: day % 7 === 0 ? 'crash' : 'application',
    counters,
  });
  catalog.savesets.insertUnsealed(record);
  catalog.savesets.setSealed(record, [diskOf(isFull ? 'full' : 'incremental', counters)]);
}

function diskOf(type: 'full' | 'incremental', counters: SavesetDiskRecord['counters']): SavesetDiskRecord {
  const volume = {
    startBytes: 2 ** 20,
    lengthBytes: 2 ** 36,
    fileSystem: 'ntfs',
    label: 'System',
    clusterBytes: 4096,
    usedBytes: 2 ** 35,
    freeBytes: 2 ** 35,
    skippedBytes: 2 ** 28,
    kept: [],
    gate: null,
    reason: null,
  };
  return {
    key: 2000,
    label: 'Hard disk 1',
    uuid: '6000C290-0000-0000-0000-000000000001',
    capacityBytes: 2 ** 36,
    type,
    transport: 'https',
    filter: 'ntfs',
    volumes: [volume],
    fallback: null,
    counters,
  };
}

type Ask = (vm: number, day: number) => unknown;

async function askServices({ services: { points, devices } }: App): Promise<QueryRow[]> {
  const uuid = (vm: number): string => `5012c0de-0000-4000-8000-${hex(vm, 12)}`;
  const questions: readonly (readonly [string, Ask])[] = [
    ['newest 50 points of a VM, by name', (vm) => points.list({ vm: `vm${vm}`, limit: 50 })],
    ['newest 50 points of a VM, by instance UUID', (vm) => points.list({ vm: uuid(vm), limit: 50 })],
    ['newest 50 points of a VM, by moref', (vm) => points.list({ vm: `vm-${vm}`, limit: 50 })],
    [
      'point of a VM at a time',
      (vm, day) => points.list({ vm: `vm${vm}`, before: momentOf(vm, day), limit: 1 }),
    ],
    [
      'newest application-consistent point before a time',
      async (vm, day) => {
        const found = await points.list({ vm: `vm${vm}`, before: momentOf(vm, day), limit: 30 });
        return found.find(({ consistency }) => consistency === 'application');
      },
    ],
    ['newest 50 points of all', () => points.list({ limit: 50 })],
    ['newest 50 points before a time', (vm, day) => points.list({ before: momentOf(vm, day), limit: 50 })],
    ['newest 50 points of a job', () => points.list({ job: 'nightly', limit: 50 })],
    ['one point with disks, chain and dependents', (vm, day) => points.show(savesetOf(vm, day))],
    ['end of a chain of 30', (vm) => points.show(savesetOf(vm, 2 * CHAIN - 1))],
    ['devices with their points', () => devices.list()],
  ];
  const rows: QueryRow[] = [];
  for (const question of questions) rows.push(await ask(question));
  return rows;
}

/** A second reader of the same file: what planning, retention and the next backup ask. */
function askCatalog(dataDir: string): QueryRow[] {
  using catalog = Catalog.open(dataDir);
  const { savesets } = catalog;
  const questions: readonly (readonly [string, Ask])[] = [
    ['points that depend on a full', (vm) => savesets.dependents(savesetOf(vm, CHAIN))],
    [
      'base of the next backup of a VM',
      (vm) =>
        savesets.newestPoint({
          job: 'nightly',
          server: 'vc',
          vmUuid: `5012c0de-0000-4000-8000-${hex(vm, 12)}`,
          vmMoref: `vm-${vm}`,
          fullOnly: false,
        }),
    ],
    ['last point of a VM of the inventory', (vm) => savesets.lastPointAt('vc', `vm-${vm}`)],
    ['inputs of a restore plan, chain of 30', (vm) => planInputs(catalog, savesetOf(vm, 2 * CHAIN - 1))],
  ];
  return questions.map(([query, work]) =>
    rowOf(
      query,
      sampled((vm, day) => void work(vm, day)),
    ),
  );
}

function planInputs(catalog: Catalog, savesetId: string): number {
  let disks = 0;
  for (let id: string | null = savesetId; id !== null;) {
    const found = catalog.savesets.point(id);
    disks += catalog.savesets.disksOf(id).length;
    catalog.devices.byId(found?.deviceId ?? '');
    id = found?.baseId ?? null;
  }
  return disks;
}

function* places(): Generator<readonly [number, number]> {
  const random = seededRandom('catalog');
  for (let asked = 0; asked < ASKED; asked++) yield [random(VMS), random(POINTS_PER_VM)];
}

function sampled(work: (vm: number, day: number) => void): number[] {
  return [...places()].map(([vm, day]) => {
    const startedAt = performance.now();
    work(vm, day);
    return performance.now() - startedAt;
  });
}

async function ask([query, work]: readonly [string, Ask]): Promise<QueryRow> {
  const times: number[] = [];
  for (const [vm, day] of places()) {
    const startedAt = performance.now();
    await work(vm, day);
    times.push(performance.now() - startedAt);
  }
  return rowOf(query, times);
}

function rowOf(query: string, times: readonly number[]): QueryRow {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  const row = { query, medianMs: at(0.5), p99Ms: at(0.99), maxMs: sorted.at(-1)! };
  say(`${query}: ${row.medianMs.toFixed(2)} ms, 99 of 100 within ${row.p99Ms.toFixed(2)} ms`);
  return row;
}
