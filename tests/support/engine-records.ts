/** The records that the points of a model lead to, wherever they are now. */
import { type ChunkRef, type DiskIndex, refsOf } from '../../shared/format/disk-index.ts';
import { MovedPlaces } from '../../shared/repository/moved-places.ts';
import { readSealedManifest, readSegment } from '../../shared/repository/saveset-store.ts';
import { type EngineWorld } from './engine-model.ts';

const { signal } = new AbortController();

/** In the order of the points, layer by layer; with records that several points use, each time. */
export async function* recordsInUse(world: EngineWorld): AsyncGenerator<ChunkRef> {
  const moved = new MovedPlaces(world.device.storage);
  for (const savesetId of world.points.keys()) {
    for await (const index of indexesOf(world, savesetId)) yield* refsOf(await moved.follow(index, signal));
  }
}

async function* indexesOf({ device }: EngineWorld, savesetId: string): AsyncGenerator<DiskIndex> {
  for (const disk of (await readSealedManifest(device, savesetId)).disks) {
    for (const segment of disk.layers[0]?.segments.keys() ?? [])
      yield* await readSegment(device, savesetId, disk, segment);
  }
}
