/**
 * The packs of a device: header, footer and directory against the file's length, records against the directory, and when it is
 * asked for every payload against its CRC. None of it needs a key.
 */
import { crc32 } from 'node:zlib';
import { type AppError, hasCode } from '../../shared/base/errors.ts';
import { MiB } from '../../shared/base/units.ts';
import { invalid } from '../../shared/format/byte-reader.ts';
import { sameBytes } from '../../shared/format/hash.ts';
import { packName } from '../../shared/format/names.ts';
import { type EntryPlace } from '../../shared/format/pack-directory.ts';
import {
  CHUNK_HEADER_BYTES,
  type ChunkHeader,
  MAX_STORED_BYTES,
  PACK_HEADER_BYTES,
  decodeChunkHeader,
  decodePackHeader,
} from '../../shared/format/pack.ts';
import { forEachLimit } from '../../shared/repository/lanes.ts';
import { type Check, isDamage, reasonOf } from './check.ts';
import { RecordList } from './record-list.ts';

const PACKS_IN_FLIGHT = 4;
/** Records whose headers are compared when payloads are not read: the first, the last and some between. */
const SAMPLES = 8;
const READ_BYTES = CHUNK_HEADER_BYTES + MAX_STORED_BYTES + 4 * MiB;

/** Fills `check.packFaults` and the numbers of all records. */
export async function checkPacks(check: Check): Promise<void> {
  const { packs } = check.survey;
  const { payloads } = check.options;
  const unit = payloads ? 'bytes' : 'objects';
  let done = 0;
  const numbers = Array.from({ length: PACKS_IN_FLIGHT }, (_, i) => i);
  await Promise.all(
    numbers.map(async (first) => {
      const buffer = new Uint8Array(payloads ? READ_BYTES : 0);
      for (let pack = first; pack < packs.count; pack += PACKS_IN_FLIGHT) {
        await checkPack(check, pack, buffer);
        done += payloads ? packs.place(pack).lengthBytes : 1;
        check.options.progress('packs', done, payloads ? packs.bytes : packs.count, unit);
      }
    }),
  );
}

async function checkPack(check: Check, pack: number, buffer: Uint8Array): Promise<void> {
  const { packs } = check.survey;
  const content = await check.directories.read(pack);
  const entries = content?.entries ?? [];
  packs.addRecords(pack, entries.length);
  for (const { storedLength } of entries) check.counts.recordBytes += CHUNK_HEADER_BYTES + storedLength;
  // removed since it was listed, by a reclaiming that goes on meanwhile
  if (content === undefined) return;
  check.directories.keep(pack, new RecordList(content.entries));
  const fault = content.fault ?? (await headerFault(check, pack));
  if (fault !== undefined) {
    check.faultOf(pack).reasons.push(reasonOf(fault));
    check.repairable.packs.add(pack);
  }
  if (content.fault !== undefined) return;
  const walk = check.options.payloads ? comparePayloads : compareHeaders;
  await walk(check, { pack, entries: content.entries, buffer });
}

async function headerFault(check: Check, pack: number): Promise<AppError | undefined> {
  const { packId } = check.survey.packs.place(pack);
  const name = packName(packId);
  try {
    const bytes = new Uint8Array(PACK_HEADER_BYTES);
    await check.storage.readRange(name, 0, bytes);
    const header = decodePackHeader(bytes, `the header of pack ${packId}`);
    if (header.packId === packId) return undefined;
    return invalid(`the header of pack ${packId}`, `it is of pack ${header.packId}`);
  } catch (error) {
    if (isDamage(error)) return error;
    throw error;
  }
}

interface PackWalk {
  readonly pack: number;
  readonly entries: readonly EntryPlace[];
  readonly buffer: Uint8Array;
}

async function compareHeaders(check: Check, { pack, entries }: PackWalk): Promise<void> {
  const name = packName(check.survey.packs.place(pack).packId);
  const step = Math.max(1, (entries.length - 1) / (SAMPLES - 1));
  const wanted = new Set<number>();
  for (let at = 0; at < entries.length; at += step) wanted.add(Math.round(at));
  if (entries.length > 0) wanted.add(entries.length - 1);
  await forEachLimit(wanted, 2, async (i) => {
    const entry = entries[i];
    if (entry === undefined) return;
    const bytes = new Uint8Array(CHUNK_HEADER_BYTES);
    const isRead = await reads(check, name, entry.offset, bytes);
    if (!isRead || headerOf(bytes, entry) === undefined) check.badRecord(pack, i, entry);
    check.counts.compared++;
  });
}

async function comparePayloads(check: Check, { pack, entries, buffer }: PackWalk): Promise<void> {
  const name = packName(check.survey.packs.place(pack).packId);
  for (let i = 0; i < entries.length;) {
    check.signal.throwIfAborted();
    const group = groupFrom(entries, i, buffer.length);
    const start = group[0]?.offset ?? 0;
    const last = group.at(-1);
    const length = last === undefined ? 0 : last.offset + CHUNK_HEADER_BYTES + last.storedLength - start;
    const bytes = buffer.subarray(0, length);
    const isRead = await reads(check, name, start, bytes);
    for (const [at, entry] of group.entries()) {
      const from = entry.offset - start;
      const record = bytes.subarray(from, from + CHUNK_HEADER_BYTES + entry.storedLength);
      const isSound = isRead ? isRecordOf(record, entry) : await isSoundAlone(check, name, entry);
      if (!isSound) check.badRecord(pack, i + at, entry);
      check.counts.compared++;
      check.counts.payloadBytes += entry.storedLength;
    }
    i += group.length;
  }
}

/** Entries from `first` on that fit into one read. */
function groupFrom(entries: readonly EntryPlace[], first: number, maxBytes: number): readonly EntryPlace[] {
  const start = entries[first]?.offset ?? 0;
  let end = first + 1;
  for (; end < entries.length; end++) {
    const entry = entries[end];
    if (entry === undefined || entry.offset + CHUNK_HEADER_BYTES + entry.storedLength - start > maxBytes)
      break;
  }
  return entries.slice(first, end);
}

/** One record, where the disk below could not read it together with its neighbours. */
async function isSoundAlone(check: Check, name: string, entry: EntryPlace): Promise<boolean> {
  const bytes = new Uint8Array(CHUNK_HEADER_BYTES + entry.storedLength);
  return (await reads(check, name, entry.offset, bytes)) && isRecordOf(bytes, entry);
}

/** Whether all of the bytes could be read. */
async function reads(check: Check, name: string, offset: number, into: Uint8Array): Promise<boolean> {
  try {
    return (await check.storage.readRange(name, offset, into)) === into.length;
  } catch (error) {
    if (hasCode(error, 'REPO_READ_FAILED', 'REPO_OBJECT_MISSING')) return false;
    throw error;
  }
}

/** The header of a record when it is the one that the directory says; else undefined. */
function headerOf(bytes: Uint8Array, entry: EntryPlace): ChunkHeader | undefined {
  try {
    const header = decodeChunkHeader(bytes, 'a record');
    const isIt =
      sameBytes(header.id, entry.id) &&
      header.plainLength === entry.plainLength &&
      header.storedLength === entry.storedLength;
    return isIt ? header : undefined;
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}

function isRecordOf(record: Uint8Array, entry: EntryPlace): boolean {
  return crc32(record.subarray(CHUNK_HEADER_BYTES)) === headerOf(record, entry)?.payloadCrc;
}
