/** Looks at a disk as a backup would, and stores nothing. */
import { totalLength } from '../../shared/domain/extent.ts';
import { type DiskInspection, type InspectOrder } from '../../shared/contract/disk-inspection.ts';
import { mapActiveBlocks } from '../filter/active-blocks.ts';
import { type FilterOptions } from '../filter/file-system.ts';
import { type BlockReader } from '../ports.ts';
import { openLocalImage } from '../transport/file/local-image.ts';
import { pictureOf, regionsOf } from './picture.ts';

/** @throws AppError as `openLocalImage` and its reader; the signal's reason; never for what the disk holds */
export async function inspectDisk(order: InspectOrder, signal: AbortSignal): Promise<DiskInspection> {
  const { file, ...options } = order;
  await using reader = await openLocalImage(file, signal);
  return { file, ...(await inspectReader(reader, options, signal)) };
}

/** The disk behind `reader`, which stays open. @throws what the reader throws; the signal's reason */
export async function inspectReader(
  reader: BlockReader,
  options: FilterOptions,
  signal: AbortSignal,
): Promise<Omit<DiskInspection, 'file'>> {
  const { capacityBytes } = reader;
  const active = await mapActiveBlocks(reader, options, signal);
  const regions = regionsOf(active, capacityBytes);
  return {
    capacityBytes,
    state: active.state,
    keptBytes: totalLength(active.keep),
    skippedBytes: totalLength(regions.skipped),
    readBytes: active.readBytes,
    volumes: active.volumes.map((volume) => ({
      ...volume,
      kept: [...volume.kept],
      picture: pictureOf(regions, { start: volume.startBytes, length: volume.lengthBytes }),
    })),
    warnings: [...active.warnings],
    picture: pictureOf(regions, { start: 0, length: capacityBytes }),
  };
}
