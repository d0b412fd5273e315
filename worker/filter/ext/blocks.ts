/** Blocks of the volume as its journal leaves them: read from their places, with what the journal holds of them put over. */
import { type VolumeBytes } from '../volume-bytes.ts';
import { type Shape } from './superblock.ts';

/** Contents that replace those of blocks. */
export interface BlockOverlay {
  has(block: number): boolean;
  /** The content of a block that it `has`. */
  read(block: number): Promise<Uint8Array>;
}

export const emptyOverlay: BlockOverlay = { has: () => false, read: () => Promise.resolve(new Uint8Array()) };

export interface Blocks {
  readonly shape: Shape;
  /** Where a block lies on the disk; for messages. */
  placeOf(block: number): number;
  /** Reads `count` blocks; both numbers must not come unchecked from the disk. */
  read(block: number, count: number): Promise<Uint8Array>;
}

export function blocksOf(bytes: VolumeBytes, shape: Shape, overlay: BlockOverlay): Blocks {
  const { blockBytes } = shape;
  return {
    shape,
    placeOf: (block) => bytes.startBytes + block * blockBytes,
    async read(block, count) {
      const into = new Uint8Array(count * blockBytes);
      await bytes.readInto(block * blockBytes, into);
      for (let i = 0; i < count; i++) {
        if (overlay.has(block + i)) into.set(await overlay.read(block + i), i * blockBytes);
      }
      return into;
    },
  };
}
