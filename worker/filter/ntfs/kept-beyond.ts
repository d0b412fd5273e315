/**
 * What $Bitmap calls free and is wanted all the same: NTFS' own files, what the open log allocates, what file records use, and what
 * shadow copies of the guest read. Each takes its part off what is left to drop.
 */
import { type ExtentSet, intersect, subtract, totalLength } from '../../../shared/domain/extent.ts';
import { type FilterOptions, type FilterWarning, type KeptBeyond } from '../file-system.ts';
import { type TrustedVolume } from './gates.ts';
import { clustersOf, metafileClusters } from './metafiles.ts';
import { clustersOfFiles } from './mft-walk.ts';
import { clustersInLog } from './open-log.ts';
import { mayHaveShadowCopies, shadowCopyClusters } from './shadow-copies.ts';

export interface Droppable {
  /** In clusters. */
  readonly clusters: ExtentSet;
  readonly kept: readonly KeptBeyond[];
  readonly warnings: readonly FilterWarning[];
}

/**
 * Reduces the free clusters to those that nobody wants.
 * @throws AppError `FILTER_GATE_CLOSED` or `FS_STRUCTURE_INVALID` when that cannot be told
 */
export async function droppableClusters(trusted: TrustedVolume, options: FilterOptions): Promise<Droppable> {
  const { mft, log, bitmap } = trusted;
  const { clusterBytes } = mft.volume.boot;
  const kept: KeptBeyond[] = [];
  let clusters = subtract(trusted.free.runs, await metafileClusters(mft));
  clusters = subtract(clusters, clustersOf(mft, []));

  function keep(why: string, wanted: ExtentSet): void {
    const bytes = totalLength(intersect(clusters, wanted)) * clusterBytes;
    if (bytes > 0) kept.push({ why, bytes });
    clusters = subtract(clusters, wanted);
  }
  if (log.state.kind === 'open') {
    const { ring } = log.state;
    keep(
      'allocated in the log',
      await clustersInLog(mft.volume, { stream: log.stream, ring }, bitmap, clusters),
    );
    keep('used by file records', await clustersOfFiles(mft, clusters));
  }
  if (options.dropShadowCopies) {
    const warnings = (await mayHaveShadowCopies(mft.volume)) ? [shadowCopiesDropped] : [];
    return { clusters, kept, warnings };
  }
  keep('shadow copies of the guest', await shadowCopyClusters(mft.volume, clusters));
  return { clusters, kept, warnings: [] };
}

const shadowCopiesDropped: FilterWarning = {
  code: 'FILTER_SHADOW_COPIES_DROPPED',
  message: 'Shadow copies of the guest will not work after a restore',
};
