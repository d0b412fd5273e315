/**
 * Chunk payloads: zstd level 1, or the plain bytes where zstd does not help. Both directions write into buffers of the
 * caller, which may be shared memory, and never allocate by what a payload claims. Contexts live as long as their thread.
 */
import binding from 'zstd-napi/binding.js';
import { AppError } from '../base/errors.ts';
import { type Codec } from '../format/pack.ts';

const LEVEL = 1;
/** A payload that is not at least this much shorter is not worth the work of unpacking it. */
const WORTH = 0.95;

const compressor = new binding.CCtx();
compressor.setParameter(binding.CParameter.compressionLevel, LEVEL);
const decompressor = new binding.DCtx();

/**
 * Codes `plain`: for `zstd` the payload is the first `length` bytes of `into`, which has room for as many bytes as `plain`;
 * for `none` it is `plain` itself, and `into` holds nothing of use.
 */
export function compress(
  plain: Uint8Array,
  into: Uint8Array,
): { readonly codec: Codec; readonly length: number } {
  const length = compressedLength(plain, into.subarray(0, Math.floor(plain.length * WORTH)));
  return length > 0 ? { codec: 'zstd', length } : { codec: 'none', length: plain.length };
}

/** Zero when the result does not fit: zstd then says so by throwing, and has no other failure with sound parameters. */
function compressedLength(plain: Uint8Array, into: Uint8Array): number {
  try {
    return compressor.compress2(into, plain);
  } catch {
    return 0;
  }
}

/**
 * Fills `into`, which has the chunk's plain length, from a payload.
 * @throws AppError `FORMAT_INVALID` when the payload does not give exactly that many bytes
 */
export function decompress(codec: Codec, payload: Uint8Array, into: Uint8Array): void {
  const length = codec === 'none' ? copied(payload, into) : decompressed(payload, into);
  if (length !== into.length) {
    throw new AppError('FORMAT_INVALID', `Cannot unpack the payload: it holds ${length} bytes`, {
      lengthBytes: length,
      plainLength: into.length,
    });
  }
}

function copied(payload: Uint8Array, into: Uint8Array): number {
  if (payload.length === into.length) into.set(payload);
  return payload.length;
}

function decompressed(payload: Uint8Array, into: Uint8Array): number {
  try {
    return decompressor.decompress(into, payload);
  } catch (error) {
    throw new AppError('FORMAT_INVALID', 'Cannot unpack the payload: it is damaged', {}, error);
  }
}
