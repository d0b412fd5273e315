import { assert } from 'chai';
import { AppError } from '../../../shared/base/errors.ts';
import { MiB, TiB } from '../../../shared/base/units.ts';
import { packName } from '../../../shared/format/names.ts';
import { lookupHas } from '../../../shared/repository/chunk-lookup-table.ts';
import { type ChunkLookup } from '../../../shared/repository/chunk-lookup.ts';
import { budgetFor } from '../../../shared/repository/lookup-budget.ts';
import { markDamaged } from '../../../shared/repository/damage-marks.ts';
import { PackWriter } from '../../../shared/repository/pack-writer.ts';
import { MemoryStorage } from '../../../shared/repository/storage-memory.ts';
import { FaultyStorage } from '../../support/faulty-storage.ts';
import { codeOfAsync } from '../format/codes.ts';
import { noise, store, text } from './chunks.ts';
import { findsAll, openLookup, recordingLog } from './lookup-checks.ts';
import { type FakePack, fakeId, fakePack, putPack } from './fake-packs.ts';

describe('ChunkLookup', () => {
  it('finds the chunks of all visible packs, at once when their directory is at hand', async () => {
    const storage = new MemoryStorage();
    const packs = [putPack(storage, 0, 100), putPack(storage, 100, 50)];
    const lookup = await openLookup(storage);
    const { id, ...place } = packs[0]!.chunks[3]!;
    assert.instanceOf(lookup.find(id), Promise);
    await findsAll(lookup, packs);
    assert.deepEqual(lookup.find(id), place);
    assert.equal(lookup.size, 150);
    assert.isTrue(lookupHas(lookup.shared, id));
    assert.isFalse(lookup.mayHave(fakeId(9999)));
    assert.isUndefined(lookup.find(fakeId(9999)));
  });

  it('keeps everything while it grows, and a thread with the old tables still finds what was in them', async () => {
    const lookup = await openLookup(new MemoryStorage());
    const place = { packId: 'ab'.repeat(16), storedLength: 5, plainLength: 9 };
    lookup.add(fakeId(0), { ...place, offset: 0 });
    const before = lookup.shared;
    for (let i = 1; i < 60_000; i++) lookup.add(fakeId(i), { ...place, offset: i });
    for (let i = 0; i < 60_000; i += 7) assert.deepEqual(lookup.find(fakeId(i)), { ...place, offset: i });
    assert.equal(lookup.size, 60_000);
    assert.isTrue(lookupHas(before, fakeId(0)));
    assert.isFalse(lookupHas(before, fakeId(59_999)));
    assert.isAbove(lookup.shared.tables.length, before.tables.length);
  }).timeout(20_000);

  for (const records of [40_000, 200_000, 1_000_000]) {
    it(`takes 14 to 18 bytes a chunk for ${records} chunks`, async () => {
      const lookup = await openLookup(new MemoryStorage(), { budgetOf: () => 64 * MiB });
      const place = { packId: 'ab'.repeat(16), storedLength: 5, plainLength: 9 };
      const id = new Uint8Array(32);
      const words = new Uint32Array(id.buffer);
      for (let i = 0; i < records; i++) {
        words[0] = Math.imul(i, 0x9e3779b1);
        words[1] = i;
        lookup.add(id, { ...place, packId: packIdOf(Math.floor(i / 60_000)), offset: i });
      }
      assert.equal(lookup.size, records);
      const bytes = lookup.memoryBytes / lookup.size;
      assert.isAtLeast(bytes, 14);
      assert.isBelow(bytes, 18);
    }).timeout(60_000);
  }

  it('does not offer a chunk that was marked as damaged', async () => {
    const storage = new MemoryStorage();
    const pack = putPack(storage, 0, 3);
    await markDamaged(storage, pack.chunks[1]!);
    await markDamaged(storage, pack.chunks[1]!);
    const lookup = await openLookup(storage);
    assert.isUndefined(await lookup.find(pack.chunks[1]!.id));
    assert.isDefined(await lookup.find(pack.chunks[2]!.id));
  });

  it('reads a marked record all the same when there is no other, and after all others', async () => {
    const storage = new MemoryStorage();
    const packs = [putPack(storage, 0, 3), putPack(storage, 0, 3), putPack(storage, 0, 3)];
    await markDamaged(storage, packs[0]!.chunks[1]!);
    await markDamaged(storage, packs[1]!.chunks[1]!);
    const places = await (await openLookup(storage)).findAll(fakeId(1));
    assert.lengthOf(places, 3);
    assert.equal(places[0]!.packId, packs[2]!.packId);
  });

  it('offers another record of a chunk when one is marked', async () => {
    const storage = new MemoryStorage();
    const packs = [putPack(storage, 0, 3), putPack(storage, 0, 3)];
    await markDamaged(storage, packs[0]!.chunks[1]!);
    const lookup = await openLookup(storage);
    assert.equal((await lookup.find(fakeId(1)))?.packId, packs[1]!.packId);
    assert.equal((await lookup.findAll(fakeId(0))).length, 2);
  });

  it('offers nothing of excluded packs, but still reads from them', async () => {
    const storage = new MemoryStorage();
    const packs = [putPack(storage, 0, 3), putPack(storage, 3, 3)];
    const lookup = await openLookup(storage);
    lookup.excludePacks(new Set());
    assert.isDefined(await lookup.find(fakeId(0)));
    lookup.excludePacks(new Set([packs[0]!.packId, '00'.repeat(16)]));
    assert.isUndefined(await lookup.find(fakeId(0)));
    assert.isTrue(lookup.mayHave(fakeId(0)));
    assert.equal((await lookup.findAll(fakeId(0))).length, 1);
    await findsAll(lookup, [packs[1]!]);
  });

  it('takes another chunk with the same first bytes for what it is', async () => {
    const storage = new MemoryStorage();
    putPack(storage, 0, 3);
    const lookup = await openLookup(storage);
    const twin = fakeId(1).slice();
    twin[20]! ^= 1;
    assert.isTrue(lookup.mayHave(twin));
    assert.isUndefined(await lookup.find(twin));
    const place = { packId: 'cd'.repeat(16), offset: 44, storedLength: 5, plainLength: 9 };
    lookup.add(twin, place);
    assert.deepEqual(await lookup.find(twin), place);
  });

  it('forgets the chunks of a pack that is gone or damaged since', async () => {
    for (const ruin of [new Uint8Array(500), undefined]) {
      const storage = new MemoryStorage();
      const pack = putPack(storage, 0, 3);
      const lookup = await openLookup(storage);
      if (ruin === undefined) storage.objects.delete(packName(pack.packId));
      else storage.objects.set(packName(pack.packId), ruin);
      assert.isUndefined(await lookup.find(fakeId(0)));
      assert.isUndefined(lookup.find(fakeId(1)));
      assert.deepEqual(await lookup.findAll(fakeId(1)), []);
    }
  });

  it('does not take a device that is away for one without the chunk', async () => {
    const storage = new MemoryStorage();
    const pack = putPack(storage, 0, 3);
    const offline = (): AppError => new AppError('DEVICE_OFFLINE', 'Cannot read: the device is away');
    const failing = new FaultyStorage(storage, { call: 'readRange', after: 1, error: offline });
    const lookup = await openLookup(failing);
    assert.equal(await codeOfAsync(Promise.resolve(lookup.find(pack.chunks[0]!.id))), 'DEVICE_OFFLINE');
  });

  it('knows at most so many records of one chunk', async () => {
    const storage = new MemoryStorage();
    for (let i = 0; i < 30; i++) putPack(storage, 7, 1);
    const lookup = await openLookup(storage);
    assert.equal(lookup.size, 16);
    assert.isDefined(await lookup.find(fakeId(7)));
    assert.equal(lookup.leftOut, 0);
  });

  it('knows the proven chunks of a pack whose directory is damaged, and names the pack', async () => {
    const storage = new MemoryStorage();
    const plains = [noise(1000), text(1, 100_000), noise(50_000)];
    await using packs = new PackWriter(storage, '00112233445566aa');
    const refs: Awaited<ReturnType<typeof store>>[] = [];
    for (const plain of plains) refs.push(await store(packs, plain));
    await packs.finish();
    const name = packName(refs[0]!.packId);
    const whole = storage.objects.get(name)!.subarray(0, -3);
    whole[refs[2]!.offset + 70]! ^= 4;
    storage.objects.set(name, whole);
    const lookup = await openLookup(storage);
    assert.deepEqual(
      lookup.damagedPacks.map(({ packId, error }) => [packId, error.code]),
      [[refs[0]!.packId, 'FORMAT_INVALID']],
    );
    for (const [i, ref] of refs.entries())
      assert.equal((await lookup.find(ref.id)) !== undefined, i !== 2, `chunk ${i}`);
  });

  it('goes on without a pack that cannot be read, but not without the device', async () => {
    const memory = new MemoryStorage();
    const pack = putPack(memory, 0, 2);
    const failing = (code: 'REPO_READ_FAILED' | 'DEVICE_OFFLINE'): FaultyStorage =>
      new FaultyStorage(memory, { call: 'readRange', error: () => new AppError(code, 'Cannot read') });
    assert.equal((await openLookup(failing('REPO_READ_FAILED'))).damagedPacks[0]!.packId, pack.packId);
    assert.equal(await codeOfAsync(openLookup(failing('DEVICE_OFFLINE'))), 'DEVICE_OFFLINE');
  });

  it('stops when it is told to', async () => {
    const storage = new MemoryStorage();
    putPack(storage, 0, 2);
    const reason = new AppError('CANCELLED', 'Backup was cancelled');
    assert.equal(await codeOfAsync(openLookup(storage, { signal: AbortSignal.abort(reason) })), 'CANCELLED');
  });

  describe('add', () => {
    const own = (pack: FakePack, lookup: ChunkLookup): void => {
      for (const { id, ...place } of pack.chunks) lookup.add(id, place);
    };

    it('knows the chunks of a pack before and after it is visible', async () => {
      const storage = new MemoryStorage();
      const lookup = await openLookup(storage);
      const packs = [0, 1, 2, 3, 4, 5].map((n) =>
        fakePack(Array.from({ length: 300 }, (_, i) => ({ id: fakeId(n * 300 + i) }))),
      );
      for (const pack of packs) own(pack, lookup);
      await findsAll(lookup, packs);
      for (const { packId, bytes } of packs) storage.objects.set(packName(packId), bytes);
      await findsAll(lookup, packs);
    });

    it('does not take chunks of an earlier pack, which would have wrong numbers', async () => {
      const lookup = await openLookup(new MemoryStorage());
      const [first, second] = [
        fakePack([{ id: fakeId(1) }, { id: fakeId(2) }]),
        fakePack([{ id: fakeId(3) }]),
      ];
      const { id, ...place } = first.chunks[1]!;
      lookup.add(first.chunks[0]!.id, first.chunks[0]!);
      own(second, lookup);
      lookup.add(id, place);
      assert.isUndefined(await lookup.find(id));
      assert.isDefined(await lookup.find(fakeId(1)));
      assert.isDefined(await lookup.find(fakeId(3)));
    });
  });

  describe('with less memory than chunks', () => {
    const small = { budgetOf: () => 64 * 1024 };

    it('knows the largest chunks, and says once how many it leaves out', async () => {
      const storage = new MemoryStorage();
      const tiny = [putPack(storage, 0, 3000, 4096), putPack(storage, 3000, 3000, 8192)];
      const large = putPack(storage, 10_000, 2500, 70_000);
      const { log, lines } = recordingLog();
      const lookup = await openLookup(storage, { ...small, log });
      assert.isAtMost(lookup.memoryBytes, lookup.budgetBytes);
      await findsAll(lookup, [large]);
      assert.equal(lookup.size + lookup.leftOut, 8500);
      assert.isAbove(lookup.size, 3500);
      for (const { id } of tiny[0]!.chunks.slice(0, 50)) assert.isFalse(lookup.mayHave(id));
      assert.deepEqual(
        lines.map(({ level, fields }) => [level, fields?.['leftOut']]),
        [['info', lookup.leftOut]],
      );
    });

    it('has room for some new chunks of the least size that it knows, and not for more', async () => {
      const storage = new MemoryStorage();
      putPack(storage, 0, 6000, 4096);
      const lookup = await openLookup(storage, small);
      const before = lookup.size;
      const pack = fakePack(
        Array.from({ length: 3000 }, (_, i) => ({ id: fakeId(20_000 + i), plainLength: 4096 })),
      );
      for (const { id, ...place } of pack.chunks) lookup.add(id, place);
      assert.isAbove(lookup.size, before);
      assert.isBelow(lookup.size, before + 3000);
      assert.isAtMost(lookup.memoryBytes, lookup.budgetBytes);
      assert.isDefined(await lookup.find(fakeId(20_000)));
    });

    it('keeps also the packs within its bound', async () => {
      const storage = new MemoryStorage();
      for (let i = 0; i < 700; i++) putPack(storage, i, 1);
      const lookup = await openLookup(storage, { budgetOf: () => 8 * 1024 });
      assert.isAtMost(lookup.memoryBytes, 8 * 1024);
      assert.isAbove(lookup.size, 50);
      assert.isAbove(lookup.leftOut, 300);
    });

    it('reads everything again from a damaged pack too', async () => {
      const storage = new MemoryStorage();
      putPack(storage, 0, 6000, 4096);
      await using packs = new PackWriter(storage, '00112233445566aa');
      const ref = await store(packs, noise(30_000));
      await packs.finish();
      const name = packName(ref.packId);
      storage.objects.set(name, storage.objects.get(name)!.subarray(0, -3));
      const lookup = await openLookup(storage, small);
      assert.isDefined(await lookup.find(ref.id));
    });
  });

  it('may take 40 MiB for each TiB on the device, and 16 MiB at least', async () => {
    assert.equal((await openLookup(new MemoryStorage())).budgetBytes, 16 * MiB);
    assert.equal(budgetFor(TiB), 40 * MiB);
    assert.equal(budgetFor(2.5 * TiB), 100 * MiB);
  });
});

function packIdOf(number: number): string {
  return number.toString(16).padStart(32, '0');
}
