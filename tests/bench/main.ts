/**
 * `npm run bench`: makes the disk, measures the product and its peers side by side, and tells the figures as tables and as JSON.
 * How to read them: docs/performance.md.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import path from 'node:path';
import { VERSION } from '../../shared/base/version.ts';
import { runContest } from './contest/contest.ts';
import { peers, versionOf } from './contest/peers.ts';
import { Stage } from './contest/stage.ts';
import { runStreams } from './contest/streams.ts';
import { type BenchOptions, CONTEST, HELP, readOptions } from './options.ts';
import { type DiskFiles, prepareDisk } from './prepare-disk.ts';
import { say } from './progress.ts';
import { type BenchResult, FORMAT } from './result/result.ts';
import { asText, tablesOf } from './result/tables.ts';
import { measureCatalog } from './stages/catalog.ts';
import { measureMaster } from './stages/master.ts';
import { measureStages } from './stages/stages.ts';

const WITH_DISK = [...CONTEST, 'streams', 'stages'] as const;

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  await mkdir(options.work, { recursive: true });
  const result = await measureAll(options);
  await writeFile(options.json, `${JSON.stringify(result, undefined, 1)}\n`);
  for (const table of tablesOf(result)) process.stdout.write(`${asText(table)}\n`);
  process.stdout.write(`\nThe result lies in ${options.json}\n`);
  return result.failures.length === 0 ? 0 : 1;
}

async function measureAll(options: BenchOptions): Promise<BenchResult> {
  const startedAt = new Date();
  const head = { ...surroundings(), startedAt: startedAt.toISOString(), rounds: options.rounds };
  for (const [name, version] of Object.entries(head.peers)) say(`${name}: ${version ?? 'not installed'}`);
  const needsDisk = WITH_DISK.some((name) => options.only.has(name));
  const files = needsDisk ? await prepareDisk(options.work, options.sizeGib, options.deletedGib) : null;
  const measured = await measureParts(options, files);
  return {
    ...head,
    ...measured,
    disk: files?.disk ?? null,
    tookSeconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
  };
}

type Parts = Pick<BenchResult, 'cache' | 'samples' | 'stages' | 'catalog' | 'master' | 'failures'>;

async function measureParts(options: BenchOptions, files: DiskFiles | null): Promise<Parts> {
  const failures: { name: string; reason: string }[] = [];
  const attempt = async <T>(name: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      say(`${name}: FAILED: ${reason}`);
      failures.push({ name, reason });
      return undefined;
    }
  };
  const only = <T>(name: 'stages' | 'catalog' | 'master', work: () => Promise<T>): Promise<T | undefined> =>
    options.only.has(name) ? attempt(name, work) : Promise.resolve(undefined);
  const stage = files === null ? undefined : new Stage(options, files);
  if (stage !== undefined) {
    await attempt('contest', () => runContest(stage));
    await attempt('streams', () => runStreams(stage));
  }
  const folder = (name: string): string => path.join(options.work, name);
  const stages = await only('stages', async () => {
    await rm(folder('packs'), { recursive: true, force: true });
    await mkdir(folder('packs'));
    return measureStages(files!.image, files!.disk.capacityBytes, folder('packs'));
  });
  const catalog = await only('catalog', () => measureCatalog(folder('catalog')));
  const master = await only('master', () => measureMaster());
  if (!options.keep)
    for (const name of ['vcenter', 'service', 'home', 'packs', 'catalog', 'restored'])
      await rm(folder(name), { recursive: true, force: true });
  return {
    cache: stage?.cache ?? 'posix_fadvise',
    samples: stage?.samples ?? [],
    stages: stages ?? [],
    catalog: catalog ?? null,
    master: master ?? null,
    failures: [...(stage?.failures ?? []), ...failures],
  };
}

function surroundings() {
  const processors = cpus();
  return {
    format: FORMAT,
    version: 1,
    product: VERSION,
    machine: {
      processor: processors[0]?.model ?? 'unknown',
      cores: processors.length,
      memoryBytes: totalmem(),
      kernel: release(),
      node: process.version,
      loadBefore: loadavg()[0] ?? 0,
    },
    peers: Object.fromEntries(peers.map((peer) => [peer.name, versionOf(peer)])),
  } as const;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
