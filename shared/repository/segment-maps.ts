/** What a saveset says of a disk without saying where the chunks are: its maps, read one index at a time. */
import { AppError } from '../base/errors.ts';
import { type Extent, type ExtentSet, normalize, shift } from '../domain/extent.ts';
import { type ExtentMap, overlay, select } from '../domain/extent-map.ts';
import { type ManifestDisk } from '../format/manifest.ts';
import { segmentCount, segmentsOf } from '../format/segments.ts';
import { type OpenDevice } from './device.ts';
import { readDiskIndex } from './saveset-store.ts';

/** A saveset and the device that it lies on. */
interface SavesetPlace {
  readonly device: OpenDevice;
  readonly savesetId: string;
}

type DiskLayers = Pick<ManifestDisk, 'key' | 'layers' | 'capacityBytes'>;

/**
 * What the chain of a disk does not hold: the `free` runs of all segments, as the layers of the saveset resolve.
 * @throws AppError as `readDiskIndex`; the signal's reason
 */
export async function readDropped(
  place: SavesetPlace,
  disk: DiskLayers,
  signal: AbortSignal,
): Promise<ExtentSet> {
  const dropped: Extent[] = [];
  let segment = 0;
  for (const { start } of segmentsOf(disk.capacityBytes, place.device.header.segmentBytes)) {
    signal.throwIfAborted();
    const map = await readSegmentMap(place, disk, segment++);
    for (const extent of shift(select(map, 'free'), start)) dropped.push(extent);
  }
  return normalize(dropped);
}

async function readSegmentMap(place: SavesetPlace, disk: DiskLayers, segment: number): Promise<ExtentMap> {
  const { device, savesetId } = place;
  const { capacityBytes, runs } = await readDiskIndex(device, savesetId, disk, { layer: 0, segment });
  let map: ExtentMap = { capacityBytes, runs };
  for (let layer = 1; layer < disk.layers.length; layer++)
    map = overlay(map, await readDiskIndex(device, savesetId, disk, { layer, segment }));
  return map;
}

/**
 * A disk can build on a saveset whose segments lie as its own do: any, while the disk is within one segment.
 * @throws AppError `RESTORE_CHAIN_BROKEN`
 */
export function checkSegments(place: SavesetPlace, capacityBytes: number, segmentBytes: number): void {
  const { savesetId, device } = place;
  const ofBase = device.header.segmentBytes;
  const most = segmentCount(capacityBytes, Math.min(segmentBytes, ofBase));
  if (ofBase === segmentBytes || most <= 1) return;
  throw new AppError(
    'RESTORE_CHAIN_BROKEN',
    `Cannot build on saveset ${savesetId}: its device describes disks in other segments`,
    { savesetId, segmentBytes, ofBase },
  );
}
