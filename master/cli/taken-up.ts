/** What came back with devices beside sound points: damage, jobs and what they need, chains that lack something. */
import { type RebuildView } from '../../shared/contract/rebuild.ts';
import { plural } from './format.ts';
import { type Output } from './output.ts';

export function writeTakenUp(output: Output, view: RebuildView): void {
  for (const { device, offlineReason, damagedPoints, damaged, warnings } of view.devices) {
    if (offlineReason !== null) output.line(`device "${device}" was not read: ${offlineReason}`);
    for (const { savesetId, reason } of damagedPoints) output.line(`damaged: ${savesetId}: ${reason}`);
    if (damaged > damagedPoints.length)
      output.line(`and ${plural(damaged - damagedPoints.length, 'damaged point')} more`);
    for (const warning of warnings) output.line(`warning: ${warning}`);
  }
  for (const { job, state, notes } of view.jobs) writeJob(output, job, { state, notes });
  for (const { savesetId, vm, missing } of view.brokenPoints)
    output.line(`broken: ${savesetId} of ${vm} lacks saveset ${missing}`);
  if (view.broken > view.brokenPoints.length)
    output.line(`and ${plural(view.broken - view.brokenPoints.length, 'broken point')} more`);
}

const stateWords = {
  restored: 'restored',
  known: 'is known already',
  unusable: 'cannot be restored',
  left: 'is on the device and not here: "catalog rebuild" restores it',
} as const;

type JobFound = RebuildView['jobs'][number];

function writeJob(output: Output, name: string, { state, notes }: Omit<JobFound, 'job'>): void {
  if (state === 'known' && notes.length === 0) return;
  output.line(`job "${name}" ${stateWords[state]}`);
  for (const note of notes) output.line(`  ${note}`);
}
