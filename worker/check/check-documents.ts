/**
 * The small objects of a device: key slots, moved records, attempts, marks, and what has a name that no object has. What
 * packs and savesets are is in check-packs.ts and check-savesets.ts.
 */
import { MiB, formatDuration } from '../../shared/base/units.ts';
import { type KnownState, MAX_ASKED_STATES } from '../../shared/contract/ipc.ts';
import { invalid } from '../../shared/format/byte-reader.ts';
import { isEncrypted } from '../../shared/format/device-header.ts';
import { decodeMovedRecords } from '../../shared/format/moved-records.ts';
import {
  INCOMING_FOLDER,
  KEYS_FOLDER,
  begunName,
  condemnedName,
  damageMarkName,
  incomingFolder,
  keySlotName,
  movedName,
  waitsName,
} from '../../shared/format/names.ts';
import { decodeWaits } from '../../shared/format/reclaim-documents.ts';
import { type Attempt, readAttempt } from '../../shared/repository/attempts.ts';
import { listKeySlots } from '../../shared/repository/key-slots.ts';
import { readCondemned } from '../../shared/repository/condemned-packs.ts';
import { type Check, faultOf, isDamage, reasonOf } from './check.ts';

const MAX_MOVED_BYTES = 32 * MiB;
const MAX_WAITS_BYTES = 32 * MiB;
/** An attempt that this catalog does not know may be of another program that writes to the same device. */
const FOREIGN_ATTEMPT_MS = 48 * 3_600_000;

export async function checkDocuments(check: Check): Promise<void> {
  await checkKeySlots(check);
  await checkMoved(check);
  for (const sweepId of check.survey.sweeps) await checkSweep(check, sweepId);
  await checkAttempts(check);
  await checkPartials(check);
  checkMarks(check);
  checkUnknown(check);
}

async function checkKeySlots(check: Check): Promise<void> {
  const { storage, device, survey } = check;
  const { deviceId } = device.header;
  const { slots, damaged } = await listKeySlots({ storage, deviceId });
  for (const slotId of damaged) {
    check.found.add({
      severity: 'damage',
      object: keySlotName(slotId),
      what: 'the key slot cannot be read: its password opens nothing any more',
      remedy:
        slots.length > 0
          ? 'Add a slot with this password by another one'
          : 'Keep the master key: no slot is left',
    });
  }
  const isLost = isEncrypted(device.header) && survey.keySlots.length === 0;
  if (!isLost) return;
  check.found.add({
    severity: 'damage',
    object: KEYS_FOLDER,
    what: 'the device is encrypted and has no key slot',
    remedy: 'Add a key slot while the service still knows the key',
  });
}

async function checkMoved(check: Check): Promise<void> {
  for (const packId of check.survey.moved) {
    check.signal.throwIfAborted();
    const name = movedName(packId);
    try {
      decodeMovedRecords(await check.storage.readWhole(name, MAX_MOVED_BYTES), packId);
    } catch (error) {
      if (!isDamage(error)) throw error;
      if (error.code === 'REPO_OBJECT_MISSING') continue;
      check.repairable.objects.push(name);
      check.survey.moved.delete(packId);
      check.found.add({
        severity: 'damage',
        repairable: true,
        object: name,
        what: reasonOf(error),
        remedy: 'Its chunks are found by their ids; `device repair` removes the list',
      });
    }
  }
}

async function checkSweep(check: Check, sweepId: string): Promise<void> {
  check.signal.throwIfAborted();
  const condemned = await faultOf(async () => {
    const document = await readCondemned(check.storage, sweepId);
    if (document !== undefined && document.sweepId !== sweepId)
      throw invalid('the list', `it is of sweep ${document.sweepId}`);
  });
  if (condemned !== undefined) {
    check.repairable.sweeps.push(sweepId);
    check.found.add({
      severity: 'damage',
      repairable: true,
      object: condemnedName(sweepId),
      what: `${condemned}; nobody knows which packs it condemned`,
      remedy: '`device repair` removes the sweep; reclaiming finds the packs again',
    });
    return;
  }
  const waits = await faultOf(async () => {
    const bytes = await check.storage.readWhole(waitsName(sweepId), MAX_WAITS_BYTES);
    const document = decodeWaits(bytes, 'the list');
    if (document.sweepId !== sweepId) throw invalid('the list', `it is of sweep ${document.sweepId}`);
  });
  if (waits === undefined || !(await check.storage.exists(waitsName(sweepId)))) return;
  check.repairable.objects.push(waitsName(sweepId));
  check.found.add({
    severity: 'damage',
    repairable: true,
    object: waitsName(sweepId),
    what: waits,
    remedy: '`device repair` removes it; reclaiming lists the attempts again',
  });
}

