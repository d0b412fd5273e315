/**
 * Attribute lists: where the attributes of a file lie that needs more than one record.
 *
 *   0 u32 type   4 u16 length of the entry   6 u8 name length   7 u8 name offset   8 u64 first VCN   16 u64 record   24 u16 id
 *
 * Source: docs/format/ntfs.md, section 5.
 */
import { fieldsOf } from '../fields.ts';
import { type FileReference, decodeReference } from './file-record.ts';
import { complainOf } from './units.ts';

export interface ListEntry {
  readonly type: number;
  readonly name: string;
  readonly firstVcn: number;
  readonly record: FileReference;
}

/** Windows lets no attribute list grow past this, so a longer one is damage. */
export const MAX_LIST_BYTES = 256 * 1024;

const MIN_ENTRY_BYTES = 26;

/**
 * Decodes all of `bytes`, which lies at `at` on the disk.
 * @throws AppError `FS_STRUCTURE_INVALID` for an entry that does not fit
 */
export function decodeAttributeList(bytes: Uint8Array, at: number): ListEntry[] {
  const list = fieldsOf(bytes, at, complainOf('attribute list'));
  const entries: ListEntry[] = [];
  let position = 0;
  while (position < bytes.length) {
    const length = list.u16(position + 4);
    if (length < MIN_ENTRY_BYTES) throw list.damage(`an entry has ${length} bytes`, position + 4);
    const entry = fieldsOf(list.slice(position, length), at + position, complainOf('attribute list'));
    entries.push({
      type: entry.u32(0),
      name: entry.utf16(entry.u8(7), entry.u8(6)),
      firstVcn: entry.u64(8),
      record: decodeReference(entry, 16),
    });
    position += length;
  }
  return entries;
}
