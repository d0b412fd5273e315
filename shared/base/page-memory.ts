/**
 * Shared memory that begins at a page of the machine, which the system demands of bytes that a disk is to fetch or fill by
 * itself (direct-file.ts). Node puts a header before the memory of an ordinary buffer; that of a WebAssembly memory is mapped by
 * pages, and no program is needed to have one.
 */
import { KiB } from './units.ts';

/** Offset, length and place in memory of a direct call are multiples of it: no disk's sector is larger. */
export const PAGE_BYTES = 4 * KiB;

const WASM_PAGE_BYTES = 64 * KiB;

const known = new WeakSet<ArrayBufferLike>();

/** At least `lengthBytes` of zeros. Where no address space is left for a mapping it is ordinary memory, and never direct. */
export function createPageMemory(lengthBytes: number): SharedArrayBuffer {
  const pages = Math.ceil(lengthBytes / WASM_PAGE_BYTES);
  try {
    const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    known.add(buffer);
    return buffer;
  } catch {
    return new SharedArrayBuffer(pages * WASM_PAGE_BYTES);
  }
}

/** Whether `bytes` may be moved to or from byte `offset` of a file without a copy, but for what follows its last whole page. */
export function isPageAligned(bytes: Uint8Array, offset: number): boolean {
  return offset % PAGE_BYTES === 0 && bytes.byteOffset % PAGE_BYTES === 0 && known.has(bytes.buffer);
}

/** The part of a length that is whole pages. */
export function wholePages(lengthBytes: number): number {
  return lengthBytes - (lengthBytes % PAGE_BYTES);
}
