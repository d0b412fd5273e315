/** What was found on disks that were only looked at, in words, tables and pictures: of a file, and of a VM. */
import { formatBytes } from '../../shared/base/units.ts';
import { type DiskInspection } from '../../shared/contract/disk-inspection.ts';
import { unpackPicture } from '../../shared/contract/packed-picture.ts';
import { type VmInspection } from '../../shared/contract/vm-inspection.ts';
import { type DrawnDisk, drawDisk } from './disk-picture.ts';
import { formatPercent, plural } from './format.ts';
import { type Output } from './output.ts';
import { keptLines, volumeCells, volumeColumns } from './volume-report.ts';

type Sums = Pick<DiskInspection, 'capacityBytes' | 'state' | 'keptBytes' | 'skippedBytes' | 'readBytes'>;

export interface ShownDisk extends DrawnDisk, Sums {
  readonly name: string;
  /** Volumes that the report had no room for. */
  readonly moreVolumes: number;
}

const stateWords = {
  filtered: 'works on every volume that it knows',
  partly: 'works on some volumes',
  unfiltered: 'works on no volume',
} as const;

/** @param hasUnicode - what the terminal can draw with; null for no picture */
export function writeDisk(output: Output, disk: ShownDisk, hasUnicode: boolean | null): void {
  const { capacityBytes, keptBytes, skippedBytes, volumes, moreVolumes } = disk;
  output.fields([
    ['Disk', disk.name],
    ['Capacity', formatBytes(capacityBytes)],
    ['The filter', stateWords[disk.state]],
    ['A backup reads', `${formatBytes(keptBytes)} (${formatPercent(keptBytes, capacityBytes)})`],
    ['It skips', `${formatBytes(skippedBytes)} (${formatPercent(skippedBytes, capacityBytes)})`],
    ['Read for this', formatBytes(disk.readBytes)],
  ]);
  output.line();
  if (volumes.length > 0) {
    const rows = volumes.map((volume, index) => [String(index + 1), ...volumeCells(volume)]);
    output.table([{ head: 'NO', align: 'right' }, ...volumeColumns], rows);
    volumes.forEach((volume, index) => {
      for (const line of keptLines(volume)) output.line(`volume ${index + 1}: ${line}`);
    });
    if (moreVolumes > 0) output.line(`and ${plural(moreVolumes, 'volume')} more, which count in the sums`);
    output.line();
  }
  if (hasUnicode !== null) for (const line of drawDisk(disk, hasUnicode)) output.line(line);
}

export function shownFile({ file, ...inspection }: DiskInspection): ShownDisk {
  return { ...inspection, name: file, moreVolumes: 0 };
}

/** The disks of a VM, each with its place in it for a name. */
export function shownDisks({ vm, disks }: VmInspection): readonly ShownDisk[] {
  const drawn = (packed: string | null) => (packed === null ? null : unpackPicture(packed));
  return disks.map((disk) => ({
    ...disk,
    name: `${vm}, disk ${disk.key} "${disk.label}", read by ${disk.transport}`,
    volumes: disk.volumes.map((volume) => ({ ...volume, picture: drawn(volume.picture) })),
    picture: drawn(disk.picture),
  }));
}

/** All disks of a VM, those that no snapshot holds at the end. */
export function writeVmInspection(output: Output, report: VmInspection, hasUnicode: boolean | null): void {
  shownDisks(report).forEach((disk, index) => {
    if (index > 0) output.line();
    writeDisk(output, disk, hasUnicode);
  });
  for (const { key, label, reason } of report.leftOutDisks) {
    output.line(`disk ${key} "${label}" is in no snapshot: ${reason}`);
  }
}
