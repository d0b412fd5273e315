/** Two writers and a reclaiming at the same time on one device: every sealed point names records that are there and sound. */
import { assert } from 'chai';
import { readEnv } from '../../../shared/base/env.ts';
import { hasCode } from '../../../shared/base/errors.ts';
import { openDevice } from '../../../shared/repository/device.ts';
import { discardAttempt } from '../../../shared/repository/saveset-store.ts';
import { openLocalStorage } from '../../../shared/repository/storage-local.ts';
import { MemoryStorage } from '../../../shared/repository/storage-memory.ts';
import { type Storage } from '../../../shared/repository/storage.ts';
import { ReclaimWorld, smallDevice, smallStream } from '../../support/reclaim-world.ts';
import { tempFolder } from '../../support/temp.ts';
import { YieldingStorage, seededRandom } from '../../support/yielding-storage.ts';

const ROUNDS = 4;
const CELLS = 14;
/** Few different chunks, so that points share many. */
const KINDS = 30;

type Random = () => number;

function someCells(random: Random): number[] {
  return Array.from({ length: 2 + Math.floor(random() * CELLS) }, () => 1 + Math.floor(random() * KINDS));
}

/** One stream: writes point after point with the lookup that it keeps, and deletes some. */
async function keepWriting(world: ReclaimWorld, random: Random): Promise<void> {
  const stream = smallStream(world.device);
  const mine: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const attempt = world.attempt(someCells(random), stream);
    try {
      await attempt.begin();
      await attempt.store();
      await attempt.seal();
      mine.push(attempt.savesetId);
    } catch (error) {
      // the lookup was older than the attempt: it is tried again
      if (!hasCode(error, 'REPO_PACK_GONE')) throw error;
      stream.forgetLookup();
      await discardAttempt(world.device.storage, attempt.savesetId);
    }
    if (random() < 0.6) {
      const [gone] = mine.splice(Math.floor(random() * mine.length), 1);
      if (gone !== undefined) await world.remove(gone);
    }
  }
}

async function keepReclaiming(world: ReclaimWorld, random: Random): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    await world.reclaim({ sparsePercent: Math.floor(random() * 100) });
  }
}

async function runAll(storage: Storage, seed: number): Promise<void> {
  const random = seededRandom(seed);
  await smallDevice(storage);
  const world = new ReclaimWorld(await openDevice(new YieldingStorage(storage, random)));
  for (let i = 0; i < 2; i++) await world.remove(await world.write(someCells(random)));
  const writers = [1, 2].map(() => keepWriting(world, seededRandom(Math.floor(random() * 2 ** 32))));
  const reclaimer = keepReclaiming(world, seededRandom(Math.floor(random() * 2 ** 32)));
  await Promise.all([...writers, reclaimer]);
  const after = await world.reopened(storage);
  await after.assertAllRestorable();
  for (let i = 0; i < 2; i++) assert.deepEqual((await after.reclaim()).waiting, []);
  await after.assertAllRestorable();
  assert.deepEqual(await after.packs(), await after.livePacks());
}

async function withSeed(seed: number, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new Error(`It went wrong with seed ${seed}`, { cause: error });
  }
}

describe('reclaim, beside backups', () => {
  it('loses nothing, whatever meets', async function () {
    this.timeout(600_000);
    const seeds = Number(readEnv('BLOCKHOUSE_RECLAIM_SEEDS') ?? 25);
    for (let seed = 1; seed <= seeds; seed++) {
      await withSeed(seed, () => runAll(new MemoryStorage(), seed));
    }
  });

  it('loses nothing on a folder', async function () {
    this.timeout(120_000);
    await using folder = await tempFolder();
    await withSeed(1, () => runAll(openLocalStorage(folder.file('device')), 1));
  });
});
