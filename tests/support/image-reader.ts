/** Raw images as `BlockReader`s: a file, or bytes in memory with patches over them. */
import { open, stat } from 'node:fs/promises';
import { AppError } from '../../shared/base/errors.ts';
import { type BlockReader } from '../../worker/ports.ts';

/** Opens a raw image file; dispose of the reader to close it. */
export async function openImage(path: string): Promise<BlockReader> {
  const { size } = await stat(path);
  const file = await open(path, 'r');
  return {
    capacityBytes: size,
    transport: 'file',
    maxInFlight: 4,
    async read(offset, into, signal) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(into, 0, into.length, offset);
      if (bytesRead !== into.length) throw shortRead(offset);
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** Bytes that stand at a place of an image instead of its own. */
export interface Overlay {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A disk of `capacityBytes` zeros with `overlays` on it, later ones over earlier ones. */
export function readerOfPieces(capacityBytes: number, overlays: readonly Overlay[]): BlockReader {
  return {
    capacityBytes,
    transport: 'file',
    maxInFlight: 4,
    read(offset, into, signal) {
      signal?.throwIfAborted();
      if (offset + into.length > capacityBytes) return Promise.reject(shortRead(offset));
      into.fill(0);
      for (const overlay of overlays) copyOverlap(overlay, offset, into);
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A disk that holds just these bytes. */
export function readerOf(bytes: Uint8Array, overlays: readonly Overlay[] = []): BlockReader {
  return readerOfPieces(bytes.length, [{ at: 0, bytes }, ...overlays]);
}

function copyOverlap({ at, bytes }: Overlay, offset: number, into: Uint8Array): void {
  const from = Math.max(at, offset);
  const to = Math.min(at + bytes.length, offset + into.length);
  if (from < to) into.set(bytes.subarray(from - at, to - at), from - offset);
}

function shortRead(offset: number): AppError {
  return new AppError('TRANSPORT_SHORT_READ', `Cannot read the image at byte ${offset}: it ends before`, {
    offset,
  });
}
