import { assert } from 'chai';
import { readFile, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { packName } from '../../../shared/format/names.ts';
import { PackWriter } from '../../../shared/repository/pack-writer.ts';
import { MemoryStorage } from '../../../shared/repository/storage-memory.ts';
import { type TempFolder, tempFolder } from '../../support/temp.ts';
import { noise, store } from './chunks.ts';
import { fakeId, fakePack, putPack } from './fake-packs.ts';
import { counted, findsAll, openLookup, recordingLog } from './lookup-checks.ts';

const DEVICE = 'ab'.repeat(16);

describe('ChunkLookup with a cache', () => {
  let folder: TempFolder;
  let file: string;
  const cache = (): { cache: { file: string; deviceId: string } } => ({
    cache: { file, deviceId: DEVICE },
  });
  beforeEach(async () => {
    folder = await tempFolder();
    file = path.join(folder.path, 'cache', `lookup-${DEVICE}.bin`);
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  it('reads only the directories of new packs', async () => {
    const memory = new MemoryStorage();
    const packs = [putPack(memory, 0, 300), putPack(memory, 300, 300)];
    await openLookup(memory, cache());
    const again = counted(memory);
    const lookup = await openLookup(again.storage, cache());
    assert.equal(again.reads(), 0);
    assert.equal(lookup.size, 600);
    await findsAll(lookup, packs);
    const more = putPack(memory, 600, 10);
    const third = counted(memory);
    await findsAll(await openLookup(third.storage, cache()), [...packs, more]);
    assert.equal(third.reads(), 1 + 3);
  });

  it('drops packs that are gone, and forgets their records when they are many', async () => {
    const memory = new MemoryStorage();
    const packs = Array.from({ length: 10 }, (_, i) => putPack(memory, i * 100, 100));
    await openLookup(memory, cache());
    memory.objects.delete(packName(packs[0]!.packId));
    const one = await openLookup(memory, cache());
    assert.equal(one.size, 1000);
    assert.isUndefined(one.find(fakeId(0)));
    await findsAll(one, packs.slice(1));
    for (const { packId } of packs.slice(1, 4)) memory.objects.delete(packName(packId));
    const four = await openLookup(memory, cache());
    assert.equal(four.size, 600);
    await findsAll(four, packs.slice(4));
    assert.equal((await openLookup(memory, cache())).size, 600);
  });

  it('reads a pack again whose length is another one', async () => {
    const memory = new MemoryStorage();
    const pack = putPack(memory, 0, 5);
    await openLookup(memory, cache());
    const other = fakePack([{ id: fakeId(77) }], pack.packId);
    memory.objects.set(packName(pack.packId), other.bytes);
    const lookup = await openLookup(memory, cache());
    await findsAll(lookup, [other]);
    assert.isUndefined(lookup.find(fakeId(0)));
  });

  it('takes over what a stream stored, except a pack that is not as it was added', async () => {
    const memory = new MemoryStorage();
    const lookup = await openLookup(memory, cache());
    const [whole, cut] = [fakePack(ids(0, 40)), fakePack(ids(40, 40))];
    for (const { id, ...place } of [...whole.chunks, ...cut.chunks.slice(0, 30)]) lookup.add(id, place);
    await lookup.save();
    for (const { packId, bytes } of [whole, cut]) memory.objects.set(packName(packId), bytes);
    const again = counted(memory);
    const next = await openLookup(again.storage, cache());
    assert.equal(again.reads(), 1);
    await findsAll(next, [whole, cut]);
  });

  it('is written again only when much is new', async () => {
    const memory = new MemoryStorage();
    putPack(memory, 0, 5000);
    await openLookup(memory, cache());
    const written = async (): Promise<number> => (await stat(file)).ino;
    const first = await written();
    putPack(memory, 5000, 10);
    await openLookup(memory, cache());
    assert.equal(await written(), first);
    for (let i = 0; i < 16; i++) putPack(memory, 6000 + i, 1);
    await openLookup(memory, cache());
    assert.notEqual(await written(), first);
  });

  it('merges the tables of a lookup that grew in many steps', async () => {
    const memory = new MemoryStorage();
    const packs = Array.from({ length: 20 }, (_, i) => putPack(memory, i * 8000, 8000));
    const grown = await openLookup(memory, cache());
    assert.isAbove(grown.shared.tables.length, 8);
    const again = counted(memory);
    const lookup = await openLookup(again.storage, cache());
    assert.equal(again.reads(), 0);
    assert.equal(lookup.shared.tables.length, 1);
    assert.equal(lookup.size, 160_000);
    await findsAll(lookup, packs.slice(3, 5));
  }).timeout(30_000);

  it('is not used when it is of another device, cut off or changed anywhere', async () => {
    const memory = new MemoryStorage();
    const packs = [putPack(memory, 0, 30), putPack(memory, 30, 40)];
    await openLookup(memory, cache());
    const sound = await readFile(file);
    const tryWith = async (bytes: Uint8Array, what: string): Promise<void> => {
      await writeFile(file, bytes);
      const again = counted(memory);
      const lookup = await openLookup(again.storage, cache());
      assert.equal(again.reads(), 2, what);
      assert.equal(lookup.size, 70, what);
      await findsAll(lookup, packs);
    };
    for (let at = 0; at < sound.length; at += at < 400 || at > sound.length - 20 ? 1 : 7919) {
      const bytes = Buffer.from(sound);
      bytes[at]! ^= 1 << (at % 8);
      await tryWith(bytes, `bit in byte ${at}`);
    }
    for (const length of [0, 1, 63, 64, 65, 300, sound.length - 1, sound.length - 4])
      await tryWith(sound.subarray(0, length), `${length} bytes`);
    await tryWith(Buffer.concat([sound, Buffer.alloc(12)]), 'longer');
    await writeFile(file, sound);
    const other = counted(memory);
    await openLookup(other.storage, { cache: { file, deviceId: 'cd'.repeat(16) } });
    assert.equal(other.reads(), 2);
  }).timeout(60_000);

  it('looks anew at packs without a sound directory', async () => {
    const storage = new MemoryStorage();
    await using packs = new PackWriter(storage, '00112233445566aa');
    const ref = await store(packs, noise(3000));
    await packs.finish();
    const name = packName(ref.packId);
    storage.objects.set(name, storage.objects.get(name)!.subarray(0, -3));
    for (let time = 0; time < 2; time++) {
      const lookup = await openLookup(storage, cache());
      assert.lengthOf(lookup.damagedPacks, 1);
      assert.isDefined(await lookup.find(ref.id));
    }
  });

  it('chooses again when the choice of chunks is outdated', async () => {
    const budgetOf = (): number => 64 * 1024;
    const memory = new MemoryStorage();
    const tiny = putPack(memory, 0, 6000, 4096);
    const first = await openLookup(memory, { ...cache(), budgetOf });
    assert.isAbove(first.leftOut, 1000);
    const large = putPack(memory, 10_000, 3500, 70_000);
    await findsAll(await openLookup(memory, { ...cache(), budgetOf }), [large]);
    memory.objects.delete(packName(large.packId));
    memory.objects.delete(packName(tiny.packId));
    const few = putPack(memory, 20_000, 500, 4096);
    const last = await openLookup(memory, { ...cache(), budgetOf });
    assert.equal(last.leftOut, 0);
    await findsAll(last, [few]);
  });

  it('is of no use when memory does not do for it any more', async () => {
    const memory = new MemoryStorage();
    putPack(memory, 0, 6000);
    await openLookup(memory, cache());
    const lookup = await openLookup(memory, { ...cache(), budgetOf: () => 32 * 1024 });
    assert.isAtMost(lookup.memoryBytes, 32 * 1024);
  });

  it('goes on with a warning where nothing can be written', async () => {
    const memory = new MemoryStorage();
    const pack = putPack(memory, 0, 10);
    const blocked = folder.file('file');
    await writeFile(blocked, 'not a folder');
    const { log, lines } = recordingLog();
    const where = { file: path.join(blocked, 'lookup.bin'), deviceId: DEVICE };
    const lookup = await openLookup(memory, { cache: where, log });
    await findsAll(lookup, [pack]);
    assert.deepEqual(
      lines.map(({ level, message }) => [level, message]),
      [['warn', 'Lookup cache not written']],
    );
  });

  it('is one whole file after several wrote it at once, without rests of a crash', async () => {
    const memory = new MemoryStorage();
    const packs = [putPack(memory, 0, 1000)];
    await openLookup(memory, cache());
    const [old, young] = [`${file}.1-aa.tmp`, `${file}.2-bb.tmp`];
    await writeFile(old, 'rest');
    await writeFile(young, 'of another worker');
    await utimes(old, 1, 1);
    packs.push(putPack(memory, 1000, 1000));
    await Promise.all([1, 2, 3].map(() => openLookup(memory, cache())));
    assert.deepEqual((await readdir(path.dirname(file))).sort(), [path.basename(file), path.basename(young)]);
    const again = counted(memory);
    const lookup = await openLookup(again.storage, cache());
    assert.equal(again.reads(), 0);
    await findsAll(lookup, packs);
  });
});

function ids(from: number, count: number): { id: Uint8Array }[] {
  return Array.from({ length: count }, (_, i) => ({ id: fakeId(from + i) }));
}
