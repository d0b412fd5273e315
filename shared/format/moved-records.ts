/**
 * `moved/<pack id>`: where the records of a pack went that was rewritten. docs/format/device.md §10.
 *
 *   header, 32 bytes                     entry, 28 bytes
 *    0  8 magic                           0  4 old offset
 *    8  4 version (1)                     4 16 new pack id
 *   12  4 number of entries              20  4 new offset
 *   16 16 pack id                        24  4 stored length
 *   32    entries in the order of their old offset
 *    …    32 bytes SHA-256 of everything before
 */
import { hash } from 'node:crypto';
import { ByteReader, invalid, unknownVersion } from './byte-reader.ts';
import { CHUNK_ID_BYTES, fromHex, magicOf, sameBytes, toHex } from './hash.ts';
import { MAX_STORED_BYTES, PACK_HEADER_BYTES, PACK_ID_BYTES } from './pack.ts';

const MOVED_VERSION = 1;
const HEADER_BYTES = 32;
const ENTRY_BYTES = 28;
const MAGIC = magicOf('Blockhouse moved records', 8);

export interface MovedRecord {
  /** Where the record began in the pack that was rewritten. */
  readonly oldOffset: number;
  readonly packId: string;
  readonly offset: number;
  /** As before: records are copied as they are. */
  readonly storedLength: number;
}

/**
 * @param records - in the order of their old offset
 * @throws AppError `FORMAT_INVALID` when they are not in order, or a place cannot be
 */
export function encodeMovedRecords(packId: string, records: readonly MovedRecord[]): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + records.length * ENTRY_BYTES + CHUNK_ID_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, MOVED_VERSION, true);
  view.setUint32(12, records.length, true);
  bytes.set(fromHex(packId, PACK_ID_BYTES), 16);
  records.forEach((record, i) => {
    const at = HEADER_BYTES + i * ENTRY_BYTES;
    view.setUint32(at, record.oldOffset, true);
    bytes.set(fromHex(record.packId, PACK_ID_BYTES), at + 4);
    view.setUint32(at + 20, record.offset, true);
    view.setUint32(at + 24, record.storedLength, true);
  });
  checkRecords(records, `the new list of moved records of pack ${packId}`);
  const end = bytes.length - CHUNK_ID_BYTES;
  bytes.set(hash('sha256', bytes.subarray(0, end), 'buffer'), end);
  return bytes;
}

/**
 * The records that moved, in the order of their old offset.
 * @param packId - the pack that the object's name says
 * @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`
 */
export function decodeMovedRecords(bytes: Uint8Array, packId: string): MovedRecord[] {
  const what = `the moved records of pack ${packId}`;
  const reader = new ByteReader(bytes, what);
  if (!sameBytes(reader.bytes(8), MAGIC)) throw invalid(what, 'they do not begin like it');
  const version = reader.u32();
  if (version > MOVED_VERSION) throw unknownVersion(what, `their version is ${version}`, { version });
  const count = reader.u32();
  const found = toHex(reader.bytes(PACK_ID_BYTES));
  const expected = HEADER_BYTES + count * ENTRY_BYTES + CHUNK_ID_BYTES;
  if (bytes.length !== expected) throw invalid(what, `they have ${bytes.length} bytes, not ${expected}`);
  const end = bytes.length - CHUNK_ID_BYTES;
  const isSound =
    version === MOVED_VERSION &&
    sameBytes(hash('sha256', bytes.subarray(0, end), 'buffer'), bytes.subarray(end));
  if (!isSound) throw invalid(what, 'their content is damaged');
  if (found !== packId) throw invalid(what, `they are of pack ${found}`, { packId: found });
  const records = Array.from({ length: count }, () => ({
    oldOffset: reader.u32(),
    packId: toHex(reader.bytes(PACK_ID_BYTES)),
    offset: reader.u32(),
    storedLength: reader.u32(),
  }));
  checkRecords(records, what);
  return records;
}

function checkRecords(records: readonly MovedRecord[], what: string): void {
  let before = 0;
  for (const { oldOffset, offset, storedLength } of records) {
    const isPossible =
      oldOffset >= PACK_HEADER_BYTES &&
      offset >= PACK_HEADER_BYTES &&
      storedLength > 0 &&
      storedLength <= MAX_STORED_BYTES;
    if (!isPossible || oldOffset <= before) throw invalid(what, `the record at ${oldOffset} is out of place`);
    before = oldOffset;
  }
}
