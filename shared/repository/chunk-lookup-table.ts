/**
 * The tables of known chunks in shared memory: one owner writes, every thread reads, without locks. Open addressing, slots
 * of 12 bytes as three 32-bit words:
 *
 *   0–1 first 8 bytes of the chunk id    2 ordinal of the record + 1; 0: the slot is empty
 *
 * Word 2 is written last and read first: a thread sees a slot whole or empty. A full table is not copied into a larger
 * one; another is added behind it. A thread that has an older list of tables only misses chunks, which are then asked for
 * again by the owner. Two ids with the same first 8 bytes are told apart by the owner, from the directory of the pack.
 */
const WORDS = 3;
const ORDINAL_WORD = 2;

export const SLOT_BYTES = WORDS * 4;

/** Linear probing stays short up to here. */
export const MAX_LOAD = 0.85;

/** More records of one chunk are of no use, and would make probing long. */
const MAX_SAME = 16;

/** One table; goes by message without a copy. */
export interface LookupTable {
  readonly memory: SharedArrayBuffer;
  readonly slots: number;
}

/** What a thread needs: every table known when it was asked for. */
export interface SharedLookup {
  readonly tables: readonly LookupTable[];
}

/** Knows no chunk. */
export const EMPTY_LOOKUP: SharedLookup = { tables: [] };

/** The first 8 bytes of a chunk id. Ids are evenly spread, so the first word alone spreads them over the slots. */
export interface Tag {
  readonly first: number;
  readonly second: number;
}

export function createTable(slots: number): LookupTable {
  return { memory: new SharedArrayBuffer(slots * SLOT_BYTES), slots };
}

export function tagOf(id: Uint8Array): Tag {
  return { first: wordAt(id, 0), second: wordAt(id, 4) };
}

/** Whether a chunk with this id may be known; wrong for one id in some 10^12 or less. Any thread. */
export function lookupHas(shared: SharedLookup, id: Uint8Array): boolean {
  const tag = tagOf(id);
  return shared.tables.some((table) => probe(table, tag, () => true));
}

/** Ordinals of all records that may hold the chunk. Any thread. */
export function ordinalsOf(shared: SharedLookup, id: Uint8Array): number[] {
  const tag = tagOf(id);
  const found: number[] = [];
  for (const table of shared.tables) {
    probe(table, tag, (ordinal) => {
      found.push(ordinal);
      return false;
    });
  }
  return found;
}

/** Adds a record, unless the table is full or has enough of this chunk; tells whether it did. Only the owner. */
export function insert(table: LookupTable, tag: Tag, ordinal: number): boolean {
  const words = new Uint32Array(table.memory);
  let same = 0;
  for (let step = 0, slot = homeOf(tag, table.slots); step < table.slots; step++) {
    const at = slot * WORDS;
    if (words[at + ORDINAL_WORD] === 0) {
      words[at] = tag.first;
      words[at + 1] = tag.second;
      Atomics.store(words, at + ORDINAL_WORD, ordinal + 1);
      return true;
    }
    if (words[at] === tag.first && words[at + 1] === tag.second && ++same === MAX_SAME) return false;
    slot = slot + 1 === table.slots ? 0 : slot + 1;
  }
  return false;
}

/** Gives every record of a piece of a table, which is whole slots. */
export function eachRecord(slots: Uint32Array, take: (tag: Tag, ordinal: number) => void): void {
  for (let at = 0; at + WORDS <= slots.length; at += WORDS) {
    const mark = Number(slots[at + ORDINAL_WORD]);
    if (mark !== 0) take({ first: Number(slots[at]), second: Number(slots[at + 1]) }, mark - 1);
  }
}

/** Goes over the records with this tag until `isEnough`; ends after one round also in a table without an empty slot. */
function probe(table: LookupTable, tag: Tag, isEnough: (ordinal: number) => boolean): boolean {
  const words = new Uint32Array(table.memory);
  for (let step = 0, slot = homeOf(tag, table.slots); step < table.slots; step++) {
    const at = slot * WORDS;
    const mark = Atomics.load(words, at + ORDINAL_WORD);
    if (mark === 0) return false;
    if (words[at] === tag.first && words[at + 1] === tag.second && isEnough(mark - 1)) return true;
    slot = slot + 1 === table.slots ? 0 : slot + 1;
  }
  return false;
}

function homeOf({ first }: Tag, slots: number): number {
  return Math.floor((first / 2 ** 32) * slots);
}

function wordAt(id: Uint8Array, at: number): number {
  const high = Number(id[at + 3]) * 2 ** 24;
  return high + (Number(id[at]) | (Number(id[at + 1]) << 8) | (Number(id[at + 2]) << 16));
}
