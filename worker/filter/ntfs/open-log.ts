/**
 * An open log: after a crash NTFS would replay it, and allocate what $Bitmap does not show yet. Those clusters hold content that
 * the guest was told is safe on the disk.
 *
 * Source: docs/format/ntfs.md, section 8; docs/decisions/0011-crash-consistent-ntfs.md.
 */
import { type ExtentSet, endOf } from '../../../shared/domain/extent.ts';
import { createKeptRuns } from '../kept-runs.ts';
import { type LogFile } from './log-file.ts';
import { allocationsOf } from './log-changes.ts';
import { readLogPages } from './log-pages.ts';
import { logRecords } from './log-records.ts';
import { type LogRing } from './log-ring.ts';
import { type NtfsVolume } from './ntfs-volume.ts';
import { type Stream, placeOf } from './stream.ts';

/**
 * The clusters that the log allocates, as far as they touch `free`.
 * @throws AppError `FILTER_GATE_CLOSED` when the log is not understood from its oldest needed record to its end
 */
export async function clustersInLog(
  volume: NtfsVolume,
  { stream, ring }: { readonly stream: LogFile['stream']; readonly ring: LogRing },
  bitmap: Stream,
  free: ExtentSet,
): Promise<ExtentSet> {
  const { clusterBytes, clusters } = volume.boot;
  const pages = await readLogPages(volume, stream, ring);
  const at = placeOf(volume, stream, 0);
  const kept = createKeptRuns(free);
  for (const record of logRecords(ring, pages, at)) {
    for (const extent of allocationsOf(record, { runs: bitmap.runs, clusterBytes, clusters }, at)) {
      kept.add(extent.start, endOf(extent));
    }
  }
  return kept.list();
}
