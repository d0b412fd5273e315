/**
 * Looks a name up in a directory: a tree of index records, in the order of upper-case names.
 *
 *   $INDEX_ROOT        16: header of the first node
 *   $INDEX_ALLOCATION  records "INDX" with fix-ups, 16 u64 own VCN, 24: header of the node
 *   header             0 u32 offset of the entries, 4 u32 their end, both from the header on
 *   entry              0 u64 file reference   8 u16 length   12 u16 flags: 1 has a node below, 2 the last one, without a name
 *                      16 $FILE_NAME: 64 u8 length of the name, 66 the name; the last 8 bytes: VCN of the node below
 *
 * VCNs count clusters, or 512-byte units where an index record is smaller than a cluster. Names are looked for in ASCII only, so
 * the volume's table of upper-case letters is not needed: it maps no other letter to an ASCII one.
 *
 * Source: docs/format/ntfs.md, section 10.
 */
import { SECTOR_BYTES } from '../../../shared/base/units.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import { residentOf, streamOf } from './family.ts';
import { type FileReference, decodeReference } from './file-record.ts';
import { decodeFixup } from './fixup.ts';
import { type FileFamily } from './mft.ts';
import { type Stream, placeOf, readStream, requirePlain } from './stream.ts';
import { DIRECTORY_INDEX, attributeTypes, complainOf, ntfsDamage } from './units.ts';
import { type NtfsVolume } from './ntfs-volume.ts';

const HAS_NODE_BELOW = 1;
const IS_LAST = 2;
const MIN_ENTRY_BYTES = 16;
const NAME_LENGTH = MIN_ENTRY_BYTES + 64;
const NAME = MIN_ENTRY_BYTES + 66;
/** A tree of this depth would hold more names than a volume has clusters. */
const MAX_DEPTH = 16;

/** What a node says about a name: found, to be looked for below, or not there. */
export type NodeAnswer = { readonly found: FileReference } | { readonly below: number } | null;

/**
 * Searches the entries of one node, whose header begins at `headerOffset` of `bytes`.
 * @throws AppError `FS_STRUCTURE_INVALID` for entries that cannot be
 */
export function searchNode(bytes: Uint8Array, at: number, headerOffset: number, name: string): NodeAnswer {
  const fields = fieldsOf(bytes, at, complainOf('directory index'));
  const end = headerOffset + fields.u32(headerOffset + 4);
  let position = headerOffset + fields.u32(headerOffset);
  if (end > bytes.length) throw fields.damage('its entries do not fit', headerOffset + 4);
  while (position < end) {
    const length = fields.u16(position + 8);
    if (length < MIN_ENTRY_BYTES || position + length > end) {
      throw fields.damage(`an entry has ${length} bytes`, position + 8);
    }
    const entry = fieldsOf(fields.slice(position, length), at + position, complainOf('directory index'));
    const order = (entry.u16(12) & IS_LAST) !== 0 ? -1 : compareNames(name, nameOf(entry));
    if (order === 0) return { found: decodeReference(entry, 0) };
    if (order < 0) return (entry.u16(12) & HAS_NODE_BELOW) !== 0 ? { below: entry.u64(length - 8) } : null;
    position += length;
  }
  throw fields.damage('its last entry is missing', headerOffset);
}

const nameOf = (entry: Fields): string => entry.utf16(NAME, entry.u8(NAME_LENGTH));

/** Negative, zero or positive as `a`, in ASCII, comes before, equals or follows `b`; letters count as upper-case. */
function compareNames(a: string, b: string): number {
  const left = upperCase(a);
  const right = upperCase(b);
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

const upperCase = (name: string): string => name.replace(/[a-z]/g, (letter) => letter.toUpperCase());

/**
 * The reference of `name` in `directory`, or null when there is none.
 * @throws AppError `FS_STRUCTURE_INVALID` when the index cannot be followed
 */
export async function findInDirectory(
  volume: NtfsVolume,
  directory: FileFamily,
  name: string,
): Promise<FileReference | null> {
  const root = residentOf(directory, attributeTypes.indexRoot, DIRECTORY_INDEX);
  if (root === null) throw ntfsDamage('directory index', 'its root is missing', directory.base.at);
  let answer = searchNode(root.value, root.valueAt, 16, name);
  for (let depth = 0; answer !== null && 'below' in answer; depth++) {
    if (depth === MAX_DEPTH) throw ntfsDamage('directory index', 'it has no end', directory.base.at);
    answer = await searchBelow(volume, directory, answer.below, name);
  }
  return answer === null ? null : answer.found;
}

async function searchBelow(
  volume: NtfsVolume,
  directory: FileFamily,
  vcn: number,
  name: string,
): Promise<NodeAnswer> {
  const what = 'directory index';
  const wanted = { type: attributeTypes.indexAllocation, name: DIRECTORY_INDEX, what };
  const stream = streamOf(volume, directory, wanted);
  if (stream === null) throw ntfsDamage(what, 'its records are missing', directory.base.at);
  const { indexBytes, clusterBytes } = volume.boot;
  const offset = vcn * (clusterBytes <= indexBytes ? clusterBytes : SECTOR_BYTES);
  const { bytes, at } = await readIndexRecord(volume, requirePlain(volume, stream), offset);
  const fields = fieldsOf(bytes, at, complainOf(what));
  if (fields.u64(16) !== vcn) throw fields.damage('a record of it belongs to another place', 16);
  return searchNode(bytes, at, 24, name);
}

async function readIndexRecord(
  volume: NtfsVolume,
  stream: Stream,
  offset: number,
): Promise<{ bytes: Uint8Array; at: number }> {
  const raw = new Uint8Array(volume.boot.indexBytes);
  await readStream(volume, stream, offset, raw);
  const at = placeOf(volume, stream, offset);
  return { bytes: decodeFixup(raw, at, 'INDX', 'index record'), at };
}
