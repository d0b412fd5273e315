/**
 * The ways to zstd, best first (figures: docs/decisions/0010-hash-and-codec.md):
 *
 *   zstd-napi       native, writes into the caller's memory; contexts live as long as their thread
 *   node:zlib       from Node 22.15 on; one copy more
 *   fzstd, deflate  plain JavaScript reads zstd; new payloads are deflated by node:zlib
 */
import { createRequire } from 'node:module';
import zlib from 'node:zlib';
import { decompress as decodeZstd } from 'fzstd';
import type zstdNapi from 'zstd-napi/binding.js';
import { type Codec } from '../format/pack.ts';
import { deflateInto } from './codec-deflate.ts';

const LEVEL = 1;

export interface ChunkCodec {
  readonly provider: string;
  /** What `encode` makes. */
  readonly codec: Codec;
  /** Fills the front of `into` and gives the length; zero when the result does not fit. */
  encode(plain: Uint8Array, into: Uint8Array): number;
  /** Fills `into` from a zstd frame and gives the length. @throws Error for a damaged frame */
  decode(frame: Uint8Array, into: Uint8Array): number;
}

type Binding = typeof zstdNapi;
/** What Node 20 does not have. */
interface ZstdOfNode {
  readonly constants: Readonly<Record<string, number>>;
  readonly zstdCompressSync?: (bytes: Uint8Array, options: ZstdOptions) => Uint8Array;
  readonly zstdDecompressSync?: (bytes: Uint8Array, options: ZstdOptions) => Uint8Array;
}
interface ZstdOptions {
  readonly params?: Readonly<Record<number, number>>;
  readonly maxOutputLength?: number;
  readonly pledgedSrcSize?: number;
}

/** The best codec of this host; what it is asked for may be replaced, to see what another host would use. */
export function findCodec(load: () => Binding = loadNative, node: ZstdOfNode = zlib): ChunkCodec {
  try {
    return nativeCodec(load());
  } catch {
    return codecOfNode(node) ?? plainCodec;
  }
}

/** By `require`: an optional package that could not be compiled must not end the program that imports it. */
function loadNative(): Binding {
  return createRequire(import.meta.url)('zstd-napi/binding.js') as Binding;
}

function nativeCodec(binding: Binding): ChunkCodec {
  const compressor = new binding.CCtx();
  compressor.setParameter(binding.CParameter.compressionLevel, LEVEL);
  const decompressor = new binding.DCtx();
  return {
    provider: 'zstd-napi',
    codec: 'zstd',
    encode(plain, into) {
      // a result that does not fit is an exception here, and with sound parameters there is no other
      try {
        return compressor.compress2(into, plain);
      } catch {
        return 0;
      }
    },
    decode: (frame, into) => decompressor.decompress(into, frame),
  };
}

function codecOfNode({
  zstdCompressSync,
  zstdDecompressSync,
  constants,
}: ZstdOfNode): ChunkCodec | undefined {
  const levelKey = constants['ZSTD_c_compressionLevel'];
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined || levelKey === undefined)
    return undefined;
  return {
    provider: 'node:zlib',
    codec: 'zstd',
    encode(plain, into) {
      const coded = zstdCompressSync(plain, { params: { [levelKey]: LEVEL }, pledgedSrcSize: plain.length });
      if (coded.length > into.length) return 0;
      into.set(coded);
      return coded.length;
    },
    decode(frame, into) {
      const plain = zstdDecompressSync(frame, { maxOutputLength: into.length });
      into.set(plain);
      return plain.length;
    },
  };
}

/** The decoder tells no length: a frame that holds less leaves old bytes, which the chunk's id then finds. */
const plainCodec: ChunkCodec = {
  provider: 'JavaScript',
  codec: 'deflate',
  encode: deflateInto,
  decode: (frame, into) => decodeZstd(frame, into).length,
};
