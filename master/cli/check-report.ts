/** What a check of a device found, and what a repair did about it, as lines. */
import { formatBytes } from '../../shared/base/units.ts';
import { type CheckFinding, type CheckReport } from '../../shared/contract/device-report.ts';
import { NOTHING, plural } from './format.ts';
import { type Output } from './output.ts';

export function writeCheckReport(output: Output, report: CheckReport): void {
  const { packs, records, counts, unusedBytes } = report;
  const payloads = report.payloads ? `, ${formatBytes(records.payloadBytes)} of payloads` : '';
  output.fields([
    ['Points', pointsOf(report)],
    ...(report.dependentPoints === 0 ? [] : [['Build on them', dependentsOf(report)] as const]),
    ['Packs', `${plural(packs.packs, 'pack')}, ${formatBytes(packs.bytes)}`],
    ['Records', `${plural(records.count, 'record')}, ${records.compared} compared${payloads}`],
    ['Lost', plural(report.lostChunks, 'chunk')],
    ['Unused', unusedBytes === null ? NOTHING : formatBytes(unusedBytes)],
    ['Found', `${counts.damage} damaged, ${counts.leftovers} left over, ${plural(counts.notes, 'note')}`],
  ]);
  for (const finding of report.findings) writeFinding(output, finding);
  const more = counts.damage + counts.leftovers + counts.notes - report.findings.length;
  if (more > 0) output.line(`and ${more} more`);
  for (const what of report.leftOut) output.line(`not checked: ${what}`);
  for (const line of report.repairs)
    output.line(`${report.repair === 'dry-run' ? 'would do' : 'done'}: ${line}`);
  if (report.moreRepairs > 0) output.line(`and ${report.moreRepairs} more`);
}

function pointsOf({ points, damagedPoints }: CheckReport): string {
  return damagedPoints === 0
    ? plural(points, 'point')
    : `${plural(points, 'point')}, ${damagedPoints} damaged`;
}

function dependentsOf({ dependents, dependentPoints }: CheckReport): string {
  const more = dependentPoints - dependents.length;
  const names = `${dependents.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return `${names}: they may have lost the same`;
}

function writeFinding(output: Output, finding: CheckFinding): void {
  const { severity, object, what, remedy, points, morePoints } = finding;
  output.line();
  output.line(`${severity}: ${object}`);
  output.line(`  ${what}`);
  if (points.length > 0) {
    const more = morePoints > 0 ? ` and ${morePoints} more` : '';
    output.line(`  points: ${points.join(', ')}${more}`);
  }
  output.line(`  ${remedy}`);
}
