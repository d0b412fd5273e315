/** Packs with a true directory and records without content: many chunks for little memory. */
import { randomBytes } from 'node:crypto';
import { chunkIdOf } from '../../../shared/format/hash.ts';
import { packName } from '../../../shared/format/names.ts';
import { type PackEntry, encodePackEnd } from '../../../shared/format/pack-directory.ts';
import { CHUNK_HEADER_BYTES, PACK_HEADER_BYTES, PACK_ID_BYTES } from '../../../shared/format/pack.ts';
import { type ChunkPlace } from '../../../shared/repository/chunk-lookup.ts';
import { type MemoryStorage } from '../../../shared/repository/storage-memory.ts';

export interface FakeChunk extends ChunkPlace {
  readonly id: Uint8Array;
}

export interface FakePack {
  readonly packId: string;
  readonly bytes: Uint8Array;
  readonly chunks: readonly FakeChunk[];
}

/** The id of the chunk with a number. */
export const fakeId = (number: number): Uint8Array => chunkIdOf(Buffer.from(`chunk ${number}`));

/** A pack of chunks with these ids and plain lengths. */
export function fakePack(
  wanted: readonly { readonly id: Uint8Array; readonly plainLength?: number }[],
  packId = randomBytes(PACK_ID_BYTES).toString('hex'),
): FakePack {
  const storedLength = 1;
  const recordBytes = CHUNK_HEADER_BYTES + storedLength;
  const chunks = wanted.map(({ id, plainLength = 65_536 }, i) => ({
    ...{ id, packId, storedLength, plainLength },
    offset: PACK_HEADER_BYTES + i * recordBytes,
  }));
  const directoryOffset = PACK_HEADER_BYTES + chunks.length * recordBytes;
  const entries: PackEntry[] = chunks.map(({ id, offset, plainLength }) => {
    return { id, offset, storedLength, plainLength, codec: 'zstd', isEncrypted: false };
  });
  const end = encodePackEnd(packId, directoryOffset, entries);
  return { packId, chunks, bytes: Buffer.concat([new Uint8Array(directoryOffset), end]) };
}

/** Puts a pack with chunks of these numbers on a device. */
export function putPack(storage: MemoryStorage, from: number, count: number, plainLength?: number): FakePack {
  const size = plainLength === undefined ? {} : { plainLength };
  const pack = fakePack(Array.from({ length: count }, (_, i) => ({ id: fakeId(from + i), ...size })));
  storage.objects.set(packName(pack.packId), pack.bytes);
  return pack;
}
