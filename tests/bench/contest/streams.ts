/**
 * Four VMs, each with a quarter of the disk, backed up by one, two and four streams; once with one thread in each stream, which
 * shows what a stream costs, and once as installed, where the streams share the processors.
 */
import { rm } from 'node:fs/promises';
import { type SimProcess } from '../../support/vcenter-sim/sim-process.ts';
import { cutImage } from '../prepare-disk.ts';
import { say } from '../progress.ts';
import { storedBytesOf } from './folder-size.ts';
import { addMachine, Service, startVcenter } from './service.ts';
import { type Stage } from './stage.ts';

const MACHINES = 4;
const STREAMS = [1, 2, 4];
const MiB = 2 ** 20;

export async function runStreams(stage: Stage): Promise<void> {
  if (!stage.options.only.has('streams')) return;
  say('Start a simulated vCenter with the quarters of the disk');
  await using sim = await startVcenter(stage.folder('vcenter'));
  const part = Math.floor(stage.files.disk.capacityBytes / MACHINES / MiB) * MiB;
  for (let number = 0; number < MACHINES; number++) {
    const file = stage.folder('quarter.img');
    cutImage(stage.files.image, { at: number * part, lengthBytes: part }, file);
    await addMachine(sim, `quarter${number}`, file);
    await rm(file);
  }
  for (const threadsPerStream of [1, 0]) {
    await using service = await Service.start(stage.folder('service'), sim, { threadsPerStream });
    for (stage.round = 0; stage.round < stage.options.rounds; stage.round++)
      for (const streams of STREAMS) {
        const name = `${threadsPerStream === 0 ? 'streams' : 'one-thread-streams'}-${streams}`;
        await stage.attempt(name, () => measureStreams(stage, { sim, service, name, streams }));
      }
  }
}

interface Turn {
  readonly sim: SimProcess;
  readonly service: Service;
  readonly name: string;
  readonly streams: number;
}

async function measureStreams(stage: Stage, { sim, service, name, streams }: Turn): Promise<void> {
  const device = `${name}-${stage.round}`;
  const folder = await stage.freshFolder(device);
  await service.run(['device', 'add', device, '--path', folder, '--streams', String(streams)]);
  const words = ['job', 'add', device, '--server', 'vc', '--vm', 'quarter*', '--device', device, '--no-abm'];
  const ways = ['--max-parallel-streams', String(streams), '--transport', 'file', '--consistency', 'crash'];
  await service.run([...words, ...ways]);
  stage.emptyCache(...Object.values(sim.datastoreDirs));
  const measured = await service.measure(['job', 'run', device, '--type', 'full', '--wait']);
  stage.keep(name, measured, { storedBytes: await storedBytesOf(folder) });
  await stage.dropFolder(device);
}
