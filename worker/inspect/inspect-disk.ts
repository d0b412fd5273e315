/** Looks at a disk as a backup would, and stores nothing. */
import { totalLength } from '../../shared/domain/extent.ts';
import { type DiskInspection, type InspectOrder } from '../../shared/contract/disk-inspection.ts';
import { type ActiveBlocks, mapActiveBlocks, mapAllActiveBlocks } from '../filter/active-blocks.ts';
import { type FilterOptions } from '../filter/file-system.ts';
import { type BlockReader } from '../ports.ts';
import { openLocalImage } from '../transport/file/local-image.ts';
import { pictureOf, regionsOf } from './picture.ts';

/** Of one disk, without the name that it goes by. */
type LookedAt = Omit<DiskInspection, 'file'>;

/** @throws AppError as `openLocalImage` and its reader; the signal's reason; never for what the disk holds */
export async function inspectDisk(order: InspectOrder, signal: AbortSignal): Promise<DiskInspection> {
  const { file, ...options } = order;
  await using reader = await openLocalImage(file, signal);
  return { file, ...lookedAt(await mapActiveBlocks(reader, options, signal), reader.capacityBytes) };
}

/**
 * The disks of one machine, in their order: a volume may reach over several. The readers stay open.
 * @throws what the readers throw; the signal's reason
 */
export async function inspectReaders(
  readers: readonly BlockReader[],
  options: FilterOptions,
  signal: AbortSignal,
): Promise<readonly LookedAt[]> {
  const all = await mapAllActiveBlocks(readers, options, signal);
  return readers.flatMap(({ capacityBytes }, index) => {
    const active = all[index];
    return active === undefined ? [] : lookedAt(active, capacityBytes);
  });
}

function lookedAt(active: ActiveBlocks, capacityBytes: number): LookedAt {
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
