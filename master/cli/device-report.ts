/** What a task found and did beside what all tasks tell, as lines. */
import { formatBytes } from '../../shared/base/units.ts';
import { type DeviceReport, type ReclaimReport } from '../../shared/contract/device-report.ts';
import { writeCheckReport } from './check-report.ts';
import { plural } from './format.ts';
import { type Output } from './output.ts';
import { writeVerifyReport } from './verify-report.ts';

export function writeDeviceReport(output: Output, report: DeviceReport): void {
  switch (report.kind) {
    case 'reclaim':
      writeReclaim(output, report);
      break;
    case 'check':
      writeCheckReport(output, report);
      break;
    case 'verify':
      writeVerifyReport(output, report);
      break;
  }
}

interface PacksAndBytes {
  readonly packs: number;
  readonly bytes: number;
}

const amount = ({ packs, bytes }: PacksAndBytes): string => `${plural(packs, 'pack')}, ${formatBytes(bytes)}`;

function writeReclaim(output: Output, report: ReclaimReport): void {
  const { sparse, dryRun } = report;
  const copied = `${formatBytes(sparse.copiedBytes)} of them in use ${dryRun ? 'would be' : 'were'} copied`;
  output.fields([
    ['Found', amount(report.found)],
    ['In use', `${formatBytes(report.liveBytes)} by ${plural(report.points, 'restore point')}`],
    ['Unused', amount(report.unused)],
    ['Sparse', sparse.packs === 0 ? amount(sparse) : `${amount(sparse)}; ${copied}`],
    ...(dryRun ? [] : [['Removed', amount(report.removed)] as const]),
  ]);
  for (const { sweepId, attempts, ...packs } of report.waiting) {
    output.line(
      `${amount(packs)} of sweep ${sweepId} wait for ${plural(attempts.length, 'attempt')}: ${attempts.join(', ')}`,
    );
  }
  if (report.waiting.length > 0) output.line('The next "device reclaim" or "prune" goes on with them.');
  for (const { packId, reason } of report.leftAlone) output.line(`Pack ${packId} is let alone: ${reason}`);
}
