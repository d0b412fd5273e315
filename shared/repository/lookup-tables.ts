/**
 * The growing list of tables behind a chunk lookup. It grows by a quarter at a time and copies nothing, so its memory is
 * at any moment what it will be: 12 / 0.85 bytes a record when all tables are full, a quarter more just after it grew.
 */
import {
  type LookupTable,
  MAX_LOAD,
  SLOT_BYTES,
  type SharedLookup,
  type Tag,
  createTable,
  insert,
} from './chunk-lookup-table.ts';

const FIRST_SLOTS = 32_768;
const NEXT_SLOTS = 4096;
const GROWTH = 0.25;
/** Nothing smaller is added at the limit of memory, so that the list stays short. */
const LEAST_GROWTH = 0.125;
const MIN_SLOTS = 16;
/** 1.5 GiB: 114 million records. */
export const MAX_SLOTS = 2 ** 27;

/** A table, and how many of its slots are taken. */
export interface FilledTable {
  readonly table: LookupTable;
  readonly used: number;
}

/** Owned by one; what `shared` gave may be read by any thread at any time. */
export class LookupTables {
  #filled: { readonly table: LookupTable; used: number }[] = [];
  #shared: SharedLookup = { tables: [] };
  #slots = 0;
  #records = 0;

  /** Changes when the list grows: ask anew for every message. */
  get shared(): SharedLookup {
    return this.#shared;
  }

  get filled(): readonly FilledTable[] {
    return this.#filled;
  }

  get records(): number {
    return this.#records;
  }

  get memoryBytes(): number {
    return this.#slots * SLOT_BYTES;
  }

  /** Adds a record, unless there are enough of its chunk; false when all tables would need more than `limitBytes`. */
  insert(tag: Tag, ordinal: number, limitBytes: number): boolean {
    const last = this.#filled.at(-1);
    const isRoom = last !== undefined && last.used + 1 <= last.table.slots * MAX_LOAD;
    const target = isRoom ? last : this.#grow(this.#wantedSlots(), limitBytes);
    if (target === undefined) return false;
    if (insert(target.table, tag, ordinal)) {
      target.used++;
      this.#records++;
    }
    return true;
  }

  /** Makes room for so many more records in one table, as far as the limit allows. */
  reserve(records: number, limitBytes: number): void {
    this.#grow(slotsFor(records), limitBytes);
  }

  /** Takes over a table that was filled elsewhere. */
  adopt(filled: FilledTable): void {
    this.#push({ ...filled });
    this.#records += filled.used;
  }

  clear(): void {
    this.#filled = [];
    this.#shared = { tables: [] };
    this.#slots = 0;
    this.#records = 0;
  }

  #wantedSlots(): number {
    return this.#slots === 0 ? FIRST_SLOTS : Math.max(NEXT_SLOTS, Math.ceil(this.#slots * GROWTH));
  }

  #grow(wantedSlots: number, limitBytes: number): { readonly table: LookupTable; used: number } | undefined {
    const most = Math.min(MAX_SLOTS, Math.floor(limitBytes / SLOT_BYTES)) - this.#slots;
    const slots = Math.min(wantedSlots, most);
    if (slots < Math.max(MIN_SLOTS, this.#slots * LEAST_GROWTH)) return undefined;
    return this.#push({ table: createTable(slots), used: 0 });
  }

  #push(filled: { readonly table: LookupTable; used: number }): typeof filled {
    this.#filled.push(filled);
    this.#slots += filled.table.slots;
    this.#shared = { tables: this.#filled.map(({ table }) => table) };
    return filled;
  }
}

/** Slots of a table that holds so many records, and is then full. */
function slotsFor(records: number): number {
  return Math.max(MIN_SLOTS, Math.ceil((records + 1) / MAX_LOAD));
}

/** Records that fit into tables of so many bytes. */
export function recordsIn(limitBytes: number): number {
  return Math.floor(Math.min(MAX_SLOTS, Math.max(0, limitBytes / SLOT_BYTES)) * MAX_LOAD);
}
