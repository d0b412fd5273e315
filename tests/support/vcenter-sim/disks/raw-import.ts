/**
 * Bringing content into a raw flat file without filling its holes, and finding out which grains hold data.
 * Node has no SEEK_HOLE, so a grain counts as data when it has a byte that is not zero.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { GRAIN_BYTES } from './layer.ts';

const STEP_BYTES = 16 * GRAIN_BYTES;
const ZEROS = Buffer.alloc(GRAIN_BYTES);

type OnGrain = (grain: number, bytes: Buffer) => Promise<void> | void;

async function eachDataGrain(file: FileHandle, onGrain: OnGrain): Promise<void> {
  const { size } = await file.stat();
  const buffer = Buffer.alloc(STEP_BYTES);
  for (let at = 0; at < size;) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(STEP_BYTES, size - at), at);
    if (bytesRead === 0) return;
    for (let from = 0; from < bytesRead; from += GRAIN_BYTES) {
      const bytes = buffer.subarray(from, Math.min(bytesRead, from + GRAIN_BYTES));
      if (bytes.compare(ZEROS, 0, bytes.length) !== 0) await onGrain((at + from) / GRAIN_BYTES, bytes);
    }
    at += bytesRead;
  }
}

/** One byte per grain, 1 = holds data. */
export async function scanAllocation(path: string, capacityBytes: number): Promise<Uint8Array> {
  const allocated = new Uint8Array(Math.ceil(capacityBytes / GRAIN_BYTES));
  const file = await open(path, 'r');
  try {
    if ((await file.stat()).blocks > 0) await eachDataGrain(file, (grain) => void (allocated[grain] = 1));
  } finally {
    await file.close();
  }
  return allocated;
}

/** Copies an image, leaving holes where it has only zeros. */
export async function copySparse(from: string, to: string): Promise<void> {
  const source = await open(from, 'r');
  const target = await open(to, 'w');
  try {
    await eachDataGrain(source, async (grain, bytes) => {
      await target.write(bytes, 0, bytes.length, grain * GRAIN_BYTES);
    });
    await target.truncate((await source.stat()).size);
  } finally {
    await source.close();
    await target.close();
  }
}
