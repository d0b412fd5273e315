/**
 * The files that NTFS itself consists of (records 0 to 11): which of their clusters $Bitmap must call used, and which are kept
 * whatever it says.
 *
 * Source: docs/format/ntfs.md, sections 6 and 7.
 */
import { type Extent, type ExtentSet, normalize } from '../../../shared/domain/extent.ts';
import { type Attribute } from './attribute.ts';
import { METAFILE_COUNT, type Mft, readFamily, readRecord } from './mft.ts';
import { type Stream } from './stream.ts';
import { BOOT_AREA_BYTES } from './units.ts';

/** The clusters of these streams and of the boot area, in clusters of the volume. */
export function clustersOf(mft: Mft, streams: readonly Stream[]): ExtentSet {
  const boot = { start: 0, length: Math.ceil(BOOT_AREA_BYTES / mft.volume.boot.clusterBytes) };
  return normalize([boot, ...streams.flatMap(({ runs }) => placed(runs))]);
}

/**
 * Every cluster that an attribute of a metafile lies in.
 * @throws AppError `FS_STRUCTURE_INVALID` when a metafile cannot be read
 */
export async function metafileClusters(mft: Mft): Promise<ExtentSet> {
  const extents: Extent[] = [];
  for (let number = 0; number < METAFILE_COUNT; number++) {
    const { isInUse } = await readRecord(mft, number);
    if (!isInUse) continue;
    const { attributes } = await readFamily(mft, number);
    extents.push(...attributes.flatMap(runsOf));
  }
  return normalize(extents);
}

const runsOf = (attribute: Attribute): Extent[] =>
  attribute.kind === 'non-resident' ? placed(attribute.runs) : [];

function placed(runs: Stream['runs']): Extent[] {
  return runs.flatMap(({ lcn, clusters }) => (lcn === null ? [] : [{ start: lcn, length: clusters }]));
}
