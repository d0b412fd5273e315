/**
 * Reads by an index go on after packs were rewritten: `moved/<pack id>` says where their records are now, and an index that was
 * read gets the new places. docs/format/device.md §10.
 *
 * All of it is a hint: a list that is damaged or gone costs time, as the chunk is then found by its id.
 */
import { type AppError, hasCode } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import { type DiskIndex, REF_BYTES, refCount } from '../format/disk-index.ts';
import { type MovedRecord, decodeMovedRecords } from '../format/moved-records.ts';
import { movedName } from '../format/names.ts';
import { listMoved } from './moved-record.ts';
import { type Storage } from './storage.ts';

/** A pack that was rewritten so often is found by the ids of its chunks. */
const MAX_STEPS = 16;
/** The records of a pack of 4 GiB in chunks of 4 KiB. */
const MAX_MOVED_BYTES = 32 * MiB;

/** One opened device; its folder `moved/` is listed once, when first needed. */
export class MovedPlaces {
  readonly #storage: Storage;
  #moved: Promise<Set<string>> | undefined;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /**
   * The index with the places where its chunks are now; the same one when nothing moved.
   * @throws AppError when the device cannot be read; the signal's reason
   */
  async follow(index: DiskIndex, signal: AbortSignal): Promise<DiskIndex> {
    this.#moved ??= listMoved(this.#storage);
    const moved = await this.#moved;
    if (!index.packs.some((packId) => moved.has(packId))) return index;
    const places = new RefPlaces(index);
    for (let step = 0; step < MAX_STEPS; step++) {
      let hasMoved = false;
      for (const [packNo, refs] of places.byPack((packId) => moved.has(packId))) {
        signal.throwIfAborted();
        const records = await this.#records(places.packId(packNo), moved);
        hasMoved = places.move(refs, records) || hasMoved;
      }
      if (!hasMoved) break;
    }
    return places.index;
  }

  /** Nothing when the list cannot be used, which is then not read again. */
  async #records(packId: string, moved: Set<string>): Promise<readonly MovedRecord[]> {
    try {
      return decodeMovedRecords(await this.#storage.readWhole(movedName(packId), MAX_MOVED_BYTES), packId);
    } catch (error) {
      if (!isNoLoss(error)) throw error;
      moved.delete(packId);
      return [];
    }
  }
}

function isNoLoss(error: unknown): error is AppError {
  return hasCode(
    error,
    'FORMAT_INVALID',
    'FORMAT_VERSION_UNKNOWN',
    'REPO_OBJECT_MISSING',
    'REPO_READ_FAILED',
  );
}

/** The refs of an index with places that can be changed; the index itself stays as it was. */
class RefPlaces {
  readonly #index: DiskIndex;
  readonly #packs: string[];
  readonly #packNos: Map<string, number>;
  readonly #refs: Uint8Array;
  readonly #view: DataView;

  constructor(index: DiskIndex) {
    this.#index = index;
    this.#packs = [...index.packs];
    this.#packNos = new Map(index.packs.map((packId, i) => [packId, i]));
    this.#refs = new Uint8Array(index.refs);
    this.#view = new DataView(this.#refs.buffer);
  }

  get index(): DiskIndex {
    return { ...this.#index, packs: this.#packs, refs: this.#refs };
  }

  packId(packNo: number): string {
    return this.#packs[packNo] ?? '';
  }

  /** The numbers of the refs of each pack that is asked for. */
  byPack(isWanted: (packId: string) => boolean): Map<number, number[]> {
    const found = new Map<number, number[]>();
    const wanted = this.#packs.map(isWanted);
    for (let ref = 0; ref < refCount(this.#index); ref++) {
      const packNo = this.#view.getUint32(ref * REF_BYTES + 44, true);
      if (wanted[packNo] !== true) continue;
      const refs = found.get(packNo);
      if (refs === undefined) found.set(packNo, [ref]);
      else refs.push(ref);
    }
    return found;
  }

  /** True when one of the refs got a new place. */
  move(refs: readonly number[], records: readonly MovedRecord[]): boolean {
    const byOffset = new Map(records.map((record) => [record.oldOffset, record]));
    let hasMoved = false;
    for (const ref of refs) {
      const at = ref * REF_BYTES;
      const record = byOffset.get(this.#view.getUint32(at + 48, true));
      if (record === undefined) continue;
      this.#view.setUint32(at + 44, this.#packNo(record.packId), true);
      this.#view.setUint32(at + 48, record.offset, true);
      this.#view.setUint32(at + 52, record.storedLength, true);
      hasMoved = true;
    }
    return hasMoved;
  }

  #packNo(packId: string): number {
    const known = this.#packNos.get(packId);
    if (known !== undefined) return known;
    this.#packNos.set(packId, this.#packs.length);
    return this.#packs.push(packId) - 1;
  }
}
