/** A device with a history: two guests with chains of points that share chunks, one of them consolidated. For tests that do harm to it. */
import { systemClock } from '../../shared/base/clock.ts';
import { createDevice } from '../../shared/repository/device.ts';
import { MemoryStorage } from '../../shared/repository/storage-memory.ts';
import { ENGINE_GRID, ENGINE_SEGMENT, EnginePool, EngineWorld } from './engine-model.ts';

export class EngineHistory implements AsyncDisposable {
  readonly #world: EngineWorld;
  readonly #storage: MemoryStorage;
  readonly #pool: EnginePool;

  private constructor(world: EngineWorld, storage: MemoryStorage, pool: EnginePool) {
    this.#world = world;
    this.#storage = storage;
    this.#pool = pool;
  }

  /** Guests have written since their last points. */
  static async make(): Promise<EngineHistory> {
    const storage = new MemoryStorage();
    const sizes = { gridBytes: ENGINE_GRID, segmentBytes: ENGINE_SEGMENT };
    const device = await createDevice(storage, { clock: systemClock, ...sizes });
    const pool = new EnginePool({ threads: 1, gridBytes: ENGINE_GRID, cipher: device.cipher });
    const world = new EngineWorld(device, { pool });
    for (const [round, type] of (['full', 'incremental', 'incremental', 'differential'] as const).entries()) {
      for (const guest of world.guests) {
        writeSome(world, guest, round);
        const savesetId = await world.backUp(guest, type);
        if (round === 1) await world.consolidate(world.points.get(savesetId)!);
      }
    }
    for (const guest of world.guests) writeSome(world, guest, 4);
    return new EngineHistory(world, storage, pool);
  }

  /** The same history on a device of its own. */
  copy(): { readonly storage: MemoryStorage; readonly world: EngineWorld } {
    const storage = new MemoryStorage();
    for (const [name, bytes] of this.#storage.objects) storage.objects.set(name, bytes);
    return { storage, world: this.#world.copyTo(storage) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }
}

function writeSome(world: EngineWorld, guest: EngineWorld['guests'][number], round: number): void {
  for (const disk of guest.disks) {
    const part = Math.max(2, Math.floor(disk.grains / 3));
    disk.allocate({ first: (round * 5) % disk.grains, count: part }, true);
    disk.allocate({ first: (round * 9 + 3) % disk.grains, count: 2 }, false);
    for (let i = 0; i < part; i += 2) {
      const grains = { first: (round * 7 + i) % disk.grains, count: 2 };
      disk.write(grains, 1 + ((round * part + i) % 23), { at: world.tick(), onlyAllocated: false });
    }
  }
}
