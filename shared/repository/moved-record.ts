/** Where one record of a rewritten pack is now: for readers that planned before the pack was rewritten, and for reclaiming. */
import { hasCode } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import { type MovedRecord, decodeMovedRecords } from '../format/moved-records.ts';
import { MOVED_FOLDER, movedName, movedPackOf } from '../format/names.ts';
import { type Storage } from './storage.ts';

/** More than a pack of 4 GiB can hold of the smallest cells that are usual. */
const MAX_MOVED_BYTES = 128 * MiB;

/** The packs with an object in `moved/`. */
export async function listMoved(storage: Storage): Promise<Set<string>> {
  const moved = new Set<string>();
  for await (const { name } of storage.list(MOVED_FOLDER)) {
    const packId = movedPackOf(name);
    if (packId !== undefined) moved.add(packId);
  }
  return moved;
}

/**
 * What moved of a pack, by old offset; undefined when there is no such list.
 * @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`, or what the storage says
 */
export async function readMoved(
  storage: Storage,
  packId: string,
): Promise<ReadonlyMap<number, MovedRecord> | undefined> {
  try {
    const bytes = await storage.readWhole(movedName(packId), MAX_MOVED_BYTES);
    return new Map(decodeMovedRecords(bytes, packId).map((record) => [record.oldOffset, record]));
  } catch (error) {
    if (hasCode(error, 'REPO_OBJECT_MISSING')) return undefined;
    throw error;
  }
}
