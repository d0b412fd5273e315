/**
 * The bytes of a lookup cache. Pure.
 *
 *   header │ tables: slots, used │ pack ids │ bases │ lengths │ CRC-32 │ slots of all tables │ CRC-32
 *
 * Header, 16 words of 32 bits in the byte order of the machine (another order is another version):
 *   0–1 magic    2 version (1)    3 packs    4–7 device id    8 tables    9 least size class
 *   10–11 left out    12–13 of those, large ones    14 records of all packs    15 CRC-32 of words 0–14
 */
import { crc32 } from 'node:zlib';
import { fromHex, magicOf } from '../format/hash.ts';
import { PACK_ID_BYTES } from '../format/pack.ts';
import { type ChoiceCounts, type ChunkIndex } from './chunk-index.ts';
import { LookupPacks, ROW_PROVEN } from './lookup-packs.ts';

const VERSION = 1;
const MAGIC = magicOf('Blockhouse lookup cache', 8);
const HEADER_WORDS = 16;
export const HEADER_BYTES = HEADER_WORDS * 4;
export const CRC_BYTES = 4;
const PACK_BYTES = 24;
const MAX_TABLES = 256;

export interface TableSize {
  readonly slots: number;
  readonly used: number;
}

export function encodeHeader(deviceId: string, { packs, choice }: ChunkIndex, tables: number): Uint8Array {
  const words = new Uint32Array(HEADER_WORDS);
  const bytes = new Uint8Array(words.buffer);
  bytes.set(MAGIC);
  words.set([VERSION, packs.rows], 2);
  bytes.set(fromHex(deviceId, 16), 16);
  words.set([tables, choice.leastClass, ...split(choice.leftOut), ...split(choice.leftOutLarge)], 8);
  words[14] = packs.records;
  words[15] = crc32(bytes.subarray(0, HEADER_BYTES - CRC_BYTES));
  return bytes;
}

export function encodeBody(index: ChunkIndex, tables: Parameters<typeof encodeTables>[0]): Uint8Array {
  const { ids, bases, lengths } = index.packs.columns;
  // a pack without a sound directory is to be looked at anew, so its length is one that it cannot have
  const checked = lengths.map((length, row) => (index.packs.has(row, ROW_PROVEN) ? 0 : length));
  return Buffer.concat([encodeTables(tables), ids, bytesOf(bases), bytesOf(checked)]);
}

function encodeTables(tables: readonly { table: { slots: number }; used: number }[]): Uint8Array {
  return bytesOf(Uint32Array.from(tables.flatMap(({ table, used }) => [table.slots, used])));
}

export interface Header {
  readonly rows: number;
  readonly tables: number;
  readonly records: number;
  readonly choice: ChoiceCounts;
}

export function headerOf(words: Uint32Array | undefined, deviceId: string): Header | undefined {
  if (words === undefined) return undefined;
  const bytes = new Uint8Array(words.buffer);
  const word = (at: number): number => Number(words[at]);
  const expected = Buffer.concat([MAGIC, wordBytes(VERSION), wordBytes(word(3)), fromHex(deviceId, 16)]);
  const isOurs = expected.equals(bytes.subarray(0, expected.length));
  if (!isOurs || word(15) !== crc32(bytes.subarray(0, HEADER_BYTES - CRC_BYTES))) return undefined;
  if (word(8) > MAX_TABLES) return undefined;
  const leftOut = joined(word(10), word(11));
  const leftOutLarge = joined(word(12), word(13));
  const choice = { leastClass: word(9), leftOut, leftOutLarge };
  return { rows: word(3), tables: word(8), records: word(14), choice };
}

export function tablesIn(words: Uint32Array): TableSize[] {
  const tables: TableSize[] = [];
  for (let at = 0; at + 1 < words.length; at += 2) {
    tables.push({ slots: Number(words[at]), used: Number(words[at + 1]) });
  }
  return tables;
}

export function packsIn(words: Uint32Array, { rows, records }: Header): LookupPacks {
  const ids = new Uint8Array(words.buffer, words.byteOffset, rows * PACK_ID_BYTES);
  const [bases, lengths] = [words.subarray(rows * 4, rows * 5), words.subarray(rows * 5, rows * 6)];
  return LookupPacks.from({ ids, bases, lengths }, records);
}

export function packsLength({ rows, tables }: Header): number {
  return tables * 8 + rows * PACK_BYTES;
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

export function wordBytes(word: number): Uint8Array {
  return bytesOf(Uint32Array.of(word));
}

function split(value: number): [number, number] {
  return [value % 2 ** 32, Math.floor(value / 2 ** 32)];
}

function joined(low: number, high: number): number {
  return high * 2 ** 32 + low;
}
