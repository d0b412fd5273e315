import { assert } from 'chai';
import { crc32 } from 'node:zlib';
import { KiB } from '../../../../shared/base/units.ts';
import { hasCode } from '../../../../shared/base/errors.ts';
import { chunkIdOf } from '../../../../shared/format/hash.ts';
import { packName } from '../../../../shared/format/names.ts';
import { CHUNK_HEADER_BYTES } from '../../../../shared/format/pack.ts';
import { ChunkReader } from '../../../../shared/repository/chunk-reader.ts';
import { PackWriter } from '../../../../shared/repository/pack-writer.ts';
import { MemoryStorage } from '../../../../shared/repository/storage-memory.ts';
import { clearCipher, onStorage } from '../../../support/open-devices.ts';
import { CodePool } from '../../../../worker/pipeline/thread-pool.ts';

describe('CodePool as decoder of a ChunkReader', () => {
  let pool: CodePool;
  before(() => {
    pool = new CodePool({ threads: 2, gridBytes: 64 * KiB, cipher: clearCipher });
  });
  after(() => pool[Symbol.asyncDispose]());

  /** A device with one stored chunk, and the address of it. */
  async function deviceWith(plain: Buffer) {
    const storage = new MemoryStorage();
    const packs = new PackWriter(storage, '0011223344556677');
    const id = chunkIdOf(plain);
    const coded = { codec: 'none', isEncrypted: false, payloadCrc: crc32(plain) } as const;
    const place = await packs.append({ id, ...coded, plainLength: plain.length, payload: plain });
    await packs.finish();
    return { storage, ref: { ...place, id } };
  }

  it('fills the buffer with the proven chunk', async () => {
    const plain = Buffer.alloc(50_000, 'some text ');
    const { storage, ref } = await deviceWith(plain);
    await using reader = new ChunkReader(onStorage(storage), undefined, pool.decoder(clearCipher));
    const into = new Uint8Array(new SharedArrayBuffer(64 * KiB));
    await reader.read(ref, into);
    assert.isTrue(Buffer.from(into.subarray(0, plain.length)).equals(plain));
    const seen: Buffer[] = [];
    const options = { signal: new AbortController().signal, concurrency: 2 };
    await reader.readMany([ref, ref], options, (_ref, bytes) => void seen.push(Buffer.from(bytes)));
    assert.isTrue(seen.length === 2 && seen.every((bytes) => bytes.equals(plain)));
  });

  it('keeps the code of the error when a record is damaged', async () => {
    const { storage, ref } = await deviceWith(Buffer.alloc(50_000, 'some text '));
    const pack = storage.objects.get(packName(ref.packId))!;
    pack[ref.offset + CHUNK_HEADER_BYTES + 7]! ^= 1;
    await using reader = new ChunkReader(onStorage(storage), undefined, pool.decoder(clearCipher));
    const error = await reader
      .read(ref, new Uint8Array(new SharedArrayBuffer(64 * KiB)))
      .catch((e: unknown) => e);
    assert.isTrue(hasCode(error, 'REPO_CHUNK_DAMAGED'), String(error));
  });
});
