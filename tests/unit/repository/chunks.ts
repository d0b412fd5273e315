/** Chunks for tests, and the short way to store them. */
import { randomBytes } from 'node:crypto';
import { type ChunkAddress } from '../../../shared/format/disk-index.ts';
import { chunkIdOf } from '../../../shared/format/hash.ts';
import { compress } from '../../../shared/repository/compression.ts';
import { type PackWriter } from '../../../shared/repository/pack-writer.ts';

/** Bytes that do not shrink. */
export const noise = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** Bytes that shrink, different for each seed. */
export const text = (seed: number, length: number): Uint8Array =>
  new Uint8Array(Buffer.alloc(length, `chunk number ${seed}; `));

/** Stores a chunk the way a backup does. */
export async function store(packs: PackWriter, plain: Uint8Array): Promise<ChunkAddress> {
  const id = chunkIdOf(plain);
  const into = new Uint8Array(plain.length);
  const { codec, length } = compress(plain, into);
  const payload = codec === 'none' ? plain : into.subarray(0, length);
  return { id, ...(await packs.append({ id, codec, plainLength: plain.length, payload })) };
}
