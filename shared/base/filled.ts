/** Bytes that are all alike, told by one pass of the C library. */

/** Whether every byte is `value`: the first is, and each equals the one before it. True of no bytes. */
export function isFilledWith(bytes: Uint8Array, value: number): boolean {
  if (bytes[0] !== value) return bytes.length === 0;
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return all.compare(all, 0, all.length - 1, 1, all.length) === 0;
}
