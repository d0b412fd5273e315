import { assert } from 'chai';
import { AppError } from '../../../shared/base/errors.ts';
import { type ChunkAddress } from '../../../shared/format/disk-index.ts';
import { chunkIdOf } from '../../../shared/format/hash.ts';
import { packName } from '../../../shared/format/names.ts';
import { ChunkLookup } from '../../../shared/repository/chunk-lookup.ts';
import { ChunkReader } from '../../../shared/repository/chunk-reader.ts';
import { compress, decompress } from '../../../shared/repository/compression.ts';
import { readDirectory, recoverDirectory } from '../../../shared/repository/pack-directories.ts';
import { PackWriter } from '../../../shared/repository/pack-writer.ts';
import { MemoryStorage } from '../../../shared/repository/storage-memory.ts';
import { type Storage } from '../../../shared/repository/storage.ts';
import { FaultyStorage } from '../../support/faulty-storage.ts';
import { onStorage } from '../../support/open-devices.ts';
import { codeOf, codeOfAsync } from '../format/codes.ts';
import { noise, store, text } from './chunks.ts';

const SAVESET = '00112233445566aa';
const signal = new AbortController().signal;
const open = (storage: Storage): Promise<ChunkLookup> => ChunkLookup.open(onStorage(storage), { signal });
const plains = [noise(1000), text(1, 100_000), noise(50_000), text(2, 3), text(3, 1_048_576)];

async function stored(storage: Storage, chunks = plains, targetBytes = 2 ** 26): Promise<ChunkAddress[]> {
  await using packs = new PackWriter(storage, SAVESET, { targetBytes });
  const refs: ChunkAddress[] = [];
  for (const plain of chunks) refs.push(await store(packs, plain));
  await packs.finish();
  return refs;
}

async function readAll(reader: ChunkReader, refs: Iterable<ChunkAddress>): Promise<Map<string, string>> {
  const read = new Map<string, string>();
  await reader.readMany(refs, { signal, concurrency: 3 }, (ref, bytes) => {
    read.set(Buffer.from(ref.id).toString('hex'), Buffer.from(chunkIdOf(bytes)).toString('hex'));
  });
  return read;
}

/** Flips a bit of the stored payload. */
function damage(storage: MemoryStorage, ref: ChunkAddress): void {
  storage.objects.get(packName(ref.packId))![ref.offset + 60]! ^= 4;
}

describe('compress', () => {
  it('shrinks what can be shrunk, and leaves the rest as it is', () => {
    const into = new Uint8Array(new SharedArrayBuffer(100_000));
    const shrunk = compress(text(1, 100_000), into);
    assert.equal(shrunk.codec, 'zstd');
    const back = new Uint8Array(100_000);
    decompress('zstd', into.subarray(0, shrunk.length), back);
    assert.deepEqual(back, text(1, 100_000));
    assert.deepEqual(compress(noise(100_000), into), { codec: 'none', length: 100_000 });
    assert.deepEqual(compress(new Uint8Array(1), into), { codec: 'none', length: 1 });
  });
});

describe('decompress', () => {
  it('refuses what does not give exactly the bytes that are wanted', () => {
    const into = new Uint8Array(1000);
    const payload = into.slice(0, compress(text(1, 1000), into).length);
    for (const length of [999, 1001, 0]) {
      assert.equal(
        codeOf(() => decompress('zstd', payload, new Uint8Array(length))),
        'FORMAT_INVALID',
      );
    }
    assert.equal(
      codeOf(() => decompress('none', noise(10), new Uint8Array(9))),
      'FORMAT_INVALID',
    );
    assert.equal(
      codeOf(() => decompress('zstd', noise(100), new Uint8Array(9))),
      'FORMAT_INVALID',
    );
  });
});

