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
  for (let slot = homeOf(Number(key[0]), shared.slots); ; slot = (slot + 1) % shared.slots) {
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

/** Adds everything that `from` holds to `to`, which no thread has yet. Only the owner. */
export function copyTable(from: SharedLookup, to: SharedLookup): void {
  const source = new Uint32Array(from.memory);
  const target = new Uint32Array(to.memory);
  for (let at = 0; at < source.length; at += WORDS) {
    if (source[at + PACK_WORD] === 0) continue;
    let slot = homeOf(Number(source[at]), to.slots);
    while (target[slot * WORDS + PACK_WORD] !== 0) slot = (slot + 1) % to.slots;
    for (let word = 0; word < WORDS; word++) target[slot * WORDS + word] = Number(source[at + word]);
  }
}

function insertKey(table: Uint32Array, slots: number, key: Uint32Array, place: TablePlace): void {
  let slot = homeOf(Number(key[0]), slots);
  while (table[slot * WORDS + PACK_WORD] !== 0) slot = (slot + 1) % slots;
  const at = slot * WORDS;
  for (let word = 0; word < KEY_WORDS; word++) table[at + word] = Number(key[word]);
  table[at + 5] = place.offset;
  table[at + 6] = place.storedLength;
  table[at + 7] = place.plainLength;
  Atomics.store(table, at + PACK_WORD, place.packNo + 1);
}

function keyOf(id: Uint8Array): Uint32Array {
  const key = new Uint32Array(KEY_WORDS);
  new Uint8Array(key.buffer).set(id.subarray(0, KEY_WORDS * 4));
  return key;
}

/** Ids are evenly spread, so the first word alone spreads them over the slots. */
function homeOf(firstWord: number, slots: number): number {
  return Math.floor((firstWord / 2 ** 32) * slots);
}

function hasKey(table: Uint32Array, at: number, key: Uint32Array): boolean {
  return (
    table[at] === key[0] && table[at + 1] === key[1] && table[at + 2] === key[2] && table[at + 3] === key[3]
  );
}

function placeAt(table: Uint32Array, at: number): TablePlace {
  return {
    packNo: Number(table[at + PACK_WORD]) - 1,
    offset: Number(table[at + 5]),
    storedLength: Number(table[at + 6]),
    plainLength: Number(table[at + 7]),
  };
}
