/** Where things lie on a device: docs/format/device.md §2. Names use `/` on every system. */
import { invalid } from './byte-reader.ts';

export const DEVICE_HEADER_NAME = 'device.json';
export const MANIFEST_NAME = 'manifest.json';
export const SEAL_NAME = 'seal.json';
export const PIN_NAME = 'pin.json';
export const PACKS_FOLDER = 'packs';
export const SAVESETS_FOLDER = 'savesets';
export const DAMAGED_FOLDER = 'damaged';
export const KEYS_FOLDER = 'keys';
export const INCOMING_FOLDER = 'incoming';
export const MOVED_FOLDER = 'moved';
export const RECLAIM_FOLDER = 'reclaim';

const PACK_ID = /^[0-9a-f]{32}$/;
const SAVESET_ID = /^[0-9a-f]{16}$/;
const ATTEMPT_ID = SAVESET_ID;
const KEY_SLOT_ID = SAVESET_ID;
const BEGUN_OBJECT = /^incoming\/([0-9a-f]{16})\/begun\.json$/;
const KEY_SLOT_OBJECT = /^keys\/([0-9a-f]{16})\.json$/;
const PACK_NAME = /^packs\/([0-9a-f]{2})\/(\1[0-9a-f]{30})\.pack$/;
const SEAL_OBJECT = /^savesets\/([0-9a-f]{16})\/seal\.json$/;
const MOVED_OBJECT = /^moved\/([0-9a-f]{32})$/;
const CONDEMNED_OBJECT = /^reclaim\/([0-9a-f]{16})\/condemned\.json$/;
const SWEEP_OBJECT = /^reclaim\/([0-9a-f]{16})\//;
const DAMAGE_MARK = /^damaged\/([0-9a-f]{32})\.(\d{1,10})$/;

/** @throws AppError `FORMAT_INVALID` for anything but 32 hexadecimal digits, as do the others here for their ids */
export function packName(packId: string): string {
  return `${PACKS_FOLDER}/${checked(packId, PACK_ID, 'pack').slice(0, 2)}/${packId}.pack`;
}

/** The name of a pack while it is being written. */
export function incomingPackName(attemptId: string, packId: string): string {
  return `${incomingFolder(attemptId)}/${checked(packId, PACK_ID, 'pack')}.partial`;
}

export function incomingFolder(attemptId: string): string {
  return `${INCOMING_FOLDER}/${checked(attemptId, ATTEMPT_ID, 'attempt')}`;
}

/** The first object of every attempt. */
export function begunName(attemptId: string): string {
  return `${incomingFolder(attemptId)}/begun.json`;
}

/** The attempt whose first object has this name, or undefined. */
export function begunAttemptOf(name: string): string | undefined {
  return BEGUN_OBJECT.exec(name)?.[1];
}

export function keySlotName(slotId: string): string {
  return `${KEYS_FOLDER}/${checked(slotId, KEY_SLOT_ID, 'key slot')}.json`;
}

/** The key slot with this name, or undefined. */
export function keySlotOf(name: string): string | undefined {
  return KEY_SLOT_OBJECT.exec(name)?.[1];
}

export function isSavesetId(text: string): boolean {
  return SAVESET_ID.test(text);
}

export function savesetFolder(savesetId: string): string {
  return `${SAVESETS_FOLDER}/${checked(savesetId, SAVESET_ID, 'saveset')}`;
}

/** One segment of a disk; layer 0 is the newest. Inside the saveset's folder. */
export function diskIndexName(place: {
  readonly diskKey: number;
  readonly layer: number;
  readonly segment: number;
}): string {
  return `disk-${place.diskKey}.${place.layer}.${place.segment}.index`;
}

export function sweepFolder(sweepId: string): string {
  return `${RECLAIM_FOLDER}/${checked(sweepId, ATTEMPT_ID, 'sweep')}`;
}

/** The packs that new restore points must not use. */
export function condemnedName(sweepId: string): string {
  return `${sweepFolder(sweepId)}/condemned.json`;
}

/** The attempts that may not know them yet. */
export function waitsName(sweepId: string): string {
  return `${sweepFolder(sweepId)}/waits.json`;
}

/** The sweep whose condemned packs this object lists, or undefined. */
export function condemnedSweepOf(name: string): string | undefined {
  return CONDEMNED_OBJECT.exec(name)?.[1];
}

/** The sweep that an object is of, or undefined. */
export function sweepOf(name: string): string | undefined {
  return SWEEP_OBJECT.exec(name)?.[1];
}

/** Where the records of a pack went that was rewritten. */
export function movedName(packId: string): string {
  return `${MOVED_FOLDER}/${checked(packId, PACK_ID, 'pack')}`;
}

/** The pack whose moved records this object lists, or undefined. */
export function movedPackOf(name: string): string | undefined {
  return MOVED_OBJECT.exec(name)?.[1];
}

/** The mark that the chunk at this place must not be used for new restore points. */
export function damageMarkName(packId: string, offset: number): string {
  return `${DAMAGED_FOLDER}/${checked(packId, PACK_ID, 'pack')}.${offset}`;
}

/** The id of the pack with this name, or undefined when it is no pack's name. */
export function packIdOf(name: string): string | undefined {
  return PACK_NAME.exec(name)?.[2];
}

/** The saveset whose seal has this name, or undefined. */
export function sealedSavesetOf(name: string): string | undefined {
  return SEAL_OBJECT.exec(name)?.[1];
}

/** `<packId>.<offset>` of a damage mark, or undefined. */
export function damagedPlaceOf(name: string): string | undefined {
  return DAMAGE_MARK.test(name) ? name.slice(DAMAGED_FOLDER.length + 1) : undefined;
}

function checked(id: string, shape: RegExp, kind: string): string {
  if (!shape.test(id)) throw invalid(`the ${kind} id "${id.slice(0, 80)}"`, 'it is not one');
  return id;
}
