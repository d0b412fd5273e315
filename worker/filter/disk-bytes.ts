/** The disk as the filter sees it: bounded reads that can be cancelled and are counted. */
import { invariant } from '../../shared/base/assert.ts';
import { type BlockReader } from '../ports.ts';

export interface DiskBytes {
  readonly capacityBytes: number;
  /** True when `[offset, offset + lengthBytes)` lies on the disk. */
  fits(offset: number, lengthBytes: number): boolean;
  /** Fills `into`; the caller has made sure that it `fits`. Fails as the transport does, or with the signal's reason. */
  readInto(offset: number, into: Uint8Array): Promise<void>;
  /** Bytes read so far. */
  readBytes(): number;
}

/** A view of `reader`, which stays the caller's. */
export function diskBytesOf(reader: BlockReader, signal: AbortSignal): DiskBytes {
  let readBytes = 0;
  const fits = (offset: number, lengthBytes: number): boolean =>
    Number.isSafeInteger(offset) && offset >= 0 && lengthBytes <= reader.capacityBytes - offset;
  return {
    capacityBytes: reader.capacityBytes,
    fits,
    readBytes: () => readBytes,
    async readInto(offset, into) {
      invariant(fits(offset, into.length), 'a read of the filter lies on the disk', { offset });
      signal.throwIfAborted();
      if (into.length === 0) return;
      await reader.read(offset, into, signal);
      readBytes += into.length;
    },
  };
}

/** Reads a piece that `fits`; its length must not come unchecked from the disk. */
export async function readPiece(disk: DiskBytes, offset: number, lengthBytes: number): Promise<Uint8Array> {
  const into = new Uint8Array(lengthBytes);
  await disk.readInto(offset, into);
  return into;
}
