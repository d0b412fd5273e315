/**
 * Which chunks a device holds, and where: read from the directories of its packs when a stream is opened, kept up by the
 * worker that owns it. The table itself is in shared memory (chunk-lookup-table.ts).
 */
import { type AppError, hasCode, isAppError } from '../base/errors.ts';
import { PACKS_FOLDER, packIdOf } from '../format/names.ts';
import { type PackEntry } from '../format/pack-directory.ts';
import {
  type SharedLookup,
  type TablePlace,
  copyTable,
  createTable,
  insert,
  placesOf,
} from './chunk-lookup-table.ts';
import { readDamageMarks } from './damage-marks.ts';
import { forEachLimit } from './lanes.ts';
import { type PackPlace, readDirectory, recoverDirectory } from './pack-directories.ts';
import { type Storage } from './storage.ts';

const FIRST_SLOTS = 1024;
/** Linear probing stays short up to here, and memory within 40 MiB per million chunks on average. */
const MAX_LOAD = 0.85;
const GROWTH = 1.25;
/** 2 GiB of table: 57 million chunks. */
const MAX_SLOTS = 2 ** 26;
const DIRECTORIES_IN_FLIGHT = 8;

/** Where a chunk was put; a hint, proven by reading. */
export interface ChunkPlace {
  readonly packId: string;
  /** Where its record begins in the pack. */
  readonly offset: number;
  readonly storedLength: number;
  readonly plainLength: number;
}

/** A pack whose directory could not be read: only chunks that were proven one by one are known of it. */
export interface DamagedPack {
  readonly packId: string;
  readonly error: AppError;
}

/** One owner; its `shared` part may be read by any thread at any time. */
export class ChunkLookup {
  readonly damagedPacks: DamagedPack[] = [];
  readonly #packIds: string[] = [];
  readonly #packNos = new Map<string, number>();
  #table = createTable(FIRST_SLOTS);
  #size = 0;

  /**
   * The chunks of all packs that are visible now.
   * @throws AppError when the device cannot be read at all; the signal's reason
   */
  static async open(storage: Storage, signal: AbortSignal): Promise<ChunkLookup> {
    const lookup = new ChunkLookup();
    const marks = await readDamageMarks(storage);
    await forEachLimit(storage.list(PACKS_FOLDER), DIRECTORIES_IN_FLIGHT, async ({ name, lengthBytes }) => {
      signal.throwIfAborted();
      const packId = packIdOf(name);
      if (packId === undefined) return;
      for (const entry of await lookup.#entries(storage, { packId, lengthBytes }, signal)) {
        if (!marks.has(`${packId}.${entry.offset}`)) lookup.add(entry.id, { ...entry, packId });
      }
    });
    return lookup;
  }

  /** What the threads get; asked anew for every message, as it changes when the table grows. */
  get shared(): SharedLookup {
    return this.#table;
  }

  /** Places known, not counting those that a full table had to refuse. */
  get size(): number {
    return this.#size;
  }

  find(id: Uint8Array): ChunkPlace | undefined {
    const { value } = placesOf(this.#table, id).next();
    return value === undefined ? undefined : this.#toPlace(value);
  }

  /** Every place with this id, for the day when one of them is damaged. */
  findAll(id: Uint8Array): ChunkPlace[] {
    return [...placesOf(this.#table, id)].map((place) => this.#toPlace(place));
  }

  /** Adds a place. A table at its limit takes no more: such chunks are stored again, and nothing worse. */
  add(id: Uint8Array, place: ChunkPlace): void {
    if (this.#size + 1 > this.#table.slots * MAX_LOAD && !this.#grow()) return;
    const { packId, offset, storedLength, plainLength } = place;
    insert(this.#table, id, { packNo: this.#packNo(packId), offset, storedLength, plainLength });
    this.#size++;
  }

  /** The pack with a number of the table; empty for a number that is not in it. */
  packId(packNo: number): string {
    return this.#packIds[packNo] ?? '';
  }

  async #entries(storage: Storage, pack: PackPlace, signal: AbortSignal): Promise<readonly PackEntry[]> {
    try {
      return await readDirectory(storage, pack);
    } catch (error) {
      if (hasCode(error, 'REPO_OBJECT_MISSING')) return [];
      if (!isDamage(error)) throw error;
      this.damagedPacks.push({ packId: pack.packId, error });
    }
    try {
      return await recoverDirectory(storage, pack, signal);
    } catch (error) {
      if (!isDamage(error)) throw error;
      return [];
    }
  }

  #toPlace(place: TablePlace): ChunkPlace {
    const { packNo, offset, storedLength, plainLength } = place;
    return { packId: this.packId(packNo), offset, storedLength, plainLength };
  }

  #packNo(packId: string): number {
    const known = this.#packNos.get(packId);
    if (known !== undefined) return known;
    this.#packNos.set(packId, this.#packIds.length);
    return this.#packIds.push(packId) - 1;
  }

  #grow(): boolean {
    const slots = Math.min(MAX_SLOTS, Math.ceil(this.#table.slots * GROWTH));
    if (slots === this.#table.slots) return false;
    const larger = createTable(slots);
    copyTable(this.#table, larger);
    this.#table = larger;
    return true;
  }
}

function isDamage(error: unknown): error is AppError {
  return isAppError(error) && hasCode(error, 'FORMAT_INVALID', 'FORMAT_VERSION_UNKNOWN', 'REPO_READ_FAILED');
}
