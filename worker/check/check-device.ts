/**
 * Checks the structure of a device: every object against what others say of it. What is asked of it goes on meanwhile: savesets
 * are listed before packs, and what has been removed since then is no damage.
 *
 *   names ▶ small objects ▶ packs ▶ savesets ▶ refs of indexes ▶ lost chunks: is another record of them there?
 */
import { type CheckReport, MAX_REPORT_LIST } from '../../shared/contract/device-report.ts';
import { packName } from '../../shared/format/names.ts';
import { Check, type CheckOptions, type CheckedDevice, type PackFault } from './check.ts';
import { checkDocuments } from './check-documents.ts';
import { checkPacks } from './check-packs.ts';
import { checkRefs } from './check-refs.ts';
import { checkSavesets } from './check-savesets.ts';
import { addDependents } from './dependents.ts';
import { PointSet } from './findings.ts';
import { LostRefs } from './lost-refs.ts';
import { surveyDevice } from './survey.ts';

/** @throws AppError when the device cannot be read at all; the signal's reason */
export async function checkDevice(device: CheckedDevice, options: CheckOptions): Promise<Check> {
  const check = new Check(device, options, await surveyDevice(device.storage, options.signal));
  await checkDocuments(check);
  await checkPacks(check);
  const checked = await checkSavesets(check);
  const opened = check.opened;
  if (opened === undefined) {
    check.leftOut.push('Manifests, indexes and which records they use: the device is locked');
    reportPacks(check, new LostRefs());
  } else reportPacks(check, await checkRefs(check, opened, checked.points));
  addDependents(check.found, checked);
  if (!options.payloads) check.leftOut.push('Payloads: --payloads reads them all');
  return check;
}

/** What the check found, for a person and for programs. */
export function reportOf(check: Check): CheckReport {
  const { found, counts, survey, options } = check;
  const { recordBytes, usedBytes, compared, payloadBytes } = counts;
  return {
    kind: 'check',
    payloads: options.payloads,
    repair: null,
    findings: found.shown,
    counts: {
      damage: found.count('damage'),
      leftovers: found.count('leftover'),
      notes: found.count('note'),
    },
    points: counts.points,
    damagedPoints: found.damagedPoints.size,
    dependentPoints: found.dependents.size,
    dependents: found.dependents.shown.points,
    packs: { packs: survey.packs.count, bytes: survey.packs.bytes },
    records: { count: survey.packs.records, compared, payloadBytes },
    lostChunks: counts.lostChunks,
    unusedBytes: check.opened === undefined ? null : Math.max(0, recordBytes - usedBytes),
    leftOut: check.leftOut.slice(0, MAX_REPORT_LIST),
    repairs: [],
    moreRepairs: 0,
  };
}

interface MissingPack {
  lost: number;
  elsewhere: number;
  readonly points: PointSet;
}

function reportPacks(check: Check, lost: LostRefs): void {
  const missing = new Map<string, MissingPack>();
  for (const { packId, points, isElsewhere } of lost.values()) {
    const pack = check.survey.packs.numberOf(packId);
    const fault = pack === undefined ? missingPack(missing, packId) : check.faultOf(pack);
    if (isElsewhere) fault.elsewhere++;
    else {
      fault.lost++;
      check.counts.lostChunks++;
      fault.points.addAll(points);
    }
  }
  for (const [pack, fault] of check.packFaults) reportPack(check, pack, fault);
  for (const [packId, fault] of missing) reportMissing(check, packId, fault);
  if (lost.more === 0) return;
  check.counts.lostChunks += lost.more;
  check.found.add({
    severity: 'damage',
    inherited: true,
    object: 'packs',
    what: `${lost.more} more chunks are not where the indexes say`,
    remedy: 'Repair what is named, then check again',
    points: lost.morePoints,
  });
}

function missingPack(missing: Map<string, MissingPack>, packId: string): MissingPack {
  const known = missing.get(packId) ?? { lost: 0, elsewhere: 0, points: new PointSet() };
  missing.set(packId, known);
  return known;
}

function reportPack(check: Check, pack: number, fault: PackFault): void {
  const { packId } = check.survey.packs.place(pack);
  const isRewritten = check.survey.moved.has(packId);
  if (isRewritten) check.repairable.packs.delete(pack);
  const isBroken = fault.reasons.length > 0 && !isRewritten;
  const parts = [
    ...fault.reasons,
    ...(isRewritten ? ['its sound records are in another pack'] : []),
    ...(fault.bad > 0 ? [`${records(fault.bad)} damaged`] : []),
    ...chunkParts(fault),
  ];
  const remedies = [
    ...(isBroken ? ['`device repair` writes its sound records to a new pack'] : []),
    ...(fault.unmarked > 0 ? ['`device repair` marks damaged records, so that backups do not use them'] : []),
    ...(fault.lost > 0 ? ['A backup that meets the lost chunks stores them anew'] : []),
  ];
  check.found.add({
    severity: remedies.length > 0 ? 'damage' : 'note',
    repairable: fault.lost === 0,
    inherited: true,
    object: check.packName(pack),
    what: parts.join('; '),
    remedy: remedies.length > 0 ? remedies.join('. ') : 'Nothing is lost by it',
    points: fault.points,
  });
}

function reportMissing(check: Check, packId: string, fault: MissingPack): void {
  check.found.add({
    severity: fault.lost > 0 ? 'damage' : 'note',
    inherited: true,
    object: packName(packId),
    what: ['the pack is not there', ...chunkParts(fault)].join('; '),
    remedy: fault.lost > 0 ? 'A backup that meets the lost chunks stores them anew' : 'Nothing is lost by it',
    points: fault.points,
  });
}

function chunkParts({ lost, elsewhere }: Pick<PackFault, 'lost' | 'elsewhere'>): string[] {
  return [
    ...(lost > 0 ? [`${lost === 1 ? 'one chunk' : `${lost} chunks`} in use lost`] : []),
    ...(elsewhere > 0
      ? [`${elsewhere === 1 ? 'one chunk' : `${elsewhere} chunks`} in use sound elsewhere`]
      : []),
  ];
}

const records = (count: number): string => (count === 1 ? 'one record is' : `${count} records are`);
