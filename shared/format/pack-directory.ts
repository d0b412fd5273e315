/**
 * The directory at the end of a pack: where each chunk lies, readable without the chunks. docs/format/device.md §4.
 *
 *   entry, 48 bytes                              footer, 44 bytes
 *    0 32 chunk id                                0 16 pack id
 *   32  4 offset of the record                   16  4 version (1)
 *   36  4 stored length                          20  4 offset of the directory
 *   40  4 plain length                           24  4 number of entries
 *   44  1 codec   45 1 flags   46 2 zero         28  4 CRC-32 of the entries
 *                                                32  4 CRC-32 of footer bytes 0–31
 *                                                36  8 magic
 *
 * Records follow each other without gap, so the entries account for every byte between header and directory.
 */
import { crc32 } from 'node:zlib';
import { ByteReader, invalid, unknownVersion } from './byte-reader.ts';
import { CHUNK_ID_BYTES, fromHex, magicOf, sameBytes, toHex } from './hash.ts';
import {
  CHUNK_HEADER_BYTES,
  PACK_HEADER_BYTES,
  PACK_ID_BYTES,
  PACK_VERSION,
  type RecordFields,
  checkLengths,
  codecField,
  decodeCodecField,
} from './pack.ts';

export const DIRECTORY_ENTRY_BYTES = 48;
export const PACK_FOOTER_BYTES = 44;

const FOOTER_MAGIC = magicOf('Blockhouse pack directory', 8);

/** A chunk record and where it begins in its pack. */
export interface PackEntry extends RecordFields {
  readonly offset: number;
}

export interface PackFooter {
  readonly directoryOffset: number;
  readonly entries: number;
  readonly directoryCrc: number;
}

/** What a pack ends with: directory and footer. The directory begins where the last record ends. */
export function encodePackEnd(
  packId: string,
  directoryOffset: number,
  entries: readonly PackEntry[],
): Uint8Array {
  const bytes = new Uint8Array(entries.length * DIRECTORY_ENTRY_BYTES + PACK_FOOTER_BYTES);
  const view = new DataView(bytes.buffer);
  entries.forEach((entry, i) => {
    const at = i * DIRECTORY_ENTRY_BYTES;
    writeEntryPlace(bytes, i, entry);
    view.setUint32(at + 44, codecField(entry), true);
  });
  const at = entries.length * DIRECTORY_ENTRY_BYTES;
  bytes.set(fromHex(packId, PACK_ID_BYTES), at);
  view.setUint32(at + 16, PACK_VERSION, true);
  view.setUint32(at + 20, directoryOffset, true);
  view.setUint32(at + 24, entries.length, true);
  view.setUint32(at + 28, crc32(bytes.subarray(0, at)), true);
  view.setUint32(at + 32, crc32(bytes.subarray(at, at + 32)), true);
  bytes.set(FOOTER_MAGIC, at + 36);
  return bytes;
}

/**
 * The footer, from the last 44 bytes of a pack of `packBytes`.
 * @throws AppError `FORMAT_INVALID` also when the pack is another one or the directory does not fill the space before
 *         the footer; `FORMAT_VERSION_UNKNOWN`
 */
export function decodePackFooter(
  bytes: Uint8Array,
  pack: { readonly packId: string; readonly lengthBytes: number },
): PackFooter {
  const what = `the directory of pack ${pack.packId}`;
  const reader = new ByteReader(bytes, what);
  const packId = toHex(reader.bytes(PACK_ID_BYTES));
  const version = reader.u32();
  const directoryOffset = reader.u32();
  const entries = reader.u32();
  const directoryCrc = reader.u32();
  const crc = reader.u32();
  if (!sameBytes(reader.bytes(8), FOOTER_MAGIC)) throw invalid(what, 'the pack does not end with it');
  if (version > PACK_VERSION) throw unknownVersion(what, `its version is ${version}`, { version });
  const isSound = crc === crc32(bytes.subarray(0, 32)) && version === PACK_VERSION;
  if (!isSound) throw invalid(what, 'its footer is damaged');
  if (packId !== pack.packId) throw invalid(what, `the file holds pack ${packId}`, { packId });
  const end = directoryOffset + entries * DIRECTORY_ENTRY_BYTES + PACK_FOOTER_BYTES;
  if (end !== pack.lengthBytes) throw invalid(what, `the pack has ${pack.lengthBytes} bytes, not ${end}`);
  return { directoryOffset, entries, directoryCrc };
}

/**
 * The entries; their ids are views on `bytes`.
 * @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`
 */
export function decodeDirectory(bytes: Uint8Array, footer: PackFooter, packId: string): PackEntry[] {
  const what = `the directory of pack ${packId}`;
  const reader = new ByteReader(bytes, what);
  if (crc32(bytes) !== footer.directoryCrc) throw invalid(what, 'it is damaged');
  const entries: PackEntry[] = [];
  let position = PACK_HEADER_BYTES;
  for (let i = 0; i < footer.entries; i++) {
    const entry = decodeEntry(reader, what);
    if (entry.offset !== position)
      throw invalid(what, `entry ${i} is out of place`, { offset: entry.offset });
    position += CHUNK_HEADER_BYTES + entry.storedLength;
    entries.push(entry);
  }
  if (position !== footer.directoryOffset) throw invalid(what, 'its entries do not fill the pack');
  return entries;
}

function decodeEntry(reader: ByteReader, what: string): PackEntry {
  const id = reader.bytes(CHUNK_ID_BYTES);
  const offset = reader.u32();
  const storedLength = reader.u32();
  const plainLength = reader.u32();
  const entry = { id, offset, storedLength, plainLength, ...decodeCodecField(reader.u32(), what) };
  checkLengths(entry, what);
  return entry;
}

/** What of an entry says which chunk lies where. */
export type EntryPlace = Pick<PackEntry, 'id' | 'offset' | 'storedLength' | 'plainLength'>;

/** Writes the first 44 bytes of entry `i` of a directory. */
export function writeEntryPlace(directory: Uint8Array, i: number, place: EntryPlace): void {
  const at = i * DIRECTORY_ENTRY_BYTES;
  const view = new DataView(directory.buffer, directory.byteOffset + at, DIRECTORY_ENTRY_BYTES);
  directory.set(place.id, at);
  view.setUint32(32, place.offset, true);
  view.setUint32(36, place.storedLength, true);
  view.setUint32(40, place.plainLength, true);
}

/** The same of entry `i` of a directory that was checked; undefined when it has no such entry. `id` is a view. */
export function readEntryPlace(directory: Uint8Array, i: number): EntryPlace | undefined {
  const at = i * DIRECTORY_ENTRY_BYTES;
  if (at + DIRECTORY_ENTRY_BYTES > directory.length) return undefined;
  const view = new DataView(directory.buffer, directory.byteOffset + at, DIRECTORY_ENTRY_BYTES);
  return {
    id: directory.subarray(at, at + CHUNK_ID_BYTES),
    offset: view.getUint32(32, true),
    storedLength: view.getUint32(36, true),
    plainLength: view.getUint32(40, true),
  };
}
