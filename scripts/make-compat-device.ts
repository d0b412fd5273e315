/**
 * Makes the devices of this version that later ones must still read: `npx tsx scripts/make-compat-device.ts`. Run it once for a
 * version of the format; what it made is never changed again.
 *
 *   full ◀── incremental ◀── incremental          the middle one is consolidated, and the last one finds it by what it stands for
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { systemClock } from '../shared/base/clock.ts';
import { KiB } from '../shared/base/units.ts';
import { type ExtentSet, normalize } from '../shared/domain/extent.ts';
import { sha256Hex } from '../shared/format/hash.ts';
import { type OpenDevice, createDevice } from '../shared/repository/device.ts';
import { removeSaveset, seal } from '../shared/repository/saveset-store.ts';
import { openLocalStorage } from '../shared/repository/storage-local.ts';
import { COMPAT_PASSWORD, compatExpectation, compatFolder } from '../tests/support/compat-device.ts';
import { type DiskPart, GRID, TestChain, testContext } from '../tests/support/saveset-chain.ts';
import { consolidatePoint } from '../worker/consolidate/consolidate-point.ts';
import { CodePool } from '../worker/pipeline/thread-pool.ts';

const CAPACITY = 300 * KiB + 512;
const SEGMENT_CELLS = 8;
const CONSOLIDATED = 'c0'.repeat(8);
const FILES = { 'vm-config.json': '{"vm":{"name":"db01"}}\n', nvram: 'firmware variables' };

type Hashes = Record<string, string>;

async function makeDevice(name: string, encrypted: boolean): Promise<void> {
  const folder = compatFolder(name);
  if (existsSync(folder)) throw new Error(`Cannot make "${folder}": it was made before and must stay`);
  await mkdir(folder, { recursive: true });
  const device = await createDevice(openLocalStorage(folder), {
    clock: systemClock,
    gridBytes: GRID,
    segmentBytes: SEGMENT_CELLS * GRID,
    ...(encrypted && { encryption: { password: COMPAT_PASSWORD, label: 'tests' } }),
  });
  await using pool = new CodePool({ threads: 1, gridBytes: GRID, cipher: device.cipher });
  const points = await makePoints(device, pool);
  const expected = `${JSON.stringify({ encrypted, points }, undefined, 2)}\n`;
  await writeFile(compatExpectation(name), expected);
  await removeEmptyFolders(folder);
}

async function makePoints(device: OpenDevice, pool: CodePool): Promise<Record<string, Hashes>> {
  const chain = new TestChain(pool);
  const points: Record<string, Hashes> = {};
  const take = async (seed: number, data: ExtentSet): Promise<void> => {
    await chain.add(device, [diskPart(2000, seed, data), diskPart(2001, seed + 100, data)], FILES);
    points[chain.links[0]?.savesetId ?? ''] = hashesOf(chain);
  };
  await take(1, normalize([{ start: 0, length: CAPACITY - 40 * KiB }]));
  await take(
    2,
    normalize([
      { start: 20 * KiB + 7, length: 5000 },
      { start: 200 * KiB, length: 30 * KiB },
    ]),
  );
  const middle = chain.links.map((link) => link);
  await take(3, normalize([{ start: 21 * KiB, length: 100 }]));
  const [replaced] = middle;
  if (replaced === undefined) throw new Error('The chain has no point to consolidate');
  const attempt = { taskId: 9, attempt: 1, token: 9, runId: 9, savesetId: CONSOLIDATED };
  const spec = { kind: 'consolidate', ...attempt, device: replaced.device, chain: middle } as const;
  await consolidatePoint(spec, testContext(device, pool).context);
  await seal(device, CONSOLIDATED, { token: 9, sealedAt: '2026-01-31T13:00:00.000Z' });
  await removeSaveset(device.storage, replaced.savesetId);
  const { [replaced.savesetId]: hashes = {}, ...others } = points;
  return { ...others, [CONSOLIDATED]: hashes };
}

const hashesOf = ({ model }: TestChain): Hashes =>
  Object.fromEntries([...model].map(([key, bytes]) => [String(key), sha256Hex(bytes)]));

/** Text that compresses, different in every cell, with zeros and unused bytes in a full. */
function diskPart(key: number, seed: number, data: ExtentSet): DiskPart {
  const source = Buffer.alloc(CAPACITY);
  for (let at = 0; at < CAPACITY; at += 64)
    source.write(`disk ${key}, seed ${seed}, byte ${at}: ${sha256Hex(`${key} ${seed} ${at}`)}`, at);
  const zero = normalize([{ start: 64 * KiB, length: GRID }]);
  source.fill(0, 64 * KiB, 64 * KiB + GRID);
  const layers = [
    { kind: 'zero' as const, extents: seed === 1 || seed === 101 ? zero : [] },
    { kind: 'data' as const, extents: data },
  ];
  return { key, source, layers, rest: seed === 1 || seed === 101 ? 'free' : 'same' };
}

/** Git keeps none, so what is tested is what is committed. */
async function removeEmptyFolders(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = `${folder}/${entry.name}`;
    await removeEmptyFolders(path);
    if ((await readdir(path)).length === 0) await rm(path, { recursive: true });
  }
}

await makeDevice('device-v1', false);
await makeDevice('device-v1-encrypted', true);
