/**
 * $Bitmap (record 6): one bit for every cluster, read in large pieces.
 *
 * Source: docs/format/ntfs.md, section 6.
 */
import { MiB } from '../../../shared/base/units.ts';
import { type FreeRuns, createBitmapScan } from '../free-runs.ts';
import { type NtfsVolume } from './ntfs-volume.ts';
import { type Stream, readStream } from './stream.ts';
import { ntfsDamage } from './units.ts';

const READ_BYTES = 4 * MiB;

/**
 * Reads the free clusters of the volume out of `stream`.
 * @throws AppError `FS_STRUCTURE_INVALID` when it is shorter than the volume
 */
export async function readFreeClusters(volume: NtfsVolume, stream: Stream): Promise<FreeRuns> {
  const { clusters } = volume.boot;
  const lengthBytes = Math.ceil(clusters / 8);
  if (Math.min(stream.sizeBytes, stream.initialisedBytes) < lengthBytes) {
    throw ntfsDamage('$Bitmap', `it has fewer than ${lengthBytes} bytes`, stream.at);
  }
  const scan = createBitmapScan(clusters);
  const buffer = new Uint8Array(Math.min(READ_BYTES, lengthBytes));
  for (let offset = 0; offset < lengthBytes; offset += buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, lengthBytes - offset));
    await readStream(volume, stream, offset, piece);
    scan.add(piece);
  }
  return scan.finish();
}
