/**
 * The table of known chunks in shared memory: one owner writes, every thread reads, without locks. Open addressing, slots of
 * 32 bytes as eight 32-bit words:
 *
 *   0–3 first 16 bytes of the chunk id    4 number of the pack + 1; 0: the slot is empty
 *   5 offset   6 stored length   7 plain length
 *
 * Word 4 is written last and read first: a thread sees a slot whole or empty. A thread with an older table only misses
 * chunks, which are then asked for again by the owner.
 */
const WORDS = 8;
const KEY_WORDS = 4;
const PACK_WORD = 4;

/** What a thread needs; goes by message without a copy. */
export interface SharedLookup {
  readonly memory: SharedArrayBuffer;
  readonly slots: number;
}

/** A place with the pack as a number of the owner. */
export interface TablePlace {
  readonly packNo: number;
  readonly offset: number;
  readonly storedLength: number;
  readonly plainLength: number;
}

export function createTable(slots: number): SharedLookup {
  return { memory: new SharedArrayBuffer(slots * WORDS * 4), slots };
}

/** Whether a chunk with this id is known. Any thread. */
export function lookupHas(shared: SharedLookup, id: Uint8Array): boolean {
  return !placesOf(shared, id).next().done;
}

/** All places that are known for an id; equal chunks may have been stored twice. Any thread. */
export function* placesOf(shared: SharedLookup, id: Uint8Array): Generator<TablePlace, undefined> {
  const table = new Uint32Array(shared.memory);
  const key = keyOf(id);
  for (let slot = homeOf(key, shared.slots); ; slot = (slot + 1) % shared.slots) {
    const at = slot * WORDS;
    const pack = Atomics.load(table, at + PACK_WORD);
    if (pack === 0) return undefined;
    if (hasKey(table, at, key)) yield placeAt(table, at);
  }
}

/** Adds a place. Only the owner; at least one slot must stay empty. */
export function insert(shared: SharedLookup, id: Uint8Array, place: TablePlace): void {
  insertKey(new Uint32Array(shared.memory), shared.slots, keyOf(id), place);
}

/** Adds everything that `from` holds to `to`. Only the owner. */
export function copyTable(from: SharedLookup, to: SharedLookup): void {
  const source = new Uint32Array(from.memory);
  const target = new Uint32Array(to.memory);
  for (let at = 0; at < source.length; at += WORDS) {
    if (Atomics.load(source, at + PACK_WORD) === 0) continue;
    insertKey(target, to.slots, source.subarray(at, at + KEY_WORDS), placeAt(source, at));
  }
}

function insertKey(table: Uint32Array, slots: number, key: Uint32Array, place: TablePlace): void {
  let slot = homeOf(key, slots);
  while (Atomics.load(table, slot * WORDS + PACK_WORD) !== 0) slot = (slot + 1) % slots;
  const at = slot * WORDS;
  table.set(key, at);
  table.set([place.offset, place.storedLength, place.plainLength], at + PACK_WORD + 1);
  Atomics.store(table, at + PACK_WORD, place.packNo + 1);
}

function keyOf(id: Uint8Array): Uint32Array {
  const key = new Uint32Array(KEY_WORDS);
  new Uint8Array(key.buffer).set(id.subarray(0, KEY_WORDS * 4));
  return key;
}

/** Ids are evenly spread, so the first word alone spreads them over the slots. */
function homeOf(key: Uint32Array, slots: number): number {
  return Math.floor((Atomics.load(key, 0) / 2 ** 32) * slots);
}

function hasKey(table: Uint32Array, at: number, key: Uint32Array): boolean {
  return (
    table[at] === key[0] && table[at + 1] === key[1] && table[at + 2] === key[2] && table[at + 3] === key[3]
  );
}

function placeAt(table: Uint32Array, at: number): TablePlace {
  return {
    packNo: Atomics.load(table, at + PACK_WORD) - 1,
    offset: Atomics.load(table, at + 5),
    storedLength: Atomics.load(table, at + 6),
    plainLength: Atomics.load(table, at + 7),
  };
}
