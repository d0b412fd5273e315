/**
 * The law of the data engine: whatever guests write, whatever is backed up, given up, consolidated, pruned, reclaimed, damaged and
 * forgotten, in whatever order, every point that is left gives exactly what its guest had.
 *
 * BLOCKHOUSE_ENGINE_RUNS draws more of it, BLOCKHOUSE_ENGINE_SEED what another run has drawn.
 */
import { assert } from 'chai';
import fc from 'fast-check';
import { systemClock } from '../../shared/base/clock.ts';
import { readEnv } from '../../shared/base/env.ts';
import { type NewDevice, type OpenDevice, createDevice } from '../../shared/repository/device.ts';
import { openLocalStorage } from '../../shared/repository/storage-local.ts';
import { MemoryStorage } from '../../shared/repository/storage-memory.ts';
import { ENGINE_GRID, ENGINE_SEGMENT, EnginePool, EngineWorld } from '../support/engine-model.ts';
import { assertNothingLeft, assertSound } from '../support/engine-proof.ts';
import { type Day, type EngineRun, engineSteps, liveDay, someDays } from '../support/engine-steps.ts';
import { type TempFolder, tempFolder } from '../support/temp.ts';

const RUNS = 30;
const COMMANDS = 25;
const KINDS = { clear: {}, encrypted: { encryption: { password: 'engine', label: 'test' } } } as const;

type Steps = Iterable<fc.AsyncCommand<object, EngineRun>>;

const readNumber = (name: string): number | undefined => {
  const text = readEnv(name);
  return text === undefined ? undefined : Number(text);
};

for (const [kind, options] of Object.entries<Omit<NewDevice, 'clock'>>(KINDS)) {
  describe(`the engine, on a device that is ${kind}`, function () {
    this.timeout(3_600_000);
    const made = new MemoryStorage();
    const done = new Map<string, number>();
    let template: OpenDevice;
    let pool: EnginePool;
    let folder: TempFolder;
    let devices = 0;

    before(async () => {
      const sizes = { gridBytes: ENGINE_GRID, segmentBytes: ENGINE_SEGMENT };
      template = await createDevice(made, { clock: systemClock, ...sizes, ...options });
      pool = new EnginePool({ threads: 1, gridBytes: ENGINE_GRID, cipher: template.cipher });
      folder = await tempFolder();
    });
    after(async () => {
      await pool[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    /** The same empty device each time: making an encrypted one takes half a second. */
    async function aWorld(where: 'memory' | 'folder'): Promise<EngineWorld> {
      const own = folder.file(String(++devices));
      const storage = where === 'memory' ? new MemoryStorage() : openLocalStorage(own);
      for (const [name, bytes] of made.objects) await storage.put(name, bytes);
      const world = new EngineWorld({ ...template, storage }, { pool, cacheFolder: `${own}.cache` });
      for (const [no, guest] of world.guests.entries()) {
        for (const [i, disk] of guest.disks.entries()) {
          const grains = { first: 0, count: 2 + Math.floor(disk.grains / 2) };
          disk.allocate(grains, true);
          for (let first = 0; first < grains.count; first += 3)
            disk.write({ first, count: 3 }, 1 + ((first + i + no) % 7), {
              at: world.tick(),
              onlyAllocated: true,
            });
        }
        await world.backUp(guest, 'full');
      }
      return world;
    }

    async function runAll(where: 'memory' | 'folder', days: readonly Day[], steps: Steps) {
      const run: EngineRun = { world: await aWorld(where), steps: 0, done };
      for (const day of days) await liveDay(run.world, day);
      await fc.asyncModelRun(() => ({ model: {}, real: run }), steps);
      const { world } = run;
      await assertSound(world);
      for (const [i, guest] of world.guests.entries())
        await world.settle(guest, i === 0 ? 'seal' : 'discard');
      await world.rebuild();
      await assertNothingLeft(world);
      if (world.retries > 0) done.set('try again', (done.get('try again') ?? 0) + world.retries);
    }

    const draw = (runs: number): fc.Parameters<[Day[], Steps]> => {
      const seed = readNumber('BLOCKHOUSE_ENGINE_SEED');
      return { numRuns: runs, ...(seed === undefined ? {} : { seed }) };
    };

    it('gives every point back, and holds nothing else in the end', async () => {
      const runs = readNumber('BLOCKHOUSE_ENGINE_RUNS') ?? RUNS;
      await fc.assert(
        fc.asyncProperty(someDays, engineSteps(COMMANDS), (days, steps) => runAll('memory', days, steps)),
        draw(runs),
      );
      const idle = ['back up', 'bring back', 'consolidate', 'reclaim', 'break', 'try again'].filter(
        (step) => !done.has(step),
      );
      assert.isEmpty(runs < RUNS ? [] : idle, JSON.stringify([...done]));
    });

    it('does the same in a folder', async () => {
      await fc.assert(
        fc.asyncProperty(someDays, engineSteps(COMMANDS), (days, steps) => runAll('folder', days, steps)),
        draw(2),
      );
    });
  });
}