describe('PackWriter', () => {
  it('shows a pack only when it is finished', async () => {
    const storage = new MemoryStorage();
    await using packs = new PackWriter(storage, SAVESET);
    await store(packs, plains[0]!);
    assert.equal(storage.objects.size, 0);
    const summaries = await packs.finish();
    assert.equal(summaries.length, 1);
    assert.equal(summaries[0]!.chunks, 1);
    assert.equal(await storage.size(packName(summaries[0]!.packId)), summaries[0]!.lengthBytes);
    assert.equal(packs.writtenBytes, summaries[0]!.lengthBytes);
    assert.equal(await codeOfAsync(packs.finish()), 'BUG_INVARIANT');
  });

  it('begins a new pack when the target is reached', async () => {
    const storage = new MemoryStorage();
    const refs = await stored(storage, [noise(600), noise(600), noise(600)], 1000);
    assert.equal(new Set(refs.map((ref) => ref.packId)).size, 2);
    assert.equal((await open(storage)).size, 3);
  });

  it('makes no pack without chunks', async () => {
    const storage = new MemoryStorage();
    assert.deepEqual(await new PackWriter(storage, SAVESET).finish(), []);
    assert.equal(storage.objects.size, 0);
  });

  it('takes calls that overlap, with buffers larger than its own', async () => {
    const storage = new MemoryStorage();
    const packs = new PackWriter(storage, SAVESET);
    const many = Array.from({ length: 12 }, (_, i) => noise(i * 90_000 + 1));
    const refs = await Promise.all(many.map((plain) => store(packs, plain)));
    await packs.finish();
    await using reader = new ChunkReader(onStorage(storage));
    const read = await readAll(reader, refs);
    assert.equal(read.size, 12);
    for (const [id, got] of read) assert.equal(got, id);
  });

  it('leaves nothing behind when it is given up', async () => {
    const storage = new MemoryStorage();
    const packs = new PackWriter(storage, SAVESET);
    await store(packs, plains[0]!);
    await packs.abort();
    await packs.abort();
    assert.equal(storage.objects.size, 0);
    assert.equal(await codeOfAsync(store(packs, plains[0]!)), 'BUG_INVARIANT');
  });

  for (const call of ['create', 'append', 'finish'] as const) {
    it(`says in every call after a failed ${call} that the device is full`, async () => {
      const memory = new MemoryStorage();
      const error = (): AppError => new AppError('DEVICE_FULL', 'Cannot write: no space is left');
      const storage = new FaultyStorage(memory, { call, after: call === 'create' ? 0 : 1, error });
      await using packs = new PackWriter(storage, SAVESET, {
        targetBytes: call === 'finish' ? 1000 : 2 ** 30,
      });
      const codes = new Set<string>();
      for (let i = 0; i < 14; i++) codes.add(await codeOfAsync(store(packs, noise(1_000_000))));
      assert.equal(await codeOfAsync(packs.finish()), 'DEVICE_FULL');
      assert.include([...codes], 'DEVICE_FULL');
      assert.equal(await codeOfAsync(store(packs, noise(10))), 'DEVICE_FULL');
      await packs.abort();
      assert.isAtMost(memory.objects.size, 1);
      storage.assertHit();
    }).timeout(20_000);
  }
});

describe('readDirectory', () => {
  it('reads a directory that is larger than its first look', async () => {
    const storage = new MemoryStorage();
    const refs = await stored(
      storage,
      Array.from({ length: 1000 }, (_, i) => text(i, 30)),
    );
    const pack = { packId: refs[0]!.packId, lengthBytes: await storage.size(packName(refs[0]!.packId)) };
    assert.equal((await readDirectory(storage, pack)).length, 1000);
  });

  it('refuses lengths that no pack has', async () => {
    const storage = new MemoryStorage();
    const packId = 'ab'.repeat(16);
    await storage.put(packName(packId), noise(20));
    for (const lengthBytes of [0, 20, 30, 2 ** 40]) {
      assert.equal(await codeOfAsync(readDirectory(storage, { packId, lengthBytes })), 'FORMAT_INVALID');
    }
  });
});

describe('recoverDirectory', () => {
  it('finds every chunk of a pack that is larger than what it reads at once', async () => {
    const storage = new MemoryStorage();
    const refs = await stored(
      storage,
      Array.from({ length: 12 }, () => noise(1_000_000)),
    );
    const name = packName(refs[0]!.packId);
    const whole = storage.objects.get(name)!;
    const pack = { packId: refs[0]!.packId, lengthBytes: whole.length };
    const offsets = async (): Promise<number[]> =>
      (await recoverDirectory(onStorage(storage), pack, signal)).map(({ offset }) => offset);
    assert.deepEqual(
      await offsets(),
      refs.map(({ offset }) => offset),
    );
    whole.fill(0, refs[3]!.offset - 500, refs[5]!.offset + 10);
    assert.deepEqual(
      await offsets(),
      refs.filter((_, i) => i < 2 || i > 5).map(({ offset }) => offset),
    );
    assert.equal(
      await codeOfAsync(
        recoverDirectory(onStorage(storage), pack, AbortSignal.abort(new AppError('CANCELLED', 'x'))),
      ),
      'CANCELLED',
    );
  }).timeout(20_000);

  it('ends for any bytes', async () => {
    const storage = new MemoryStorage();
    const refs = await stored(storage, [noise(3000), noise(3000)]);
    const whole = storage.objects.get(packName(refs[0]!.packId))!;
    for (let length = 0; length < whole.length; length += 101) {
      storage.objects.set(packName(refs[0]!.packId), whole.subarray(0, length));
      const pack = { packId: refs[0]!.packId, lengthBytes: length };
      const expected = refs.filter((ref) => ref.offset + 56 + ref.storedLength <= length).length;
      assert.equal((await recoverDirectory(onStorage(storage), pack, signal)).length, expected);
    }
  });
});

