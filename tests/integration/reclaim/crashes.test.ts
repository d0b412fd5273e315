/**
 * A device that dies at any moment of writing, removing and reclaiming: what was sealed stays restorable, and no space is lost.
 * Some moments only, all of them with BLOCKHOUSE_ALL_CRASHES=1.
 */
import { assert } from 'chai';
import { readEnv } from '../../../shared/base/env.ts';
import { MemoryStorage } from '../../../shared/repository/storage-memory.ts';
import { openDevice } from '../../../shared/repository/device.ts';
import { type CrashMode, CrashStorage, crashModes } from '../../support/crash-storage.ts';
import { ReclaimWorld, smallDevice, smallStream } from '../../support/reclaim-world.ts';

const SAMPLES = 60;
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Points come and go, some share chunks, one is written while others are reclaimed. */
async function scenario(world: ReclaimWorld): Promise<void> {
  const first = await world.write(range(1, 19));
  const second = await world.write([...range(1, 4), ...range(13, 16), 40, 41]);
  await world.write([2, 14, 50, 51, 52]);
  await world.remove(first);
  const late = world.attempt([1, 5, 6, 60, 61], smallStream(world.device));
  await late.begin();
  await world.reclaim();
  await late.store();
  await world.write([5, 6, 7, 61]);
  await late.seal();
  await world.reclaim();
  await world.remove(second);
  await world.reclaim();
  await world.write([2, 60, 70]);
  await world.reclaim({ sparsePercent: 90 });
}

async function begin(storage: MemoryStorage, at: number, mode: CrashMode) {
  await smallDevice(storage);
  const crashing = new CrashStorage(storage, at, mode);
  return { crashing, world: new ReclaimWorld(await openDevice(crashing)) };
}

async function dieAt(at: number, mode: CrashMode): Promise<void> {
  const storage = new MemoryStorage();
  const { crashing, world: dying } = await begin(storage, at, mode);
  await scenario(dying).catch((error: unknown) => {
    if (!crashing.isDead) throw error;
  });
  assert.isTrue(crashing.isDead);
  const world = await dying.reopened(storage);
  const sealed = await world.sealed();
  await world.assertAllRestorable();
  await world.recover();
  for (let i = 0; i < 3; i++) {
    const report = await world.reclaim();
    assert.deepEqual(report.waiting, []);
    await world.assertAllRestorable();
  }
  assert.deepEqual(await world.sealed(), sealed);
  assert.deepEqual(await world.packs(), await world.livePacks());
  for (const folder of ['reclaim', 'incoming']) assert.deepEqual(await world.names(folder), []);
}

describe('reclaim, when the device dies', () => {
  let changes = 0;

  before(async () => {
    const { crashing, world } = await begin(new MemoryStorage(), 0, 'before');
    await scenario(world);
    await world.assertAllRestorable();
    changes = crashing.changes;
    assert.isAbove(changes, 50);
  });

  for (const mode of crashModes) {
    it(`loses nothing with the change ${mode}`, async function () {
      this.timeout(300_000);
      const all = readEnv('BLOCKHOUSE_ALL_CRASHES') !== undefined;
      const samples = all ? changes : Math.min(changes, SAMPLES / crashModes.length);
      const offset = crashModes.indexOf(mode) / crashModes.length;
      for (let i = 0; i < samples; i++) {
        const at = Math.min(changes, 1 + Math.floor(((i + (all ? 0 : offset)) * changes) / samples));
        try {
          await dieAt(at, mode);
        } catch (error) {
          throw new Error(`The device died at change ${at} of ${changes}`, { cause: error });
        }
      }
    });
  }
});
