/** Deflate without any header (RFC 1951), which every Node has. Level 1: the others cost more than storing does. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';

const LEVEL = 1;

/** Fills the front of `into`; zero when the result does not fit. */
export function deflateInto(plain: Uint8Array, into: Uint8Array): number {
  const coded = deflateRawSync(plain, { level: LEVEL });
  if (coded.length > into.length) return 0;
  into.set(coded);
  return coded.length;
}

/**
 * Fills `into` and gives the length of what came out.
 * @throws Error for a stream that is damaged, or that holds more than `into` does
 */
export function inflateInto(coded: Uint8Array, into: Uint8Array): number {
  const plain = inflateRawSync(coded, { maxOutputLength: into.length });
  into.set(plain);
  return plain.length;
}
