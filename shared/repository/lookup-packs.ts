/**
 * The packs behind a chunk lookup, 25 bytes each. Records are numbered over all packs: the ordinal of a record is the base
 * of its pack and its number in the pack's directory.
 *
 *   row        0          1      2
 *   base       0        340    340+65     … total
 *   ordinals   0 ─ 339  340 ─ 404
 */
import { fromHex, toHex } from '../format/hash.ts';
import { MAX_PACK_BYTES, PACK_ID_BYTES } from '../format/pack.ts';

const ROW_BYTES = PACK_ID_BYTES + 4 + 4 + 1;
/** An ordinal is stored plus one in 32 bits. */
const MAX_RECORDS = 2 ** 32 - 2;
const FIRST_ROWS = 256;
const GROWTH = 1.25;

/** gone: not on the device any more; excluded: to be read, but not to be built on; proven: its directory is damaged. */
export const ROW_GONE = 1;
export const ROW_EXCLUDED = 2;
export const ROW_PROVEN = 4;

export interface PackRow {
  readonly packId: string;
  readonly lengthBytes: number;
  readonly records: number;
}

/** A record as pack and number in its directory. */
export interface RecordNumber {
  readonly row: number;
  readonly entry: number;
}

/** The columns of all rows, one value a row; 16 bytes in `ids`. */
export interface PackColumns {
  readonly ids: Uint8Array;
  readonly bases: Uint32Array;
  readonly lengths: Uint32Array;
}

export class LookupPacks {
  #capacity = 0;
  #ids = new Uint8Array();
  #bases = new Uint32Array();
  #lengths = new Uint32Array();
  #flags = new Uint8Array();
  #rows = 0;
  #records = 0;

  /** Takes over columns that `columns` gave. Bases that do not rise are an error of who made them: nothing is found. */
  static from({ ids, bases, lengths }: PackColumns, records: number): LookupPacks {
    const packs = new LookupPacks();
    packs.#ids = new Uint8Array(ids);
    packs.#bases = new Uint32Array(bases);
    packs.#lengths = new Uint32Array(lengths);
    packs.#flags = new Uint8Array(bases.length);
    packs.#capacity = bases.length;
    packs.#rows = bases.length;
    packs.#records = records;
    return packs;
  }

  /** Views, valid until the next row. */
  get columns(): PackColumns {
    return {
      ids: this.#ids.subarray(0, this.#rows * PACK_ID_BYTES),
      bases: this.#bases.subarray(0, this.#rows),
      lengths: this.#lengths.subarray(0, this.#rows),
    };
  }

  get rows(): number {
    return this.#rows;
  }

  /** Of all rows, in a table or not. */
  get records(): number {
    return this.#records;
  }

  get memoryBytes(): number {
    return this.#capacity * ROW_BYTES;
  }

  /** The number of the new row; undefined when it would need more than `limitBytes`, or there are too many records. */
  append(pack: PackRow, limitBytes = Infinity): number | undefined {
    if (this.#records + pack.records > MAX_RECORDS) return undefined;
    if (this.#rows === this.#capacity && !this.#grow(limitBytes)) return undefined;
    const row = this.#rows++;
    this.#ids.set(fromHex(pack.packId, PACK_ID_BYTES), row * PACK_ID_BYTES);
    this.#bases[row] = this.#records;
    this.#lengths[row] = Math.min(pack.lengthBytes, MAX_PACK_BYTES);
    this.#records += pack.records;
    return row;
  }

  /** One more record in the last row, whose pack now has this length; its ordinal, or undefined when there are too many. */
  extendLast(lengthBytes: number): number | undefined {
    if (this.#records === MAX_RECORDS) return undefined;
    this.#lengths[this.#rows - 1] = lengthBytes;
    return this.#records++;
  }

  packId(row: number): string {
    return toHex(this.#ids.subarray(row * PACK_ID_BYTES, (row + 1) * PACK_ID_BYTES));
  }

  lengthBytes(row: number): number {
    return Number(this.#lengths[row]);
  }

  base(row: number): number {
    return row < this.#rows ? Number(this.#bases[row]) : this.#records;
  }

  recordsOf(row: number): number {
    return this.base(row + 1) - this.base(row);
  }

  has(row: number, flag: number): boolean {
    return (Number(this.#flags[row]) & flag) !== 0;
  }

  mark(row: number, flag: number): void {
    this.#flags[row] = Number(this.#flags[row]) | flag;
  }

  /** The record with an ordinal; undefined for one that no row has. */
  find(ordinal: number): RecordNumber | undefined {
    if (ordinal >= this.#records) return undefined;
    let low = 0;
    for (let high = this.#rows; high - low > 1;) {
      const middle = (low + high) >>> 1;
      if (Number(this.#bases[middle]) <= ordinal) low = middle;
      else high = middle;
    }
    return { row: low, entry: ordinal - this.base(low) };
  }

  /** Finds rows by pack id, those that are there now. The finder needs 8 bytes a row while it is held. */
  byId(): (packId: string) => number | undefined {
    const places = new Uint32Array(2 * this.#rows + 1);
    const firstWord = (id: Uint8Array): number => new DataView(id.buffer, id.byteOffset).getUint32(0, true);
    const idAt = (row: number): Uint8Array =>
      this.#ids.subarray(row * PACK_ID_BYTES, (row + 1) * PACK_ID_BYTES);
    for (let row = 0; row < this.#rows; row++) {
      let place = firstWord(idAt(row)) % places.length;
      while (places[place] !== 0) place = (place + 1) % places.length;
      places[place] = row + 1;
    }
    return (packId) => {
      const id = fromHex(packId, PACK_ID_BYTES);
      for (let place = firstWord(id) % places.length; ; place = (place + 1) % places.length) {
        const row = Number(places[place]) - 1;
        if (row < 0) return undefined;
        if (Buffer.compare(idAt(row), id) === 0) return row;
      }
    };
  }

  #grow(limitBytes: number): boolean {
    const most = Math.floor(limitBytes / ROW_BYTES);
    const capacity = Math.min(most, Math.max(FIRST_ROWS, Math.ceil(this.#capacity * GROWTH)));
    if (capacity <= this.#capacity) return false;
    this.#capacity = capacity;
    this.#ids = moved(this.#ids, new Uint8Array(capacity * PACK_ID_BYTES));
    this.#bases = moved(this.#bases, new Uint32Array(capacity));
    this.#lengths = moved(this.#lengths, new Uint32Array(capacity));
    this.#flags = moved(this.#flags, new Uint8Array(capacity));
    return true;
  }
}

function moved<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
