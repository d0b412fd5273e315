import { assert } from 'chai';
import { refsOf } from '../../../../shared/format/disk-index.ts';
import { encodeMovedRecords } from '../../../../shared/format/moved-records.ts';
import { movedName } from '../../../../shared/format/names.ts';
import { ChunkReader } from '../../../../shared/repository/chunk-reader.ts';
import { MovedFinder } from '../../../../shared/repository/moved-record.ts';
import { MemoryStorage } from '../../../../shared/repository/storage-memory.ts';
import { ReclaimWorld, cellBytes, smallDevice, smallStream } from '../../../support/reclaim-world.ts';
import { rejectsCode } from '../../vsphere/throws-code.ts';

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('a reader beside reclaiming', () => {
  let storage: MemoryStorage;
  let world: ReclaimWorld;

  beforeEach(async () => {
    storage = new MemoryStorage();
    world = new ReclaimWorld(await smallDevice(storage));
  });

  it('goes on when a pack is rewritten after it has planned', async () => {
    const first = await world.write(range(1, 13));
    const second = await world.write([1, 2, 30, 31]);
    const refs = [...refsOf(await world.index(second))];
    await using reader = new ChunkReader(world.device);
    const into = new Uint8Array(4096);
    await reader.read(refs[0]!, into);
    await world.remove(first);
    await world.reclaim();
    for (const [i, seed] of [1, 2, 30, 31].entries()) {
      await reader.read(refs[i]!, into);
      assert.isTrue(Buffer.from(into).equals(cellBytes(seed)));
    }
    const seen: number[] = [];
    const options = { signal: new AbortController().signal, concurrency: 2 };
    await reader.readMany(refs, options, ({ start }) => void seen.push(start));
    assert.deepEqual(
      seen.sort((a, b) => a - b),
      [0, 4096, 8192, 12_288],
    );
    assert.equal(reader.detours, 0);
  });

  it('says that a chunk is missing when the list of moved records is damaged', async () => {
    const first = await world.write(range(1, 13));
    const second = await world.write([1, 30]);
    const [ref] = [...refsOf(await world.index(second))];
    await world.remove(first);
    await world.reclaim();
    storage.objects.get(movedName(ref!.packId))![40]! ^= 1;
    await using reader = new ChunkReader(world.device);
    await rejectsCode('REPO_CHUNK_MISSING', reader.read(ref!, new Uint8Array(4096)));
  });

  it('does not follow a circle', async () => {
    const [one, two] = ['01'.repeat(16), '02'.repeat(16)];
    for (const [from, to] of [[one, two] as const, [two, one] as const]) {
      const record = { oldOffset: 44, packId: to, offset: 44, storedLength: 10 };
      await storage.put(movedName(from), encodeMovedRecords(from, [record]));
    }
    const finder = new MovedFinder(storage);
    assert.isUndefined(await finder.find({ packId: one, offset: 44 }));
    assert.isUndefined(await finder.find({ packId: '03'.repeat(16), offset: 44 }));
  });
});

describe('a stream beside reclaiming', () => {
  it('does not name a pack that went between two of its tasks', async () => {
    const world = new ReclaimWorld(await smallDevice(new MemoryStorage()));
    const kept = smallStream(world.device);
    const first = await world.write(range(1, 7));
    const before = world.attempt([1], kept);
    await before.begin();
    await before.store();
    await before.seal();
    await world.remove(first);
    await world.remove(before.savesetId);
    assert.equal((await world.reclaim()).removed.packs, 1);
    const after = world.attempt([1, 2], kept);
    await after.begin();
    await rejectsCode('REPO_PACK_GONE', after.store());
    kept.forgetLookup();
    await world.recover();
    const again = world.attempt([1, 2], kept);
    await again.begin();
    await again.store();
    await again.seal();
    await world.assertAllRestorable();
  });
});
