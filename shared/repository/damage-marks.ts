/** Marks on a device that say which records must not be used again: `damaged/<pack id>.<offset>`. */
import { hasCode } from '../base/errors.ts';
import { DAMAGED_FOLDER, damageMarkName, damagedPlaceOf } from '../format/names.ts';
import { type Storage } from './storage.ts';

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

/** The marked places as `<pack id>.<offset>`. */
export async function readDamageMarks(storage: Storage): Promise<ReadonlySet<string>> {
  const marks = new Set<string>();
  for await (const { name } of storage.list(DAMAGED_FOLDER)) {
    const place = damagedPlaceOf(name);
    if (place !== undefined) marks.add(place);
  }
  return marks;
}
