/** What the filter found in volumes, in words: the same for a point, for a run and for a disk that is only looked at. */
import { formatBytes } from '../../shared/base/units.ts';
import { NOT_FILTERED, type VolumeView } from '../../shared/contract/volume-view.ts';
import { formatCount, NOTHING, plural } from './format.ts';
import { type Column } from './table.ts';

const right = 'right' as const;

export const volumeColumns: readonly Column[] = [
  { head: 'BEGINS AT', align: right },
  { head: 'LENGTH', align: right },
  { head: 'VOLUME' },
  { head: 'CLUSTER', align: right },
  { head: 'USED', align: right },
  { head: 'FREE', align: right },
  { head: 'SKIPPED', align: right },
  { head: 'FREE BUT KEPT', align: right },
];

/** The cells of one volume below `volumeColumns`. */
export function volumeCells(volume: VolumeView): string[] {
  const { startBytes, lengthBytes, clusterBytes, usedBytes, freeBytes, skippedBytes } = volume;
  return [
    formatBytes(startBytes),
    formatBytes(lengthBytes),
    volumeName(volume),
    formatCount(clusterBytes),
    ...[usedBytes, freeBytes, skippedBytes, keptBytes(volume)].map(formatCount),
  ];
}

/** `NTFS "System"`, or the file system alone when there is no label. */
export function volumeName({ fileSystem, label }: Pick<VolumeView, 'fileSystem' | 'label'>): string {
  return label === null || label === '' ? fileSystem : `${fileSystem} "${label}"`;
}

/** What a file system calls free and the filter kept; of a volume that was kept whole that is all of it. */
function keptBytes({ gate, freeBytes, kept }: VolumeView): number | null {
  return gate === null ? kept.reduce((sum, { bytes }) => sum + bytes, 0) : freeBytes;
}

/** Why more or less was kept than is in use, a line for each reason; none when there is none. */
export function keptLines(volume: VolumeView): string[] {
  const { gate, reason, kept } = volume;
  if (gate !== null) return [`kept whole: ${reason ?? NOTHING}${gate === NOT_FILTERED ? '' : ` [${gate}]`}`];
  return [
    ...kept.map(({ why, bytes }) => `kept ${formatBytes(bytes)} of its free space: ${why}`),
    ...(volume.excluded ?? []).map(excludedLine),
  ];
}

/** `left out "\Temp": 12 files, 3 GiB; kept: 2 with names elsewhere` */
function excludedLine({ path, files, bytes, kept }: NonNullable<VolumeView['excluded']>[number]): string {
  if (bytes === 0) return `left nothing out of "${path}"${kept === null ? '' : `: ${kept}`}`;
  const rest = kept === null ? '' : `; kept: ${kept}`;
  return `left out "${path}": ${plural(files, 'file')}, ${formatBytes(bytes)}${rest}`;
}
