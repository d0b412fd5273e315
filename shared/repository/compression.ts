/**
 * Chunk payloads: one zstd frame of level 1, or the plain bytes where zstd does not help. Both directions write into buffers
 * of the caller, which may be shared memory, and never allocate by what a payload claims.
 *
 * The codecs are found when the module is loaded: the native package, else the zstd of later Node versions, else what every
 * Node has: deflate for new payloads, and a slower zstd decoder in JavaScript. What one of them writes, each of them reads.
 */
import { AppError } from '../base/errors.ts';
import { type Codec } from '../format/pack.ts';
import { inflateInto } from './codec-deflate.ts';
import { findCodec } from './codec-zstd.ts';

/** A payload that is not at least this much shorter is not worth the work of unpacking it. */
const WORTH = 0.95;

const best = findCodec();

/** Which codec new payloads get here, and whose it is; for `status` and for logs. */
export const codecInUse: { readonly codec: Codec; readonly provider: string } = best;

/**
 * Codes `plain`: the payload is the first `length` bytes of `into`, which has room for as many bytes as `plain`; for
 * `none` it is `plain` itself, and `into` holds nothing of use.
 */
export function compress(
  plain: Uint8Array,
  into: Uint8Array,
): { readonly codec: Codec; readonly length: number } {
  const length = best.encode(plain, into.subarray(0, Math.floor(plain.length * WORTH)));
  return length > 0 ? { codec: best.codec, length } : { codec: 'none', length: plain.length };
}

/**
 * Fills `into`, which has the chunk's plain length, from a payload.
 * @throws AppError `FORMAT_INVALID` when the payload does not give exactly that many bytes
 */
export function decompress(codec: Codec, payload: Uint8Array, into: Uint8Array): void {
  const length = decoded(codec, payload, into);
  if (length !== into.length) {
    throw new AppError('FORMAT_INVALID', `Cannot unpack the payload: it holds ${length} bytes`, {
      lengthBytes: length,
      plainLength: into.length,
    });
  }
}

function decoded(codec: Codec, payload: Uint8Array, into: Uint8Array): number {
  if (codec === 'none') return copied(payload, into);
  try {
    return codec === 'deflate' ? inflateInto(payload, into) : best.decode(payload, into);
  } catch (error) {
    throw new AppError('FORMAT_INVALID', 'Cannot unpack the payload: it is damaged', {}, error);
  }
}

function copied(payload: Uint8Array, into: Uint8Array): number {
  if (payload.length === into.length) into.set(payload);
  return payload.length;
}
