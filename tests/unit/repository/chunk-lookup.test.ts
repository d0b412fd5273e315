import { assert } from 'chai';
import { readFile, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../../shared/base/errors.ts';
import { type Log, type LogFields, silentLog } from '../../../shared/base/log.ts';
import { MiB, TiB } from '../../../shared/base/units.ts';
import { packName } from '../../../shared/format/names.ts';
import { lookupHas } from '../../../shared/repository/chunk-lookup-table.ts';
import { ChunkLookup, type LookupOptions } from '../../../shared/repository/chunk-lookup.ts';
import { budgetFor } from '../../../shared/repository/lookup-budget.ts';
import { markDamaged } from '../../../shared/repository/damage-marks.ts';
import { PackWriter } from '../../../shared/repository/pack-writer.ts';
import { MemoryStorage } from '../../../shared/repository/storage-memory.ts';
import { type Storage } from '../../../shared/repository/storage.ts';
import { FaultyStorage } from '../../support/faulty-storage.ts';
import { onStorage } from '../../support/open-devices.ts';
import { type TempFolder, tempFolder } from '../../support/temp.ts';
import { codeOfAsync } from '../format/codes.ts';
import { noise, store, text } from './chunks.ts';
import { type FakePack, fakeId, fakePack, putPack } from './fake-packs.ts';

const signal = new AbortController().signal;
const DEVICE = 'ab'.repeat(16);
const open = (storage: Storage, more: Partial<LookupOptions> = {}): Promise<ChunkLookup> =>
  ChunkLookup.open(onStorage(storage), { signal, ...more });

/** Counts reads, to tell directories from the cache. */
function counted(storage: MemoryStorage): { storage: Storage; reads: () => number } {
  let reads = 0;
  const proxy = new Proxy<Storage>(storage, {
    get(target, name) {
      if (name === 'readRange') {
        return (...args: Parameters<Storage['readRange']>) => {
          reads++;
          return target.readRange(...args);
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return { storage: proxy, reads: () => reads };
}

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

function recordingLog(): { log: Log; lines: Line[] } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (message: string, fields?: LogFields): void =>
      void lines.push({ level, message, fields });
  return { log: { ...silentLog, info: at('info'), warn: at('warn') }, lines };
}

async function findsAll(lookup: ChunkLookup, packs: readonly FakePack[]): Promise<void> {
  for (const { chunks } of packs) {
    for (const { id, ...place } of chunks) assert.deepEqual(await lookup.find(id), place);
  }
}

describe('ChunkLookup', () => {
  it('finds the chunks of all visible packs, at once when their directory is at hand', async () => {
    const storage = new MemoryStorage();
    const packs = [putPack(storage, 0, 100), putPack(storage, 100, 50)];
    const lookup = await open(storage);
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
    const lookup = await open(new MemoryStorage());
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
      const lookup = await open(new MemoryStorage(), { budgetOf: () => 64 * MiB });
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
    const lookup = await open(storage);
    assert.isUndefined(await lookup.find(pack.chunks[1]!.id));
    assert.deepEqual(await lookup.findAll(pack.chunks[1]!.id), []);
    assert.isDefined(await lookup.find(pack.chunks[2]!.id));
  });

  it('offers another record of a chunk when one is marked', async () => {
    const storage = new MemoryStorage();
    const packs = [putPack(storage, 0, 3), putPack(storage, 0, 3)];
    await markDamaged(storage, packs[0]!.chunks[1]!);
    const lookup = await open(storage);
    assert.equal((await lookup.find(fakeId(1)))?.packId, packs[1]!.packId);
    assert.equal((await lookup.findAll(fakeId(0))).length, 2);
  });

  it('offers nothing of excluded packs, but still reads from them', async () => {
    const storage = new MemoryStorage();
    const packs = [putPack(storage, 0, 3), putPack(storage, 3, 3)];
    const lookup = await open(storage);
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
    const lookup = await open(storage);
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
      const lookup = await open(storage);
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
    const lookup = await open(failing);
    assert.equal(await codeOfAsync(Promise.resolve(lookup.find(pack.chunks[0]!.id))), 'DEVICE_OFFLINE');
  });

  it('knows at most so many records of one chunk', async () => {
    const storage = new MemoryStorage();
    for (let i = 0; i < 30; i++) putPack(storage, 7, 1);
    const lookup = await open(storage);
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
    const lookup = await open(storage);
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
    assert.equal((await open(failing('REPO_READ_FAILED'))).damagedPacks[0]!.packId, pack.packId);
    assert.equal(await codeOfAsync(open(failing('DEVICE_OFFLINE'))), 'DEVICE_OFFLINE');
  });

  it('stops when it is told to', async () => {
    const storage = new MemoryStorage();
    putPack(storage, 0, 2);
    const reason = new AppError('CANCELLED', 'Backup was cancelled');
    assert.equal(await codeOfAsync(open(storage, { signal: AbortSignal.abort(reason) })), 'CANCELLED');
  });

  describe('add', () => {
    const own = (pack: FakePack, lookup: ChunkLookup): void => {
      for (const { id, ...place } of pack.chunks) lookup.add(id, place);
    };

    it('knows the chunks of a pack before and after it is visible', async () => {
      const storage = new MemoryStorage();
      const lookup = await open(storage);
      const packs = [0, 1, 2, 3, 4, 5].map((n) =>
        fakePack(Array.from({ length: 300 }, (_, i) => ({ id: fakeId(n * 300 + i) }))),
      );
      for (const pack of packs) own(pack, lookup);
      await findsAll(lookup, packs);
      for (const { packId, bytes } of packs) storage.objects.set(packName(packId), bytes);
      await findsAll(lookup, packs);
    });

    it('does not take chunks of an earlier pack, which would have wrong numbers', async () => {
      const lookup = await open(new MemoryStorage());
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
      const lookup = await open(storage, { ...small, log });
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
      const lookup = await open(storage, small);
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
      const lookup = await open(storage, { budgetOf: () => 8 * 1024 });
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
      const lookup = await open(storage, small);
      assert.isDefined(await lookup.find(ref.id));
    });
  });

  describe('with a cache', () => {
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
      await open(memory, cache());
      const again = counted(memory);
      const lookup = await open(again.storage, cache());
      assert.equal(again.reads(), 0);
      assert.equal(lookup.size, 600);
      await findsAll(lookup, packs);
      const more = putPack(memory, 600, 10);
      const third = counted(memory);
      await findsAll(await open(third.storage, cache()), [...packs, more]);
      assert.equal(third.reads(), 1 + 3);
    });

    it('drops packs that are gone, and forgets their records when they are many', async () => {
      const memory = new MemoryStorage();
      const packs = Array.from({ length: 10 }, (_, i) => putPack(memory, i * 100, 100));
      await open(memory, cache());
      memory.objects.delete(packName(packs[0]!.packId));
      const one = await open(memory, cache());
      assert.equal(one.size, 1000);
      assert.isUndefined(one.find(fakeId(0)));
      await findsAll(one, packs.slice(1));
      for (const { packId } of packs.slice(1, 4)) memory.objects.delete(packName(packId));
      const four = await open(memory, cache());
      assert.equal(four.size, 600);
      await findsAll(four, packs.slice(4));
      assert.equal((await open(memory, cache())).size, 600);
    });

    it('reads a pack again whose length is another one', async () => {
      const memory = new MemoryStorage();
      const pack = putPack(memory, 0, 5);
      await open(memory, cache());
      const other = fakePack([{ id: fakeId(77) }], pack.packId);
      memory.objects.set(packName(pack.packId), other.bytes);
      const lookup = await open(memory, cache());
      await findsAll(lookup, [other]);
      assert.isUndefined(lookup.find(fakeId(0)));
    });

    it('takes over what a stream stored, except a pack that is not as it was added', async () => {
      const memory = new MemoryStorage();
      const lookup = await open(memory, cache());
      const [whole, cut] = [fakePack(ids(0, 40)), fakePack(ids(40, 40))];
      for (const { id, ...place } of [...whole.chunks, ...cut.chunks.slice(0, 30)]) lookup.add(id, place);
      await lookup.save();
      for (const { packId, bytes } of [whole, cut]) memory.objects.set(packName(packId), bytes);
      const again = counted(memory);
      const next = await open(again.storage, cache());
      assert.equal(again.reads(), 1);
      await findsAll(next, [whole, cut]);
    });

    it('is written again only when much is new', async () => {
      const memory = new MemoryStorage();
      putPack(memory, 0, 5000);
      await open(memory, cache());
      const written = async (): Promise<number> => (await stat(file)).ino;
      const first = await written();
      putPack(memory, 5000, 10);
      await open(memory, cache());
      assert.equal(await written(), first);
      for (let i = 0; i < 16; i++) putPack(memory, 6000 + i, 1);
      await open(memory, cache());
      assert.notEqual(await written(), first);
    });

    it('merges the tables of a lookup that grew in many steps', async () => {
      const memory = new MemoryStorage();
      const packs = Array.from({ length: 20 }, (_, i) => putPack(memory, i * 8000, 8000));
      const grown = await open(memory, cache());
      assert.isAbove(grown.shared.tables.length, 8);
      const again = counted(memory);
      const lookup = await open(again.storage, cache());
      assert.equal(again.reads(), 0);
      assert.equal(lookup.shared.tables.length, 1);
      assert.equal(lookup.size, 160_000);
      await findsAll(lookup, packs.slice(3, 5));
    }).timeout(30_000);

    it('is not used when it is of another device, cut off or changed anywhere', async () => {
      const memory = new MemoryStorage();
      const packs = [putPack(memory, 0, 30), putPack(memory, 30, 40)];
      await open(memory, cache());
      const sound = await readFile(file);
      const tryWith = async (bytes: Uint8Array, what: string): Promise<void> => {
        await writeFile(file, bytes);
        const again = counted(memory);
        const lookup = await open(again.storage, cache());
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
      await open(other.storage, { cache: { file, deviceId: 'cd'.repeat(16) } });
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
        const lookup = await open(storage, cache());
        assert.lengthOf(lookup.damagedPacks, 1);
        assert.isDefined(await lookup.find(ref.id));
      }
    });

    it('chooses again when the choice of chunks is outdated', async () => {
      const budgetOf = (): number => 64 * 1024;
      const memory = new MemoryStorage();
      const tiny = putPack(memory, 0, 6000, 4096);
      const first = await open(memory, { ...cache(), budgetOf });
      assert.isAbove(first.leftOut, 1000);
      const large = putPack(memory, 10_000, 3500, 70_000);
      await findsAll(await open(memory, { ...cache(), budgetOf }), [large]);
      memory.objects.delete(packName(large.packId));
      memory.objects.delete(packName(tiny.packId));
      const few = putPack(memory, 20_000, 500, 4096);
      const last = await open(memory, { ...cache(), budgetOf });
      assert.equal(last.leftOut, 0);
      await findsAll(last, [few]);
    });

    it('is of no use when memory does not do for it any more', async () => {
      const memory = new MemoryStorage();
      putPack(memory, 0, 6000);
      await open(memory, cache());
      const lookup = await open(memory, { ...cache(), budgetOf: () => 32 * 1024 });
      assert.isAtMost(lookup.memoryBytes, 32 * 1024);
    });

    it('goes on with a warning where nothing can be written', async () => {
      const memory = new MemoryStorage();
      const pack = putPack(memory, 0, 10);
      const blocked = folder.file('file');
      await writeFile(blocked, 'not a folder');
      const { log, lines } = recordingLog();
      const where = { file: path.join(blocked, 'lookup.bin'), deviceId: DEVICE };
      const lookup = await open(memory, { cache: where, log });
      await findsAll(lookup, [pack]);
      assert.deepEqual(
        lines.map(({ level, message }) => [level, message]),
        [['warn', 'Lookup cache not written']],
      );
    });

    it('is one whole file after several wrote it at once, without rests of a crash', async () => {
      const memory = new MemoryStorage();
      const packs = [putPack(memory, 0, 1000)];
      await open(memory, cache());
      const [old, young] = [`${file}.1-aa.tmp`, `${file}.2-bb.tmp`];
      await writeFile(old, 'rest');
      await writeFile(young, 'of another worker');
      await utimes(old, 1, 1);
      packs.push(putPack(memory, 1000, 1000));
      await Promise.all([1, 2, 3].map(() => open(memory, cache())));
      assert.deepEqual((await readdir(path.dirname(file))).sort(), [
        path.basename(file),
        path.basename(young),
      ]);
      const again = counted(memory);
      const lookup = await open(again.storage, cache());
      assert.equal(again.reads(), 0);
      await findsAll(lookup, packs);
    });
  });

  it('may take 40 MiB for each TiB on the device, and 16 MiB at least', async () => {
    assert.equal((await open(new MemoryStorage())).budgetBytes, 16 * MiB);
    assert.equal(budgetFor(TiB), 40 * MiB);
    assert.equal(budgetFor(2.5 * TiB), 100 * MiB);
  });
});

function ids(from: number, count: number): { id: Uint8Array }[] {
  return Array.from({ length: count }, (_, i) => ({ id: fakeId(from + i) }));
}

function packIdOf(number: number): string {
  return number.toString(16).padStart(32, '0');
}
