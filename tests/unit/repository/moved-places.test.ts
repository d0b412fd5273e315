import { assert } from 'chai';
import { AppError } from '../../../shared/base/errors.ts';
import { DiskIndexBuilder } from '../../../shared/format/disk-index-builder.ts';
import { type DiskIndex, refsOf } from '../../../shared/format/disk-index.ts';
import { chunkIdOf } from '../../../shared/format/hash.ts';
import { encodeMovedRecords } from '../../../shared/format/moved-records.ts';
import { movedName } from '../../../shared/format/names.ts';
import { MovedPlaces } from '../../../shared/repository/moved-places.ts';
import { MemoryStorage } from '../../../shared/repository/storage-memory.ts';
import { FaultyStorage } from '../../support/faulty-storage.ts';

const packOf = (no: number): string => no.toString(16).padStart(32, '0');
const { signal } = new AbortController();

/** Three chunks: two of pack 1, one of pack 2. */
function anIndex(): DiskIndex {
  const builder = new DiskIndexBuilder(3 * 4096, 4096);
  [
    [1, 100],
    [2, 100],
    [1, 900],
  ].forEach(([pack = 0, offset = 0], i) => {
    const id = chunkIdOf(Buffer.from([i]));
    builder.add({ id, start: i * 4096, plainLength: 4096, packId: packOf(pack), offset, storedLength: 50 });
  });
  return builder.finish([{ kind: 'data', start: 0, length: 3 * 4096 }]);
}

const placesOf = (index: DiskIndex): [number, number, number][] =>
  [...refsOf(index)].map((ref) => [Number.parseInt(ref.packId, 16), ref.offset, ref.storedLength]);

type Move = [from: number, oldOffset: number, to: number, offset: number];

async function moved(...moves: readonly Move[]): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  for (const pack of new Set(moves.map(([from]) => from))) {
    const records = moves
      .filter(([from]) => from === pack)
      .map(([, oldOffset, to, offset]) => ({ oldOffset, packId: packOf(to), offset, storedLength: 60 }));
    await storage.put(movedName(packOf(pack)), encodeMovedRecords(packOf(pack), records));
  }
  return storage;
}

describe('MovedPlaces', () => {
  it('gives the same index when nothing of it moved', async () => {
    const index = anIndex();
    const storage = await moved([7, 100, 8, 44]);
    await storage.put('moved/readme', Buffer.from('not ours'));
    assert.strictEqual(await new MovedPlaces(storage).follow(index, signal), index);
  });

  it('gives the new places, and leaves the index that was read alone', async () => {
    const index = anIndex();
    const storage = await moved([1, 100, 3, 44], [1, 900, 2, 200]);
    const followed = await new MovedPlaces(storage).follow(index, signal);
    assert.deepEqual(placesOf(followed), [
      [3, 44, 60],
      [2, 100, 50],
      [2, 200, 60],
    ]);
    assert.deepEqual(placesOf(index), placesOf(anIndex()));
    assert.deepEqual(
      [...refsOf(followed)].map(({ id, start }) => [Buffer.from(id), start]),
      [...refsOf(index)].map(({ id, start }) => [Buffer.from(id), start]),
    );
  });

  it('follows packs that moved again', async () => {
    const storage = await moved([1, 100, 3, 44], [3, 44, 4, 300], [4, 300, 5, 44]);
    const followed = await new MovedPlaces(storage).follow(anIndex(), signal);
    assert.deepEqual(placesOf(followed)[0], [5, 44, 60]);
    assert.deepEqual(placesOf(followed)[2], [1, 900, 50], 'the list does not name it');
  });

  it('ends although two packs name each other', async () => {
    const storage = await moved([1, 100, 3, 44], [3, 44, 1, 100]);
    const followed = await new MovedPlaces(storage).follow(anIndex(), signal);
    assert.deepEqual(placesOf(followed)[0]?.slice(0, 2), [1, 100]);
  });

  it('goes on with the old place when a list is damaged or cannot be read', async () => {
    const storage = await moved([1, 100, 3, 44], [2, 100, 3, 200]);
    storage.objects.get(movedName(packOf(1)))![40]! ^= 1;
    const places = new MovedPlaces(storage);
    assert.deepEqual(placesOf(await places.follow(anIndex(), signal)), [
      [1, 100, 50],
      [3, 200, 60],
      [1, 900, 50],
    ]);
    storage.objects.delete(movedName(packOf(2)));
    assert.deepEqual(placesOf(await places.follow(anIndex(), signal)), placesOf(anIndex()));
  });

  it('ends with the device, and with its signal', async () => {
    const storage = await moved([1, 100, 3, 44]);
    const aborted = AbortSignal.abort(new Error('stop'));
    const error = await new MovedPlaces(storage)
      .follow(anIndex(), aborted)
      .catch((reason: unknown) => reason);
    assert.equal((error as Error).message, 'stop');
    const faulty = new FaultyStorage(storage, {
      call: 'readWhole',
      error: () => new AppError('DEVICE_OFFLINE', 'gone'),
    });
    const offline = await new MovedPlaces(faulty)
      .follow(anIndex(), signal)
      .catch((reason: unknown) => reason);
    assert.equal((offline as AppError).code, 'DEVICE_OFFLINE');
  });
});
