/**
 * The lookup of a device as a file in the state folder, so that opening a stream reads only the directories of packs that
 * are new. It may be removed at any time, is never the only place of anything, and any doubt about it means that it is not
 * used. Several workers read and replace it at once: each writes a file of its own and renames it. The layout is in
 * lookup-cache-layout.ts.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { type ChoiceCounts, type ChunkIndex } from './chunk-index.ts';
import { SLOT_BYTES, createTable, eachRecord } from './chunk-lookup-table.ts';
import { readFully, writeAll } from './local-files.ts';
import {
  CRC_BYTES,
  HEADER_BYTES,
  type Header,
  type TableSize,
  encodeBody,
  encodeHeader,
  headerOf,
  packsIn,
  packsLength,
  tablesIn,
  wordBytes,
} from './lookup-cache-layout.ts';
import { type LookupPacks } from './lookup-packs.ts';

/** Whole slots. */
const PIECE_BYTES = SLOT_BYTES * 2 ** 17;
/** An unfinished file that is so much older than a new one was left by a crash. */
const ABANDONED_MS = 3_600_000;

export interface LookupCacheFile {
  readonly file: string;
  readonly deviceId: string;
}

/** A cache whose header and packs were read and are sound. Owns the open file. */
export class LookupCache implements AsyncDisposable {
  readonly packs: LookupPacks;
  readonly choice: ChoiceCounts;
  readonly tables: readonly TableSize[];
  readonly #handle: FileHandle;
  readonly #slotsAt: number;

  private constructor(handle: FileHandle, header: Header, body: Body) {
    this.#handle = handle;
    this.#slotsAt = HEADER_BYTES + packsLength(header) + CRC_BYTES;
    this.packs = body.packs;
    this.tables = body.tables;
    this.choice = header.choice;
  }

  /** The cache of a device, or undefined when there is none that can be used. */
  static async open({ file, deviceId }: LookupCacheFile): Promise<LookupCache | undefined> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(file, 'r');
      const header = headerOf(await readWords(handle, 0, HEADER_BYTES), deviceId);
      const body = header && (await readBody(handle, header));
      if (header !== undefined && body !== undefined) return new LookupCache(handle, header, body);
    } catch {
      // as good as none
    }
    await handle?.close();
    return undefined;
  }

  /** Records in all tables. */
  get records(): number {
    return this.tables.reduce((sum, { used }) => sum + used, 0);
  }

  get slots(): number {
    return this.tables.reduce((sum, { slots }) => sum + slots, 0);
  }

  /** Gives `index` the tables as they are. False when the file is damaged: the index is of no use then. */
  async takeTables(index: ChunkIndex): Promise<boolean> {
    let crc = 0;
    let at = this.#slotsAt;
    for (const { slots, used } of this.tables) {
      const table = createTable(slots);
      const bytes = new Uint8Array(table.memory);
      if ((await readFully(this.#handle, at, bytes)) < bytes.length) return false;
      crc = crc32(bytes, crc);
      at += bytes.length;
      index.tables.adopt({ table, used });
    }
    return this.#endsWith(crc, at);
  }

  /** Adds record by record instead, under new ordinals; without an ordinal the record is left out. False as above. */
  async takeRecords(index: ChunkIndex, ordinalOf: (ordinal: number) => number | undefined): Promise<boolean> {
    const limitBytes = index.tablesLimit;
    const end = this.#slotsAt + this.slots * SLOT_BYTES;
    const piece = new Uint32Array(PIECE_BYTES / 4);
    let crc = 0;
    for (let at = this.#slotsAt; at < end;) {
      const bytes = new Uint8Array(piece.buffer, 0, Math.min(PIECE_BYTES, end - at));
      if ((await readFully(this.#handle, at, bytes)) < bytes.length) return false;
      crc = crc32(bytes, crc);
      at += bytes.length;
      eachRecord(piece.subarray(0, bytes.length / 4), (tag, old) => {
        const ordinal = ordinalOf(old);
        if (ordinal !== undefined) index.tables.insert(tag, ordinal, limitBytes);
      });
    }
    return this.#endsWith(crc, end);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async #endsWith(crc: number, at: number): Promise<boolean> {
    const words = await readWords(this.#handle, at, CRC_BYTES);
    return words?.[0] === crc;
  }
}

/** Writes the cache anew; @throws raw errors of the system, and then the file is what it was. */
export async function saveLookupCache(cache: LookupCacheFile, index: ChunkIndex): Promise<void> {
  const folder = path.dirname(cache.file);
  await mkdir(folder, { recursive: true });
  const aside = `${cache.file}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  try {
    await using handle = await open(aside, 'wx', 0o600);
    await writeCache(handle, cache.deviceId, index);
    await removeAbandoned(cache.file, (await handle.stat()).mtimeMs);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
  await rename(aside, cache.file);
}

async function writeCache(handle: FileHandle, deviceId: string, index: ChunkIndex): Promise<void> {
  const tables = index.tables.filled.map(({ table, used }) => ({ table, used }));
  const body = encodeBody(index, tables);
  await writeAll(handle, encodeHeader(deviceId, index, tables.length));
  await writeAll(handle, body);
  await writeAll(handle, wordBytes(crc32(body)));
  const copy = new Uint8Array(PIECE_BYTES);
  let crc = 0;
  for (const { table } of tables) {
    const bytes = new Uint8Array(table.memory);
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const piece = copy.subarray(0, Math.min(PIECE_BYTES, bytes.length - at));
      // what is written is what the checksum says, whatever is added meanwhile
      piece.set(bytes.subarray(at, at + piece.length));
      crc = crc32(piece, crc);
      await writeAll(handle, piece);
    }
  }
  await writeAll(handle, wordBytes(crc));
}

interface Body {
  readonly tables: readonly TableSize[];
  readonly packs: LookupPacks;
}

/** Nothing is allocated by a number of the file that the file's own length does not allow. */
async function readBody(handle: FileHandle, header: Header): Promise<Body | undefined> {
  const { size } = await handle.stat();
  const length = packsLength(header);
  if (HEADER_BYTES + length + 2 * CRC_BYTES > size) return undefined;
  const words = await readWords(handle, HEADER_BYTES, length + CRC_BYTES);
  const body = words && new Uint8Array(words.buffer, 0, length);
  if (words === undefined || body === undefined || words.at(-1) !== crc32(body)) return undefined;
  const tables = tablesIn(words.subarray(0, header.tables * 2));
  const slots = tables.reduce((sum, table) => sum + table.slots, 0);
  if (size !== HEADER_BYTES + length + slots * SLOT_BYTES + 2 * CRC_BYTES) return undefined;
  return { tables, packs: packsIn(words.subarray(header.tables * 2, -1), header) };
}

async function readWords(handle: FileHandle, at: number, length: number): Promise<Uint32Array | undefined> {
  const words = new Uint32Array(length / 4);
  return (await readFully(handle, at, new Uint8Array(words.buffer))) === length ? words : undefined;
}

/** Removes what a crash left, told by its age against a file that was written just now. */
async function removeAbandoned(file: string, nowMs: number): Promise<void> {
  const folder = path.dirname(file);
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${path.basename(file)}.`) || !name.endsWith('.tmp')) continue;
    const abandoned = path.join(folder, name);
    const found = await stat(abandoned).catch(() => undefined);
    if (found !== undefined && found.mtimeMs < nowMs - ABANDONED_MS) await rm(abandoned, { force: true });
  }
}
