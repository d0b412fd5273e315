/** The committed volumes of tests/fixtures/volumes, and the filter over them. */
import { readFileSync } from 'node:fs';
import { decompress } from 'zstd-napi';
import { type ExtentSet, normalize } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { decodePatches } from './disk-patches.ts';
import { keepAllOptions } from './filter-options.ts';
import { type Overlay, readerOf } from './image-reader.ts';

const VOLUMES = new URL('../fixtures/volumes/', import.meta.url);

export interface VolumeFixture {
  readonly bytes: Buffer;
  /** What an outside tool calls free, in its units. */
  readonly free: ExtentSet;
}

/** Reads a committed volume; its bytes are the caller's to change. */
export function loadVolume(name: string): VolumeFixture {
  const text = readFileSync(new URL(`${name}.json`, VOLUMES), 'utf8');
  const { capacityBytes, free } = JSON.parse(text) as { capacityBytes: number; free: [number, number][] };
  const bytes = Buffer.alloc(capacityBytes);
  const stream = decompress(readFileSync(new URL(`${name}.bhfx.zst`, VOLUMES)));
  for (const patch of decodePatches(stream, capacityBytes)) patch.bytes.copy(bytes, patch.offset);
  return { bytes, free: normalize(free.map(([start, length]) => ({ start, length }))) };
}

/** Maps a disk that is all one volume. */
export function mapBytes(bytes: Uint8Array, overlays: readonly Overlay[] = []): Promise<ActiveBlocks> {
  return mapActiveBlocks(readerOf(bytes, overlays), keepAllOptions, new AbortController().signal);
}

/** The gate of the only volume of a disk, null when it is filtered. */
export async function gateOfBytes(bytes: Uint8Array): Promise<string | null> {
  const { volumes } = await mapBytes(bytes);
  if (volumes.length !== 1) throw new Error(`The disk has ${String(volumes.length)} volumes`);
  return volumes[0]!.gate;
}
