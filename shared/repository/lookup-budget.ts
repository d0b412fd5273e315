/** How much memory the lookup of a device may take, and which chunks are left out when that is not enough. Pure. */
import { MiB, TiB } from '../base/units.ts';
import { MAX_CHUNK_BYTES } from '../format/pack.ts';

const LEAST_BYTES = 16 * MiB;
const BYTES_PER_TIB = 40 * MiB;
/** Of the packs alone: a device of tiny packs must not push the chunks out. */
const PACKS_SHARE = 0.25;
const PACKS_RESERVE = 1 / 16;
/** When not everything fits: how much is filled from the device, so that the next chunks have room too. */
const FILL = 0.875;
/** A lookup from the cache may fall behind the best choice by so much before the directories are read again. */
const TOLERANCE = 0.25;
/** Powers of two up to the largest chunk. */
const CLASSES = sizeClass(MAX_CHUNK_BYTES) + 1;

/** Bytes that table and packs may take together, from the bytes stored on the device. */
export function budgetFor(storedBytes: number): number {
  return Math.max(LEAST_BYTES, Math.floor((storedBytes / TiB) * BYTES_PER_TIB));
}

export function packsLimit(budgetBytes: number): number {
  return Math.floor(budgetBytes * PACKS_SHARE);
}

/** What the packs leave to the tables; a part stays free for packs that are to come. */
export function tablesLimit(budgetBytes: number, packsBytes: number): number {
  return Math.floor(Math.min(budgetBytes - packsBytes, budgetBytes * (1 - PACKS_RESERVE)));
}

/** The power of two that a chunk has reached: 20 for 1 MiB and all below 2 MiB. */
export function sizeClass(plainLength: number): number {
  return 31 - Math.clz32(plainLength);
}

/** Records by size class. */
export function createHistogram(): number[] {
  return new Array<number>(CLASSES).fill(0);
}

/** Classes above `leastClass` go in, of that one `room` records, smaller ones not at all. */
export interface Admission {
  readonly leastClass: number;
  readonly room: number;
}

export const ADMIT_ALL: Admission = { leastClass: 0, room: Infinity };

/** The largest chunks first, as many as a table for `capacity` records should be filled with. */
export function chooseAdmission(histogram: readonly number[], capacity: number): Admission {
  let room = Math.floor(capacity * FILL);
  for (let leastClass = histogram.length - 1; leastClass > 0; leastClass--) {
    const records = histogram[leastClass] ?? 0;
    if (records >= room) return { leastClass, room };
    room -= records;
  }
  return { leastClass: 0, room };
}

export interface Shortage {
  /** Records that a table of the allowed size would hold. */
  readonly capacity: number;
  readonly records: number;
  readonly leftOut: number;
  /** Of those, how many are as large as ones that were let in. */
  readonly leftOutLarge: number;
}

/** Whether a choice that was made earlier is now far from the best: read all directories and choose again. */
export function isOutdated({ capacity, records, leftOut, leftOutLarge }: Shortage): boolean {
  const much = capacity * TOLERANCE;
  const couldHold = Math.floor(capacity * FILL) - records;
  return leftOutLarge > much || (leftOut > 0 && couldHold > Math.min(much, leftOut));
}
