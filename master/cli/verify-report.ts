/** What a restore point has lost, disk by disk, down to the files, as lines. */
import { formatBytes } from '../../shared/base/units.ts';
import { type LostVolume, type VerifyReport } from '../../shared/contract/device-report.ts';
import { plural } from './format.ts';
import { type Output } from './output.ts';

type LostDisk = VerifyReport['disks'][number];

export function writeVerifyReport(output: Output, report: VerifyReport): void {
  output.line(`Lost of point ${report.savesetId}:`);
  for (const { what, reason } of report.unreadable) output.line(`  ${what}: ${reason}`);
  for (const disk of report.disks) writeDisk(output, disk);
  if (report.otherPoints.length === 0) return;
  const more = report.moreOtherPoints > 0 ? ` and ${report.moreOtherPoints} more` : '';
  output.line(`  Other points that use the damaged records: ${report.otherPoints.join(', ')}${more}`);
}

function writeDisk(output: Output, disk: LostDisk): void {
  output.line(
    `  disk ${disk.key} "${disk.label}": ${plural(disk.chunks, 'chunk')}, ${formatBytes(disk.bytes)}`,
  );
  for (const { start, length } of disk.ranges) output.line(`    bytes ${start}-${start + length - 1}`);
  if (disk.moreRanges > 0) output.line(`    and at least ${plural(disk.moreRanges, 'more range')}`);
  for (const volume of disk.volumes) writeVolume(output, volume);
  if (disk.outsideBytes > 0) output.line(`    ${formatBytes(disk.outsideBytes)} outside of volumes`);
  if (disk.reason !== null) output.line(`    files not known: ${disk.reason}`);
}

function writeVolume(output: Output, volume: LostVolume): void {
  const { fileSystem, startBytes, lostBytes, files, filesBytes } = volume;
  output.line(`    ${fileSystem} volume at byte ${startBytes}: ${formatBytes(lostBytes)} lost`);
  for (const { path, bytes } of files) output.line(`      ${path} (${formatBytes(bytes)})`);
  if (volume.moreFiles > 0) output.line(`      and ${plural(volume.moreFiles, 'more file')}`);
  const beside = lostBytes - (filesBytes ?? lostBytes);
  if (beside > 0 && volume.reason === null) output.line(`      ${formatBytes(beside)} in no file`);
  if (volume.reason !== null)
    output.line(`      ${filesBytes === null ? 'files not known' : 'maybe more'}: ${volume.reason}`);
}
