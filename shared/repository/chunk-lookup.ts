/**
 * Which chunks a device holds, and where: read when a stream is opened, from the cache of this host and the directories of
 * packs that are new to it, and kept up by the worker that owns it.
 *
 *   id ──▶ tables (8 bytes of the id, in shared memory) ──▶ ordinal ──▶ pack, entry ──▶ directory of the pack: id, place
 *
 * The tables alone can say yes by mistake; the directory, which is read again when it is not at hand, proves the id.
 */
import { toAppError } from '../base/errors.ts';
import { type Log, silentLog } from '../base/log.ts';
import { DIRECTORY_ENTRY_BYTES, PACK_FOOTER_BYTES } from '../format/pack-directory.ts';
import { CHUNK_HEADER_BYTES } from '../format/pack.ts';
import { type ChunkIndex } from './chunk-index.ts';
import { type SharedLookup, lookupHas, tagOf } from './chunk-lookup-table.ts';
import { isMarked, readDamageMarks } from './damage-marks.ts';
import { type DirectoryShelf, OWN_PACKS, placeOfChunk } from './directory-shelf.ts';
import { budgetFor } from './lookup-budget.ts';
import { type LookupCacheFile, saveLookupCache } from './lookup-cache.ts';
import { type IndexSize, type OpenedIndex, openIndex } from './lookup-open.ts';
import { ROW_EXCLUDED, ROW_GONE, type RecordNumber } from './lookup-packs.ts';
import { type DamagedPack, isUnreadable } from './lookup-scan.ts';
import { readDirectoryBytes } from './pack-directories.ts';
import { type OpenDevice } from './device.ts';
import { type Storage } from './storage.ts';

/** The cache is written anew for so many new packs, or this share of new records. */
const PACKS_TO_SAVE = 16;
const SHARE_TO_SAVE = 0.01;

/** Where a chunk was put; a hint, proven by reading. */
export interface ChunkPlace {
  readonly packId: string;
  /** Where its record begins in the pack. */
  readonly offset: number;
  readonly storedLength: number;
  readonly plainLength: number;
}

export interface LookupOptions {
  readonly signal: AbortSignal;
  /** Where this host remembers the lookup of the device; without it every directory is read. */
  readonly cache?: LookupCacheFile | undefined;
  readonly log?: Log | undefined;
  /** Bytes that tables and packs may take for what is stored on the device; 40 MiB a TiB, at least 16 MiB. */
  readonly budgetOf?: (storedBytes: number) => number;
}

/** One owner; its `shared` part may be read by any thread at any time. */
export class ChunkLookup {
  readonly damagedPacks: readonly DamagedPack[];
  readonly #storage: Storage;
  readonly #index: ChunkIndex;
  readonly #shelf: DirectoryShelf;
  readonly #marks: ReadonlySet<string>;
  readonly #cache: LookupCacheFile | undefined;
  readonly #log: Log;
  #saved: IndexSize;
  /** The pack whose chunks are being added. */
  #own: { readonly packId: string; readonly row: number | undefined } | undefined;

  private constructor(
    storage: Storage,
    options: LookupOptions,
    opened: OpenedIndex & { readonly marks: ReadonlySet<string> },
  ) {
    this.#storage = storage;
    this.#index = opened.index;
    this.#shelf = opened.shelf;
    this.#marks = opened.marks;
    this.#cache = options.cache;
    this.#log = options.log ?? silentLog;
    this.#saved = opened.saved;
    this.damagedPacks = opened.damagedPacks;
  }

  /**
   * The chunks of all packs that are visible now, as far as memory allows.
   * @throws AppError when the device cannot be read at all; the signal's reason
   */
  static async open(device: OpenDevice, options: LookupOptions): Promise<ChunkLookup> {
    const { signal, cache, budgetOf = budgetFor, log = silentLog } = options;
    const marks = await readDamageMarks(device.storage);
    const opened = await openIndex({ device, signal, cache, budgetOf, log });
    const lookup = new ChunkLookup(device.storage, options, { ...opened, marks });
    await lookup.save();
    return lookup;
  }

  /** What the threads get; asked anew for every message, as it changes when the tables grow. */
  get shared(): SharedLookup {
    return this.#index.shared;
  }

  /** Records known. */
  get size(): number {
    return this.#index.tables.records;
  }

  /** Records of the device that are not known for lack of memory. */
  get leftOut(): number {
    return this.#index.choice.leftOut;
  }

  /** Of tables and packs; never above `budgetBytes`. */
  get memoryBytes(): number {
    return this.#index.memoryBytes;
  }

  get budgetBytes(): number {
    return this.#index.budgetBytes;
  }

  /** Whether `find` may find the chunk: no is certain, and costs no promise. */
  mayHave(id: Uint8Array): boolean {
    return lookupHas(this.shared, id);
  }

  /**
   * A place of the chunk that new restore points may use. A promise only when a directory has to be read; one that cannot
   * be read any more makes its chunks unknown.
   * @throws AppError when the device cannot be read at all
   */
  find(id: Uint8Array): ChunkPlace | undefined | Promise<ChunkPlace | undefined> {
    const records = this.#index.recordsOf(id).filter(({ row }) => !this.#isExcluded(row));
    for (const [i, record] of records.entries()) {
      const directory = this.#shelf.get(record.row);
      if (directory === undefined) return this.#findSlowly(id, records.slice(i));
      const place = this.#placeIn(directory, record, id);
      if (place !== undefined) return place;
    }
    return undefined;
  }

