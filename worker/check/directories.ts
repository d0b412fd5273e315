/**
 * What the packs of a device hold, read when it is asked for and kept within a bound: a device may have more directories than
 * a worker has memory. A pack whose directory is gone is walked from record to record.
 */
import { type AppError, hasCode } from '../../shared/base/errors.ts';
import { MiB } from '../../shared/base/units.ts';
import { type EntryPlace } from '../../shared/format/pack-directory.ts';
import { readDirectory } from '../../shared/repository/pack-directories.ts';
import { type Storage } from '../../shared/repository/storage.ts';
import { type PackTable } from './pack-table.ts';
import { RecordList } from './record-list.ts';
import { scanRecords } from './record-scan.ts';

const MAX_BYTES = 64 * MiB;

/** The entries of a pack, and what is wrong with its directory; undefined for a pack that is gone. */
export interface PackContent {
  readonly entries: readonly EntryPlace[];
  readonly fault: AppError | undefined;
}

export class Directories {
  readonly #storage: Storage;
  readonly #packs: PackTable;
  readonly #signal: AbortSignal;
  /** In the order of their last use. */
  readonly #lists = new Map<number, RecordList>();
  #bytes = 0;

  constructor(storage: Storage, packs: PackTable, signal: AbortSignal) {
    this.#storage = storage;
    this.#packs = packs;
    this.#signal = signal;
  }

  /** Reads a pack's directory, or in its place its sound records. */
  async read(pack: number): Promise<PackContent | undefined> {
    this.#signal.throwIfAborted();
    const place = this.#packs.place(pack);
    try {
      return { entries: await readDirectory(this.#storage, place), fault: undefined };
    } catch (error) {
      if (hasCode(error, 'REPO_OBJECT_MISSING')) return undefined;
      if (!hasCode(error, 'FORMAT_INVALID', 'FORMAT_VERSION_UNKNOWN', 'REPO_READ_FAILED')) throw error;
      return { entries: await this.#soundRecords(place), fault: error };
    }
  }

  /** The records of a pack; none of one that is gone. */
  async list(pack: number): Promise<RecordList> {
    const known = this.#lists.get(pack);
    if (known !== undefined) {
      this.#lists.delete(pack);
      this.#lists.set(pack, known);
      return known;
    }
    const list = new RecordList((await this.read(pack))?.entries ?? []);
    this.keep(pack, list);
    return list;
  }

  /** Keeps a list that was made elsewhere, and forgets those that were not asked for the longest. */
  keep(pack: number, list: RecordList): void {
    if (this.#lists.has(pack)) return;
    this.#lists.set(pack, list);
    this.#bytes += list.bytes;
    for (const [oldest, { bytes }] of this.#lists) {
      if (this.#bytes <= MAX_BYTES || oldest === pack) return;
      this.#lists.delete(oldest);
      this.#bytes -= bytes;
    }
  }

  async #soundRecords(place: ReturnType<PackTable['place']>): Promise<EntryPlace[]> {
    const found: EntryPlace[] = [];
    try {
      for await (const record of scanRecords(this.#storage, place, this.#signal)) {
        if (record.isSound) found.push({ ...record, id: new Uint8Array(record.id) });
      }
    } catch (error) {
      if (!hasCode(error, 'REPO_READ_FAILED', 'REPO_OBJECT_MISSING')) throw error;
    }
    return found;
  }
}
