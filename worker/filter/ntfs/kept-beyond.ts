/**
 * What $Bitmap calls free, or the job leaves out, and is wanted all the same: NTFS' own files, what the open log allocates, what file
 * records use, and what shadow copies of the guest read. Each takes its part off what is left to drop.
 */
import {
  type ExtentSet,
  intersect,
  normalize,
  subtract,
  totalLength,
  union,
} from '../../../shared/domain/extent.ts';
import {
  type ExcludedContent,
  type FilterOptions,
  type FilterWarning,
  type KeptBeyond,
} from '../file-system.ts';
import { exclusionWarnings, findExcluded, reportOf } from './excluded-content.ts';
import { type TrustedVolume } from './gates.ts';
import { clustersOf, metafileClusters } from './metafiles.ts';
import { clustersOfFiles } from './mft-walk.ts';
import { clustersInLog } from './open-log.ts';
import { mayHaveShadowCopies, shadowCopyClusters } from './shadow-copies.ts';

export interface Droppable {
  /** In clusters. */
  readonly clusters: ExtentSet;
  readonly kept: readonly KeptBeyond[];
  readonly excluded: readonly ExcludedContent[];
  readonly warnings: readonly FilterWarning[];
}

/**
 * Reduces the free clusters of the volume with this label to those that nobody wants, and adds what the job leaves out.
 * @throws AppError `FILTER_GATE_CLOSED` or `FS_STRUCTURE_INVALID` when that cannot be told
 */
export async function droppableClusters(
  trusted: TrustedVolume,
  options: FilterOptions,
  label: string | null,
): Promise<Droppable> {
  const { mft, log, bitmap } = trusted;
  const { clusterBytes } = mft.volume.boot;
  const kept: KeptBeyond[] = [];
  const own = union(await metafileClusters(mft), clustersOf(mft, []));
  let clusters = subtract(trusted.free.runs, own);

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
  const parts = options.exclude === undefined ? [] : await findExcluded(trusted, options.exclude, label);
  const inUse = subtract(normalize(parts.flatMap((part) => part.clusters)), trusted.free.runs);
  let left = subtract(inUse, own);
  if (!options.dropShadowCopies) {
    const wanted = await shadowCopyClusters(mft.volume, clusters, left);
    keep('shadow copies of the guest', wanted);
    left = subtract(left, wanted);
  }
  const excluded = reportOf(parts, left, clusterBytes);
  const isBroken = options.dropShadowCopies && (await mayHaveShadowCopies(mft.volume));
  const warnings = [...(isBroken ? [shadowCopiesDropped] : []), ...exclusionWarnings(excluded)];
  return { clusters: union(clusters, left), kept, excluded, warnings };
}

const shadowCopiesDropped: FilterWarning = {
  code: 'FILTER_SHADOW_COPIES_DROPPED',
  message: 'Shadow copies of the guest will not work after a restore',
};