  /**
   * Every place with this id, also in packs that are to go, for the day when one of them is damaged. Marked ones come last: a
   * device that failed for a moment leaves marks of sound records too, and what is read is proven anyway.
   * @throws AppError as `find`
   */
  async findAll(id: Uint8Array): Promise<ChunkPlace[]> {
    const places: ChunkPlace[] = [];
    const marked: ChunkPlace[] = [];
    for (const record of this.#index.recordsOf(id)) {
      const directory = await this.#directoryOf(record.row);
      const place = directory && this.#anyPlaceIn(directory, record, id);
      if (place !== undefined) (isMarked(this.#marks, place) ? marked : places).push(place);
    }
    return [...places, ...marked];
  }

  /**
   * Adds a chunk that was just stored. The chunks of a pack come one after the other in the order of their records; one
   * that comes after a chunk of the next pack is not added. A table at its limit takes no more: such chunks are stored again,
   * and nothing worse.
   */
  add(id: Uint8Array, place: ChunkPlace): void {
    const row = this.#ownRow(place.packId);
    if (row === undefined) return;
    const entries = this.#index.packs.recordsOf(row) + 1;
    const end = place.offset + CHUNK_HEADER_BYTES + place.storedLength;
    // The length that the pack has if this is its last chunk: with another one it is read anew at the next opening.
    const ordinal = this.#index.packs.extendLast(end + entries * DIRECTORY_ENTRY_BYTES + PACK_FOOTER_BYTES);
    if (ordinal === undefined) return;
    this.#shelf.addOwn(row, { ...place, id });
    this.#index.grow(CHUNK_HEADER_BYTES + place.storedLength + DIRECTORY_ENTRY_BYTES);
    this.#index.addRecord(tagOf(id), ordinal, place.plainLength);
  }

  /** From now on `find` gives no place in these packs. */
  excludePacks(ids: ReadonlySet<string>): void {
    if (ids.size === 0) return;
    const { packs } = this.#index;
    for (let row = 0; row < packs.rows; row++) {
      if (ids.has(packs.packId(row))) packs.mark(row, ROW_EXCLUDED);
    }
  }

  /** Writes the cache when much is new in it. A cache that cannot be written is a warning in the log, and no error. */
  async save(): Promise<void> {
    const { rows, records } = this.#index.packs;
    const newRecords = records - this.#saved.records;
    const isWorth =
      rows - this.#saved.packs >= PACKS_TO_SAVE || newRecords > this.#saved.records * SHARE_TO_SAVE;
    if (this.#cache === undefined || !isWorth) return;
    try {
      await saveLookupCache(this.#cache, this.#index);
      this.#saved = { packs: rows, records };
    } catch (error) {
      this.#log.warn('Lookup cache not written', {
        file: this.#cache.file,
        reason: toAppError(error).message,
      });
    }
  }

  async #findSlowly(id: Uint8Array, records: readonly RecordNumber[]): Promise<ChunkPlace | undefined> {
    for (const record of records) {
      const place = await this.#placeOf(record, id);
      if (place !== undefined) return place;
    }
    return undefined;
  }

  async #placeOf(record: RecordNumber, id: Uint8Array): Promise<ChunkPlace | undefined> {
    const directory = await this.#directoryOf(record.row);
    return directory && this.#placeIn(directory, record, id);
  }

  async #directoryOf(row: number): Promise<Uint8Array | undefined> {
    return this.#shelf.get(row) ?? (await this.#read(row));
  }

  #placeIn(directory: Uint8Array, record: RecordNumber, id: Uint8Array): ChunkPlace | undefined {
    const place = this.#anyPlaceIn(directory, record, id);
    return place === undefined || isMarked(this.#marks, place) ? undefined : place;
  }

  #anyPlaceIn(directory: Uint8Array, { row, entry }: RecordNumber, id: Uint8Array): ChunkPlace | undefined {
    const found = placeOfChunk(directory, entry, id);
    if (found === undefined) return undefined;
    const { offset, storedLength, plainLength } = found;
    return { packId: this.#index.packs.packId(row), offset, storedLength, plainLength };
  }

  async #read(row: number): Promise<Uint8Array | undefined> {
    const { packs } = this.#index;
    if (packs.has(row, ROW_GONE)) return undefined;
    try {
      const place = { packId: packs.packId(row), lengthBytes: packs.lengthBytes(row) };
      const directory = await readDirectoryBytes(this.#storage, place);
      this.#shelf.keep(row, directory);
      return directory;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      packs.mark(row, ROW_GONE);
      return undefined;
    }
  }

  #isExcluded(row: number): boolean {
    return this.#index.packs.has(row, ROW_GONE) || this.#index.packs.has(row, ROW_EXCLUDED);
  }

  /** The row of the pack that is being filled, if it is the last one. */
  #ownRow(packId: string): number | undefined {
    const { packs } = this.#index;
    if (this.#own?.packId !== packId) {
      if (this.#isRecent(packId)) return undefined;
      this.#own = { packId, row: this.#index.openPack({ packId, lengthBytes: 0 }) };
    }
    const { row } = this.#own;
    return row === packs.rows - 1 ? row : undefined;
  }

  #isRecent(packId: string): boolean {
    const { packs } = this.#index;
    for (let row = packs.rows - 1; row >= Math.max(0, packs.rows - OWN_PACKS); row--) {
      if (packs.packId(row) === packId) return true;
    }
    return false;
  }
}