async function checkAttempts(check: Check): Promise<void> {
  const ids = [...check.survey.attempts];
  for (let at = 0; at < ids.length; at += MAX_ASKED_STATES) {
    const some = ids.slice(at, at + MAX_ASKED_STATES);
    const states = await check.options.statesOf(some);
    for (const attemptId of some) await checkAttempt(check, attemptId, states.get(attemptId) ?? 'unknown');
  }
}

async function checkAttempt(check: Check, attemptId: string, state: KnownState): Promise<void> {
  check.signal.throwIfAborted();
  let attempt: Attempt | undefined;
  let fault: string | undefined;
  try {
    attempt = await readAttempt(check.storage, attemptId);
  } catch (error) {
    if (!isDamage(error)) throw error;
    fault = reasonOf(error);
  }
  if (attempt?.attemptId !== attemptId && attempt !== undefined)
    fault = reasonOf(invalid(`attempt ${attemptId}`, `it says that it is ${attempt.attemptId}`));
  if (fault !== undefined) {
    check.found.add({
      severity: 'damage',
      repairable: true,
      object: begunName(attemptId),
      what: fault,
      remedy:
        state === 'live'
          ? 'The attempt goes on all the same'
          : '`device repair` removes what the attempt left',
    });
  }
  if (state === 'live') return;
  const ageMs = attempt === undefined ? Infinity : check.options.nowMs - Date.parse(attempt.startedAt);
  const kind = attempt === undefined ? 'an attempt' : `an attempt of kind "${attempt.kind}"`;
  const age = ageMs === Infinity ? '' : `, begun ${formatDuration(Math.max(0, ageMs))} ago`;
  if (state === 'unknown' && ageMs < FOREIGN_ATTEMPT_MS) {
    check.found.add({
      severity: 'note',
      object: incomingFolder(attemptId),
      what: `${kind} that this catalog does not know${age}; it may be another program's`,
      remedy: 'After two days it counts as left over',
    });
    return;
  }
  check.repairable.attempts.push(attemptId);
  check.found.add({
    severity: 'leftover',
    object: incomingFolder(attemptId),
    what: `${kind} that is over${age}`,
    remedy: '`device repair` removes it; until then reclaiming waits for it',
  });
}

/** Beside an object, outside the folder of an attempt, something is in the making for moments only. */
async function checkPartials(check: Check): Promise<void> {
  if (check.survey.partials.length === 0) return;
  const savesets = new Set<string>();
  for (const { name } of check.survey.partials)
    savesets.add(/^savesets\/([0-9a-f]{16})\//.exec(name)?.[1] ?? '');
  const live = await check.options.statesOf(
    [...savesets].filter((id) => id !== '').slice(0, MAX_ASKED_STATES),
  );
  for (const { name } of check.survey.partials) {
    const savesetId = /^savesets\/([0-9a-f]{16})\//.exec(name)?.[1] ?? '';
    if (live.get(savesetId) === 'live' || check.survey.attempts.has(savesetId)) continue;
    check.repairable.partials.push(name);
    check.found.add({
      severity: 'leftover',
      object: name,
      what: 'an object that was not written to its end',
      remedy: '`device repair` removes it',
    });
  }
}

/** Marks of packs that are gone; what they say of packs that are there is part of what is said of those. */
function checkMarks(check: Check): void {
  const { packs, marks } = check.survey;
  for (const mark of marks) {
    const [packId = '', offset = '0'] = mark.split('.');
    if (packs.numberOf(packId) !== undefined) continue;
    const object = damageMarkName(packId, Number(offset));
    check.repairable.objects.push(object);
    check.found.add({
      severity: 'leftover',
      object,
      what: 'a mark of a record whose pack is gone',
      remedy: '`device repair` removes it',
    });
  }
}

function checkUnknown(check: Check): void {
  const { unknown, forgotten } = check.survey;
  for (const { name } of unknown) {
    check.found.add({
      severity: 'note',
      object: name,
      what: name.startsWith(`${INCOMING_FOLDER}/`)
        ? 'it has no name of an attempt'
        : 'it is no object of a device',
      remedy: 'Blockhouse neither reads nor removes it',
    });
  }
  if (forgotten > 0) check.leftOut.push(`${forgotten} more names of unknown, unfinished or marked objects`);
}
