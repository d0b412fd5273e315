/**
 * A disk as a plain raw file, seen through its chain: what tests compare a restored disk with.
 */
import { open } from 'node:fs/promises';
import { GRAIN_BYTES, type Layer } from './layer.ts';

const ZEROS = Buffer.alloc(GRAIN_BYTES);

/** Writes a sparse raw file; grains of zeros stay holes. */
export async function writeRaw(layer: Layer, capacityBytes: number, path: string): Promise<void> {
  const target = await open(path, 'w');
  try {
    await target.truncate(capacityBytes);
    for (let at = 0; at < capacityBytes; at += GRAIN_BYTES) {
      const grain = Buffer.alloc(Math.min(GRAIN_BYTES, capacityBytes - at));
      await layer.read(at, grain);
      if (grain.compare(ZEROS, 0, grain.length) !== 0) await target.write(grain, 0, grain.length, at);
    }
  } finally {
    await target.close();
  }
}
