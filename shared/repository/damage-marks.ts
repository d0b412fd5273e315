/** Marks on a device that say which records must not be used again: `damaged/<pack id>.<offset>`. */
import { hasCode } from '../base/errors.ts';
import { DAMAGED_FOLDER, damageMarkName, damagedPlaceOf } from '../format/names.ts';
import { type Storage } from './storage.ts';

/** Bounds the memory of what was read; of packs with more marks nothing is used. */
const MAX_MARKS = 65_536;
const PACK_ID_DIGITS = 32;

export interface RecordPlace {
  readonly packId: string;
  readonly offset: number;
}

/** From now on new restore points store the chunk of this record anew. Marking twice is fine. */
export async function markDamaged(storage: Storage, place: RecordPlace): Promise<void> {
  try {
    await storage.put(damageMarkName(place.packId, place.offset), new Uint8Array());
  } catch (error) {
    if (!hasCode(error, 'REPO_OBJECT_EXISTS')) throw error;
  }
}

/** The marked places as `<pack id>.<offset>`, and as `<pack id>` alone packs of which too much is damaged to remember. */
export async function readDamageMarks(storage: Storage, maxMarks = MAX_MARKS): Promise<ReadonlySet<string>> {
  const marks = new Set<string>();
  for await (const { name } of storage.list(DAMAGED_FOLDER)) {
    const place = damagedPlaceOf(name);
    if (place !== undefined) marks.add(marks.size < maxMarks ? place : place.slice(0, PACK_ID_DIGITS));
  }
  return marks;
}

/** Whether `readDamageMarks` found a mark for this record. */
export function isMarked(marks: ReadonlySet<string>, { packId, offset }: RecordPlace): boolean {
  return marks.has(`${packId}.${offset}`) || marks.has(packId);
}
