/**
 * All names in a directory: the entries of its root node and of every index record in use, in the order in which they lie. The tree
 * is not followed, so nothing in it can lead in circles; what an entry says is a hint, to be held against the file record.
 *
 *   $INDEX_ROOT        0 u32 type of the indexed attribute   16: header of the first node
 *   $INDEX_ALLOCATION  records "INDX", see root-index.ts      $BITMAP: a bit for each record, the lowest first, 1 = in use
 *   entry              see root-index.ts; in its $FILE_NAME: 56 u32 flags, 10000000 = a directory
 *
 * Source: docs/format/ntfs.md, sections 10 and 11.
 */
import { MiB, SECTOR_BYTES } from '../../../shared/base/units.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import { residentOf, streamOf } from './family.ts';
import { type FileReference, decodeReference } from './file-record.ts';
import { decodeFixup } from './fixup.ts';
import { type FileFamily } from './mft.ts';
import { type NtfsVolume } from './ntfs-volume.ts';
import { type Stream, placeOf, readStream, requirePlain } from './stream.ts';
import { DIRECTORY_INDEX, attributeTypes, complainOf, ntfsDamage } from './units.ts';

export interface DirectoryEntry {
  readonly reference: FileReference;
  readonly name: string;
  readonly isDirectory: boolean;
}

/** What may still be read of directories; shared by all that one search looks into. */
export interface ReadBudget {
  bytes: number;
}

const WHAT = 'directory index';
const READ_BYTES = MiB;
const IS_LAST = 2;
const MIN_ENTRY_BYTES = 16;
const FLAGS = MIN_ENTRY_BYTES + 56;
const DIRECTORY_FLAG = 0x10000000;
const NAME_LENGTH = MIN_ENTRY_BYTES + 64;
const NAME_SPACE = MIN_ENTRY_BYTES + 65;
const NAME = MIN_ENTRY_BYTES + 66;
const SHORT_NAME = 2;

/**
 * The entries of `directory`, without the 8.3 forms of long names.
 * @throws AppError `FS_STRUCTURE_INVALID` when its index cannot be read, or is larger than `budget` allows
 */
export async function* directoryEntries(
  volume: NtfsVolume,
  directory: FileFamily,
  budget: ReadBudget,
): AsyncGenerator<DirectoryEntry> {
  const root = residentOf(directory, attributeTypes.indexRoot, DIRECTORY_INDEX);
  if (root === null) throw ntfsDamage(WHAT, 'its root is missing', directory.base.at);
  const fields = fieldsOf(root.value, root.valueAt, complainOf(WHAT));
  if (fields.u32(0) !== attributeTypes.fileName) throw fields.damage('it is not of names', 0);
  yield* entriesOf(fields, 16);
  const wanted = { type: attributeTypes.indexAllocation, name: DIRECTORY_INDEX, what: WHAT };
  const stream = streamOf(volume, directory, wanted);
  if (stream === null) return;
  budget.bytes -= stream.sizeBytes;
  if (budget.bytes < 0) throw ntfsDamage(WHAT, 'there is too much of it', directory.base.at);
  const used = await usedRecords(volume, directory, requirePlain(volume, stream));
  yield* entriesOfRecords(volume, stream, used);
}

type IsUsed = (record: number) => boolean;

async function usedRecords(volume: NtfsVolume, directory: FileFamily, stream: Stream): Promise<IsUsed> {
  const lengthBytes = Math.ceil(stream.sizeBytes / volume.boot.indexBytes / 8);
  const bits = new Uint8Array(lengthBytes);
  const type = attributeTypes.indexBitmap;
  const resident = residentOf(directory, type, DIRECTORY_INDEX);
  if (resident !== null) bits.set(resident.value.subarray(0, lengthBytes));
  else {
    const bitmap = streamOf(volume, directory, { type, name: DIRECTORY_INDEX, what: WHAT });
    if (bitmap === null) throw ntfsDamage(WHAT, 'its bitmap is missing', directory.base.at);
    await readStream(volume, requirePlain(volume, bitmap), 0, bits.subarray(0, bitmap.sizeBytes));
  }
  return (record) => (((bits[record >>> 3] ?? 0) >>> (record & 7)) & 1) === 1;
}

async function* entriesOfRecords(
  volume: NtfsVolume,
  stream: Stream,
  isUsed: IsUsed,
): AsyncGenerator<DirectoryEntry> {
  const { indexBytes, clusterBytes } = volume.boot;
  const unitBytes = clusterBytes <= indexBytes ? clusterBytes : SECTOR_BYTES;
  const total = Math.floor(stream.sizeBytes / indexBytes) * indexBytes;
  const buffer = new Uint8Array(Math.min(Math.max(READ_BYTES, indexBytes), total));
  for (let start = 0; start < total; start += buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, total - start));
    await readStream(volume, stream, start, piece);
    const place = placeOf(volume, stream, start);
    for (let inPiece = 0; inPiece < piece.length; inPiece += indexBytes) {
      const offset = start + inPiece;
      if (!isUsed(offset / indexBytes)) continue;
      const at = place + inPiece;
      const bytes = decodeFixup(piece.subarray(inPiece, inPiece + indexBytes), at, 'INDX', 'index record');
      const fields = fieldsOf(bytes, at, complainOf(WHAT));
      if (fields.u64(16) !== offset / unitBytes) {
        throw fields.damage('a record of it belongs to another place', 16);
      }
      yield* entriesOf(fields, 24);
    }
  }
}

/** The entries of the node whose header begins at `headerOffset`. */
function* entriesOf(fields: Fields, headerOffset: number): Generator<DirectoryEntry> {
  const end = headerOffset + fields.u32(headerOffset + 4);
  let position = headerOffset + fields.u32(headerOffset);
  if (end > fields.lengthBytes) throw fields.damage('its entries do not fit', headerOffset + 4);
  while (position < end) {
    const length = fields.u16(position + 8);
    if (length < MIN_ENTRY_BYTES || position + length > end) {
      throw fields.damage(`an entry has ${length} bytes`, position + 8);
    }
    const entry = fieldsOf(fields.slice(position, length), fields.at + position, complainOf(WHAT));
    if ((entry.u16(12) & IS_LAST) !== 0) return;
    if (entry.u8(NAME_SPACE) !== SHORT_NAME) {
      yield {
        reference: decodeReference(entry, 0),
        name: entry.utf16(NAME, entry.u8(NAME_LENGTH)),
        isDirectory: (entry.u32(FLAGS) & DIRECTORY_FLAG) !== 0,
      };
    }
    position += length;
  }
  throw fields.damage('its last entry is missing', headerOffset);
}
