/**
 * A device that dies at any change of a backup, a consolidation or a prune: its points stay restorable, a check finds nothing
 * damaged, and after a new start everything goes on. Some moments only, all of them with BLOCKHOUSE_ALL_CRASHES=1.
 */
import { assert } from 'chai';
import { readEnv } from '../../../shared/base/env.ts';
import { isSealed } from '../../../shared/repository/saveset-store.ts';
import { type CrashMode, CrashStorage, crashModes } from '../../support/crash-storage.ts';
import { EngineHistory } from '../../support/engine-history.ts';
import { type EngineWorld } from '../../support/engine-model.ts';
import { assertNothingLeft, assertRestores, assertSound, checkReport } from '../../support/engine-proof.ts';

const SAMPLES = 8;

/** What is cut off; each has changes enough to have a middle. */
const WORKS: Record<string, (world: EngineWorld) => Promise<unknown>> = {
  'a full backup': (world) => world.backUp(world.guests[0]!, 'full'),
  'an incremental backup': (world) => world.backUp(world.guests[0]!, 'incremental'),
  'a consolidation': (world) => world.consolidate(world.newest('db01')!),
  'a consolidation of what others build on': (world) =>
    world.consolidate([...world.points.values()].find(({ type }) => type === 'incremental')!),
  'a prune and reclaiming': async (world) => {
    await world.backUp(world.guests[0]!, 'full');
    await world.prune({ last: 1 });
    await world.reclaim(90);
  },
};

describe('the engine, when the device dies', () => {
  let history: EngineHistory;
  before(async () => {
    history = await EngineHistory.make();
    await assertNothingLeft(history.copy().world);
  });
  after(() => history[Symbol.asyncDispose]());

  async function dieAt(work: (world: EngineWorld) => Promise<unknown>, at: number, mode: CrashMode) {
    const { storage, world } = history.copy();
    const dying = new CrashStorage(storage, at, mode);
    world.reconnect(dying);
    await work(world).catch((error: unknown) => {
      if (!dying.isDead) throw error;
    });
    assert.isTrue(dying.isDead);
    world.reconnect(storage);
    await assertAsItLies(world);
    await world.recover(storage);
    await assertSound(world);
    const { counts, findings } = await checkReport(world);
    assert.deepEqual(
      findings.filter(({ severity }) => severity === 'leftover').map(({ object }) => object),
      [],
      JSON.stringify(counts),
    );
    for (const guest of world.guests) await world.backUp(guest, 'incremental');
    await assertNothingLeft(world);
  }

  /** Before anybody cleans up: a check finds no damage, and what is sealed restores. */
  async function assertAsItLies(world: EngineWorld): Promise<void> {
    const { counts, findings } = await checkReport(world);
    assert.equal(counts.damage, 0, JSON.stringify(findings));
    for (const point of world.points.values()) {
      if (await isSealed(world.device.storage, point.savesetId)) await assertRestores(world, point);
    }
  }

  for (const [name, work] of Object.entries(WORKS)) {
    it(`loses nothing in ${name}`, async function () {
      this.timeout(600_000);
      const { storage, world } = history.copy();
      const counting = new CrashStorage(storage, 0, 'before');
      world.reconnect(counting);
      await work(world);
      await assertSound(world);
      const { changes } = counting;
      assert.isAbove(changes, SAMPLES);
      const all = readEnv('BLOCKHOUSE_ALL_CRASHES') !== undefined;
      const cases = crashModes.flatMap((mode) =>
        Array.from({ length: changes }, (_, i) => [i + 1, mode] as const),
      );
      const step = all ? 1 : cases.length / SAMPLES;
      for (let i = 0; i < cases.length; i += step) {
        const [at, mode] = cases[Math.floor(i)]!;
        try {
          await dieAt(work, at, mode);
        } catch (error) {
          throw new Error(`The device died at change ${at} of ${changes}, ${mode}`, { cause: error });
        }
      }
    });
  }
});
