/** The product's own measurements: a full backup and what follows it, and fulls that are made in another way. */
import path from 'node:path';
import { type PointSummary } from '../../../shared/contract/api.ts';
import { type SimProcess } from '../../support/vcenter-sim/sim-process.ts';
import { type Patch, patchesBack, readPatches } from '../disk/patches.ts';
import { type BenchName } from '../options.ts';
import { storedBytesOf } from './folder-size.ts';
import { type Service } from './service.ts';
import { type Stage } from './stage.ts';

const BATCH_BYTES = 8 * 2 ** 20;
const DISK_KEY = 2000;
/** The VM that is measured, and one with the very same disk. */
export const MACHINE = 'win1';
export const TWIN = 'win2';

export interface Ours {
  readonly stage: Stage;
  readonly sim: SimProcess;
  readonly service: Service;
}

interface Way {
  readonly name: string;
  readonly device: string;
  readonly machine: string;
  readonly options: readonly string[];
}

const WAYS: Readonly<Partial<Record<BenchName, readonly string[]>>> = {
  'full-no-abm': ['--transport', 'file', '--no-abm'],
  https: ['--transport', 'https'],
  'https-no-abm': ['--transport', 'https', '--no-abm'],
};

const FOLLOWING: readonly BenchName[] = ['incremental', 'restore', 'verify', 'dedup'];

/** A full with ABM over the `file` transport, and what is asked for on top of it. */
export async function measureChain(ours: Ours): Promise<void> {
  const { stage } = ours;
  const { only } = stage.options;
  if (!['full', ...FOLLOWING].some((name) => only.has(name as BenchName))) return;
  const device = `full-${stage.round}`;
  const way = { name: 'full', device, machine: MACHINE, options: ['--transport', 'file'] };
  await stage.attempt('full', async () => {
    await withDevice(ours, device, async () => {
      await addJob(ours, way);
      const point = await backUp(ours, way, 'full');
      if (only.has('restore')) await stage.attempt('restore', () => restore(ours, device, point));
      if (only.has('verify')) await stage.attempt('verify', () => verify(ours, device, point));
      if (only.has('dedup')) await stage.attempt('dedup', () => backUpTwin(ours, device));
      if (only.has('incremental')) await stage.attempt('incremental', () => increments(ours, way));
    });
  });
}

/** A full of another kind, on a device of its own. */
export async function measureFull(ours: Ours, name: BenchName): Promise<void> {
  const { stage } = ours;
  const options = WAYS[name];
  if (options === undefined || !stage.options.only.has(name)) return;
  const device = `${name}-${stage.round}`;
  await stage.attempt(name, async () => {
    await withDevice(ours, device, async () => {
      const way = { name, device, machine: MACHINE, options };
      await addJob(ours, way);
      await backUp(ours, way, 'full');
    });
  });
}

async function withDevice(
  { stage, service }: Ours,
  device: string,
  work: () => Promise<void>,
): Promise<void> {
  const folder = await stage.freshFolder(device);
  await service.run(['device', 'add', device, '--path', folder]);
  try {
    await work();
  } finally {
    await stage.dropFolder(device);
  }
}

const jobOf = ({ device, machine }: Way): string => `${device}-${machine}`;

async function addJob({ service }: Ours, way: Way): Promise<void> {
  const { machine, device, options } = way;
  const words = ['job', 'add', jobOf(way), '--server', 'vc', '--vm', machine, '--device', device];
  await service.run([...words, '--consistency', 'crash', ...options]);
}

/** Cold, and waited for. Resolves with the id of the restore point. */
async function backUp(ours: Ours, way: Way, type: string): Promise<string> {
  const { stage, sim, service } = ours;
  const before = await storedBytesOf(stage.folder(way.device));
  stage.emptyCache(...Object.values(sim.datastoreDirs), stage.folder(way.device));
  const measured = await service.measure(['job', 'run', jobOf(way), '--type', type, '--wait']);
  const storedBytes = (await storedBytesOf(stage.folder(way.device))) - before;
  const [point] = await service.run<PointSummary[]>(['point', 'list', '--job', jobOf(way), '--limit', '1']);
  stage.keep(way.name, measured, { storedBytes, counters: point!.counters });
  return point!.savesetId;
}

async function restore({ stage, service }: Ours, device: string, point: string): Promise<void> {
  const file = path.join(await stage.freshFolder('restored'), 'disk.img');
  stage.emptyCache(stage.folder(device));
  const measured = await service.measure(['restore', 'disk', point, '--disk', '1', '--to', file]);
  stage.keep('restore', measured);
  await stage.dropFolder('restored');
}

async function verify({ stage, service }: Ours, device: string, point: string): Promise<void> {
  stage.emptyCache(stage.folder(device));
  stage.keep('verify', await service.measure(['verify', point]));
}

async function backUpTwin(ours: Ours, device: string): Promise<void> {
  const way = { name: 'dedup', device, machine: TWIN, options: ['--transport', 'file'] };
  await addJob(ours, way);
  await backUp(ours, way, 'full');
}

/** 1 %, then 10 %; at the end the disk is what it was. */
async function increments(ours: Ours, way: Way): Promise<void> {
  const { sim, stage } = ours;
  const { files } = stage;
  const percents = files.disk.changes.map(({ percent }) => percent);
  try {
    for (const percent of percents) {
      await asGuest(sim, readPatches(files.change(percent)));
      await backUp(ours, { ...way, name: `incremental-${percent}` }, 'incremental');
    }
  } finally {
    for (const percent of percents) await asGuest(sim, patchesBack(files.change(percent), files.image));
  }
}

async function asGuest(sim: SimProcess, patches: Iterable<Patch>): Promise<void> {
  let batch: Patch[] = [];
  let bytes = 0;
  const write = async (): Promise<void> => {
    if (batch.length > 0) await sim.guestWrite(MACHINE, DISK_KEY, batch);
    batch = [];
    bytes = 0;
  };
  for (const patch of patches) {
    batch.push(patch);
    bytes += patch.bytes.length;
    if (bytes >= BATCH_BYTES) await write();
  }
  await write();
}
