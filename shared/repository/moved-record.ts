/** Where one record of a rewritten pack is now: for readers that planned before the pack was rewritten, and for reclaiming. */
import { hasCode } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import { type MovedRecord, decodeMovedRecords } from '../format/moved-records.ts';
import { MOVED_FOLDER, movedName, movedPackOf } from '../format/names.ts';
import { type Storage } from './storage.ts';

/** More than a pack of 4 GiB can hold of the smallest cells that are usual. */
const MAX_MOVED_BYTES = 128 * MiB;
/** Lists that are remembered: readers go pack by pack. */
const REMEMBERED = 8;
/** As docs/format/device.md §10 bounds it. */
const MAX_HOPS = 16;

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

/** Finds single records whose pack is gone. Calls may overlap. */
export class MovedFinder {
  readonly #storage: Storage;
  readonly #lists = new Map<string, Promise<ReadonlyMap<number, MovedRecord> | undefined>>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** The last place that is known of a record; undefined when it has not moved, or nobody can tell. */
  async find(place: {
    readonly packId: string;
    readonly offset: number;
  }): Promise<Omit<MovedRecord, 'oldOffset'> | undefined> {
    let found: MovedRecord | undefined;
    let at = place;
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      const next = (await this.#list(at.packId))?.get(at.offset);
      if (next === undefined) return found;
      found = next;
      at = next;
    }
    return undefined;
  }

  /** What cannot be read says nothing; that there is no list is not remembered: it may come. */
  #list(packId: string): Promise<ReadonlyMap<number, MovedRecord> | undefined> {
    const known = this.#lists.get(packId);
    if (known !== undefined) return known;
    const list = this.#read(packId);
    this.#lists.set(packId, list);
    const [oldest] = this.#lists.keys();
    if (this.#lists.size > REMEMBERED && oldest !== undefined) this.#lists.delete(oldest);
    return list;
  }

  async #read(packId: string): Promise<ReadonlyMap<number, MovedRecord> | undefined> {
    try {
      const list = await readMoved(this.#storage, packId);
      if (list === undefined) this.#lists.delete(packId);
      return list;
    } catch (error) {
      this.#lists.delete(packId);
      if (hasCode(error, 'FORMAT_INVALID', 'FORMAT_VERSION_UNKNOWN', 'REPO_READ_FAILED')) return undefined;
      throw error;
    }
  }
}
