/** The one hash of format version 1: SHA-256. It names chunks, proves indexes and manifests, and makes the magics. */
import { hash } from 'node:crypto';
import { AppError } from '../base/errors.ts';

export const CHUNK_ID_BYTES = 32;

/** SHA-256 of `bytes` (a view on shared memory is fine), 32 bytes. */
export function chunkIdOf(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}

/** SHA-256 of `bytes`, 64 lower-case hexadecimal digits. */
export function sha256Hex(bytes: Uint8Array | string): string {
  return hash('sha256', bytes, 'hex');
}

/** The first `length` bytes of the SHA-256 of a sentence: unlikely in any other file, and explained by itself. */
export function magicOf(sentence: string, length: number): Uint8Array {
  return hash('sha256', sentence, 'buffer').subarray(0, length);
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/**
 * The bytes of `length` bytes written as hexadecimal digits.
 * @throws AppError `FORMAT_INVALID` for anything else
 */
export function fromHex(text: string, length: number): Uint8Array {
  if (text.length !== length * 2 || !/^[0-9a-f]*$/.test(text)) {
    throw new AppError(
      'FORMAT_INVALID',
      `Cannot use "${text.slice(0, 80)}": not ${length} bytes in hexadecimal`,
    );
  }
  return Buffer.from(text, 'hex');
}

/** True when both have the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
