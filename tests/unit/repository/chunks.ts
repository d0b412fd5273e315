/** Chunks for tests, and the short way to store them. */
import { randomBytes } from 'node:crypto';
import { type ChunkAddress } from '../../../shared/format/disk-index.ts';
import { SEALED_PAYLOAD_EXTRA_BYTES } from '../../../shared/format/pack.ts';
import { codeChunk } from '../../../shared/repository/code-chunk.ts';
import { type PackWriter } from '../../../shared/repository/pack-writer.ts';
import { clearCipher } from '../../support/open-devices.ts';

/** Bytes that do not shrink. */
export const noise = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** Bytes that shrink, different for each seed. */
export const text = (seed: number, length: number): Uint8Array =>
  new Uint8Array(Buffer.alloc(length, `chunk number ${seed}; `));

/** Stores a chunk the way a backup does. */
export async function store(
  packs: PackWriter,
  plain: Uint8Array,
  cipher = clearCipher,
): Promise<ChunkAddress> {
  const id = cipher.chunkId(plain);
  const into = new Uint8Array(plain.length + SEALED_PAYLOAD_EXTRA_BYTES);
  const coded = codeChunk(cipher, id, plain, into);
  return { id, ...(await packs.append({ id, ...coded, plainLength: plain.length })) };
}