describe('ChunkReader', () => {
  it('reads chunks one by one and many together', async () => {
    const storage = new MemoryStorage();
    const refs = await stored(storage, plains, 40_000);
    await using reader = new ChunkReader(onStorage(storage));
    for (const [i, ref] of refs.entries()) {
      const into = new Uint8Array(ref.plainLength);
      await reader.read(ref, into);
      assert.deepEqual(into, plains[i]);
    }
    const read = await readAll(reader, [...refs].reverse());
    assert.equal(read.size, refs.length);
    for (const [id, got] of read) assert.equal(got, id);
  });

  it('loses only the chunk that is damaged, and names it', async () => {
    const storage = new MemoryStorage();
    const refs = await stored(storage);
    damage(storage, refs[1]!);
    await using reader = new ChunkReader(onStorage(storage), () => open(storage));
    assert.equal(await codeOfAsync(readAll(reader, refs)), 'REPO_CHUNK_DAMAGED');
    const lost: string[] = [];
    let sound = 0;
    const options = {
      signal,
      concurrency: 2,
      onLost: (_: unknown, error: AppError) => lost.push(error.message),
    };
    await reader.readMany(refs, options, () => {
      sound++;
    });
    assert.equal(sound, refs.length - 1);
    assert.lengthOf(lost, 1);
    assert.include(lost[0], `at byte ${refs[1]!.offset} of pack ${refs[1]!.packId}`);
  });

  it('finds another record of a chunk that is damaged or gone where it was noted', async () => {
    const storage = new MemoryStorage();
    const refs = await stored(storage);
    await stored(storage);
    damage(storage, refs[0]!);
    await using reader = new ChunkReader(onStorage(storage), () => open(storage));
    for (const [id, got] of await readAll(reader, refs)) assert.equal(got, id);
    assert.equal(reader.detours, 1);
    await storage.remove(packName(refs[0]!.packId));
    for (const [id, got] of await readAll(reader, refs)) assert.equal(got, id);
    assert.equal(reader.detours, 1 + refs.length);
  });

  it('does not give the bytes of another chunk for a wrong hint', async () => {
    const storage = new MemoryStorage();
    const refs = await stored(storage);
    const wrong = { ...refs[0]!, id: refs[2]!.id };
    const into = new Uint8Array(2_000_000);
    await using alone = new ChunkReader(onStorage(storage));
    assert.equal(await codeOfAsync(alone.read(wrong, into)), 'REPO_CHUNK_DAMAGED');
    for (const change of [{ offset: 10 ** 9 }, { storedLength: 2 ** 32 - 1 }, { plainLength: 999 }]) {
      assert.equal(await codeOfAsync(alone.read({ ...refs[0]!, ...change }, into)), 'REPO_CHUNK_DAMAGED');
    }
    assert.equal(
      await codeOfAsync(readAll(alone, [{ ...refs[0]!, storedLength: 2 ** 32 - 1 }])),
      'REPO_CHUNK_DAMAGED',
    );
    assert.equal(
      await codeOfAsync(alone.read({ ...refs[0]!, packId: 'ab'.repeat(16) }, into)),
      'REPO_CHUNK_MISSING',
    );
  });

  it('tries single chunks where a large read fails, and passes on that the device is gone', async () => {
    const memory = new MemoryStorage();
    const refs = await stored(memory);
    const error = (): AppError => new AppError('REPO_READ_FAILED', 'Cannot read');
    const once = new FaultyStorage(memory, { call: 'readRange', times: 1, error });
    await using reader = new ChunkReader(onStorage(once));
    assert.equal((await readAll(reader, refs)).size, refs.length);
    once.assertHit();
    await using failing = new ChunkReader(onStorage(new FaultyStorage(memory, { call: 'readRange', error })));
    assert.equal(await codeOfAsync(readAll(failing, refs)), 'REPO_READ_FAILED');
    const offline = (): AppError => new AppError('DEVICE_OFFLINE', 'Cannot read');
    await using gone = new ChunkReader(
      onStorage(new FaultyStorage(memory, { call: 'readRange', error: offline })),
    );
    assert.equal(await codeOfAsync(readAll(gone, refs)), 'DEVICE_OFFLINE');
    assert.equal(await codeOfAsync(gone.read(refs[0]!, new Uint8Array(9999))), 'DEVICE_OFFLINE');
  });

  it('stops when it is told to, and passes on what its receiver throws', async () => {
    const storage = new MemoryStorage();
    const refs = await stored(storage);
    await using reader = new ChunkReader(onStorage(storage));
    const stopped = AbortSignal.abort(new AppError('CANCELLED', 'Restore was cancelled'));
    const options = { signal: stopped, concurrency: 2 };
    assert.equal(await codeOfAsync(reader.readMany(refs, options, () => undefined)), 'CANCELLED');
    const full = (): never => {
      throw new AppError('RESTORE_TARGET_FAILED', 'Cannot write');
    };
    assert.equal(
      await codeOfAsync(reader.readMany(refs, { signal, concurrency: 2 }, full)),
      'RESTORE_TARGET_FAILED',
    );
  });
});
