/**
 * Records in use as rows of fixed length, for sorting outside of memory.
 *
 *   place, 40 bytes: 0 16 pack id │ 16 4 offset │ 20 16 tag: first bytes of the chunk id │ 36 1 hops │ 37 3 stored length
 *   twin, 64 bytes:  a place, then where an equal record stays: 40 16 pack id │ 56 4 offset │ 60 4 stored length
 *
 * Numbers are big-endian, so that rows sort by pack and offset.
 */
import { fromHex, toHex } from '../../shared/format/hash.ts';
import { PACK_ID_BYTES } from '../../shared/format/pack.ts';

export const PLACE_BYTES = 40;
export const TWIN_BYTES = 64;
/** Pack id and offset. */
export const PLACE_KEY_BYTES = 20;
export const TAG_BYTES = 16;

/** A record that restore points use. */
export interface UsedPlace {
  readonly offset: number;
  readonly storedLength: number;
  readonly tag: Uint8Array;
  /** How often records that an index names have moved until they were here. */
  readonly hops: number;
}

export interface Place {
  readonly packId: string;
  readonly offset: number;
  readonly storedLength: number;
}

/** Fills a row of which the pack id is written by the caller. */
export function writePlace(row: Uint8Array, place: UsedPlace): void {
  const view = new DataView(row.buffer, row.byteOffset, PLACE_BYTES);
  view.setUint32(16, place.offset);
  row.set(place.tag.subarray(0, TAG_BYTES), 20);
  view.setUint32(36, place.hops * 2 ** 24 + place.storedLength);
}

export function writePackId(row: Uint8Array, packId: string, at = 0): void {
  row.set(fromHex(packId, PACK_ID_BYTES), at);
}

export function readPlace(row: Uint8Array): UsedPlace {
  const view = new DataView(row.buffer, row.byteOffset, PLACE_BYTES);
  const last = view.getUint32(36);
  return {
    offset: view.getUint32(16),
    storedLength: last % 2 ** 24,
    tag: row.slice(20, 20 + TAG_BYTES),
    hops: Math.floor(last / 2 ** 24),
  };
}

/** Adds to a row with a place where its twin stays. */
export function writeTwin(row: Uint8Array, stays: Place): void {
  const view = new DataView(row.buffer, row.byteOffset, TWIN_BYTES);
  writePackId(row, stays.packId, 40);
  view.setUint32(56, stays.offset);
  view.setUint32(60, stays.storedLength);
}

export function readTwin(row: Uint8Array): Place {
  const view = new DataView(row.buffer, row.byteOffset, TWIN_BYTES);
  return {
    packId: toHex(row.subarray(40, 56)),
    offset: view.getUint32(56),
    storedLength: view.getUint32(60),
  };
}

/** The rows of one pack, in the order of their offsets. */
export interface PackRows {
  readonly packId: string;
  readonly rows: readonly Uint8Array[];
}

/** Sorted rows pack by pack; of rows with the same place the one with the most hops. */
export async function* rowsByPack(sorted: AsyncIterable<Uint8Array>): AsyncGenerator<PackRows> {
  let rows: Uint8Array[] = [];
  for await (const row of sorted) {
    const last = rows.at(-1);
    if (last !== undefined && !hasSameBytes(last, row, PACK_ID_BYTES)) {
      yield { packId: packIdOfRow(last), rows };
      rows = [];
    } else if (last !== undefined && hasSameBytes(last, row, PLACE_KEY_BYTES)) {
      if (Number(row[36]) > Number(last[36])) last[36] = Number(row[36]);
      continue;
    }
    rows.push(row.slice());
  }
  const last = rows.at(-1);
  if (last !== undefined) yield { packId: packIdOfRow(last), rows };
}

function packIdOfRow(row: Uint8Array): string {
  return toHex(row.subarray(0, PACK_ID_BYTES));
}

function hasSameBytes(a: Uint8Array, b: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}
