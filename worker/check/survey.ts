/** Everything that lies on a device, by kind: one walk over its names, before anything is opened. */
import { hasCode } from '../../shared/base/errors.ts';
import {
  DEVICE_HEADER_NAME,
  MANIFEST_NAME,
  PIN_NAME,
  SAVESETS_FOLDER,
  SEAL_NAME,
  damagedPlaceOf,
  keySlotOf,
  movedPackOf,
  packIdOf,
  sweepOf,
} from '../../shared/format/names.ts';
import { type Storage } from '../../shared/repository/storage.ts';
import { PackTable } from './pack-table.ts';

/** Names of one kind that are remembered; the rest is counted. */
const MAX_NAMES = 65_536;

const SAVESET_OBJECT = /^savesets\/([0-9a-f]{16})\/([^/]+)$/;
const SWEEP_FILES = /\/(condemned|waits)\.json$/;
const ATTEMPT_OBJECT = /^incoming\/([0-9a-f]{16})\//;

export interface SavesetNames {
  hasSeal: boolean;
  hasManifest: boolean;
  hasPin: boolean;
}

/** A name, and what the object takes. */
export interface NamedBytes {
  readonly name: string;
  readonly lengthBytes: number;
}

export interface Survey {
  readonly packs: PackTable;
  readonly savesets: Map<string, SavesetNames>;
  /** Ids of the folders in `incoming/` that hold anything. */
  readonly attempts: Set<string>;
  readonly keySlots: string[];
  /** Ids of the folders in `reclaim/` that hold anything. */
  readonly sweeps: Set<string>;
  /** Packs whose records went elsewhere. */
  readonly moved: Set<string>;
  /** `<pack id>.<offset>` of the records that are known to be damaged. */
  readonly marks: Set<string>;
  /** Names that no object of this format has. */
  readonly unknown: NamedBytes[];
  /** Left in the making, outside the folders of attempts. */
  readonly partials: NamedBytes[];
  /** What was above the bounds of these lists. */
  forgotten: number;
}

/** @throws AppError what the storage says; the signal's reason */
export async function surveyDevice(storage: Storage, signal: AbortSignal): Promise<Survey> {
  const survey = emptySurvey();
  // savesets come first: all packs that a point names were there before it was sealed
  for await (const object of storage.list(SAVESETS_FOLDER)) {
    signal.throwIfAborted();
    if (!takeSavesetObject(survey, object.name)) keep(survey, survey.unknown, object);
  }
  for await (const object of storage.list('')) {
    signal.throwIfAborted();
    if (object.name.startsWith(`${SAVESETS_FOLDER}/`)) continue;
    if (!take(survey, object)) keep(survey, survey.unknown, object);
  }
  for await (const object of storage.listRest('')) {
    signal.throwIfAborted();
    const attempt = ATTEMPT_OBJECT.exec(object.name)?.[1];
    if (attempt !== undefined) survey.attempts.add(attempt);
    else keep(survey, object.name.endsWith('.partial') ? survey.partials : survey.unknown, object);
  }
  survey.packs.close();
  return survey;
}

/** Every object below a folder that was there when it was asked. */
export async function namesBelow(storage: Storage, folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of storage.list(folder)) {
    if (names.push(name) >= MAX_NAMES) break;
  }
  return names.sort();
}

/** As `size`, and undefined for an object that is gone. */
export async function sizeOf(storage: Storage, name: string): Promise<number | undefined> {
  try {
    return await storage.size(name);
  } catch (error) {
    if (hasCode(error, 'REPO_OBJECT_MISSING')) return undefined;
    throw error;
  }
}

function emptySurvey(): Survey {
  return {
    packs: new PackTable(),
    savesets: new Map(),
    attempts: new Set(),
    keySlots: [],
    sweeps: new Set(),
    moved: new Set(),
    marks: new Set(),
    unknown: [],
    partials: [],
    forgotten: 0,
  };
}

/** Notes an object of this format; false for any other. */
function take(survey: Survey, { name, lengthBytes }: NamedBytes): boolean {
  const packId = packIdOf(name);
  if (packId === undefined) return takeSmall(survey, name);
  survey.packs.add(packId, lengthBytes);
  return true;
}

function takeSavesetObject(survey: Survey, name: string): boolean {
  const [, savesetId, file] = SAVESET_OBJECT.exec(name) ?? [];
  if (savesetId === undefined) return false;
  const names = survey.savesets.get(savesetId) ?? { hasSeal: false, hasManifest: false, hasPin: false };
  survey.savesets.set(savesetId, names);
  if (file === SEAL_NAME) names.hasSeal = true;
  else if (file === MANIFEST_NAME) names.hasManifest = true;
  else if (file === PIN_NAME) names.hasPin = true;
  return true;
}

function takeSmall(survey: Survey, name: string): boolean {
  const slot = keySlotOf(name);
  const moved = movedPackOf(name);
  const mark = damagedPlaceOf(name);
  const attempt = ATTEMPT_OBJECT.exec(name)?.[1];
  const sweep = SWEEP_FILES.test(name) ? sweepOf(name) : undefined;
  if (slot !== undefined) survey.keySlots.push(slot);
  else if (moved !== undefined) survey.moved.add(moved);
  else if (mark !== undefined) {
    if (survey.marks.size < MAX_NAMES) survey.marks.add(mark);
    else survey.forgotten++;
  } else if (attempt !== undefined) survey.attempts.add(attempt);
  else if (sweep !== undefined) survey.sweeps.add(sweep);
  else return name === DEVICE_HEADER_NAME;
  return true;
}

function keep(survey: Survey, list: NamedBytes[], object: NamedBytes): void {
  if (list.length < MAX_NAMES) list.push(object);
  else survey.forgotten++;
}
