/**
 * Shadow copies of the guest: Windows keeps what they need partly in clusters that are free in $Bitmap, so a volume with one is
 * copied whole.
 *
 *   volume header at byte 0x1E00: 0 GUID 3808876B-…   20 u32 record type 1   48 u64 volume offset of the catalog, 0 = none
 *   catalog block of 16 KiB:      0 same GUID   20 u32 record type 2   40 u64 volume offset of the next block, 0 = none
 *     entries of 128 bytes from byte 128 on: 0 u64 type (0, 1 unused; 2 a shadow copy; 3 where its store lies)
 *
 * Source: docs/format/ntfs.md, section 9.
 */
import { fieldsOf, guidText } from '../fields.ts';
import { gateClosed } from './gate.ts';
import { complainOf, ntfsDamage } from './units.ts';
import { type VolumeBytes } from '../volume-bytes.ts';

const VSS_HEADER_OFFSET = 0x1e00;
const HEADER_BYTES = 512;
const VSS_GUID = '3808876b-c176-4e48-b7ae-04046e6cc752';
const CATALOG_BLOCK_BYTES = 16 * 1024;
const ENTRY_BYTES = 128;
const HEADER_RECORD = 1;
const CATALOG_RECORD = 2;
/** 64 shadow copies are Windows' limit and need 128 entries: two blocks. */
const MAX_BLOCKS = 64;
const what = 'shadow copy catalog';

/**
 * The volume offset of the catalog, 0 when the header names none, null without a header.
 * @throws AppError `FS_STRUCTURE_INVALID` for a header that is not one of a volume
 */
export function decodeVssHeader(bytes: Uint8Array, at: number): number | null {
  const fields = fieldsOf(bytes, at, complainOf('shadow copy header'));
  if (guidText(fields.slice(0, 16)) !== VSS_GUID) return null;
  if (fields.u32(20) !== HEADER_RECORD) throw fields.damage('it is of another kind', 20);
  return fields.u64(48);
}

export interface CatalogBlock {
  /** Entries that are not unused. */
  readonly entries: number;
  /** Volume offset of the next block; 0 at the end. */
  readonly next: number;
}

/** @throws AppError `FS_STRUCTURE_INVALID` for a block of another kind */
export function decodeCatalogBlock(bytes: Uint8Array, at: number): CatalogBlock {
  const fields = fieldsOf(bytes, at, complainOf(what));
  if (guidText(fields.slice(0, 16)) !== VSS_GUID || fields.u32(20) !== CATALOG_RECORD) {
    throw fields.damage('it is not where the header says', 0);
  }
  let entries = 0;
  for (let offset = ENTRY_BYTES; offset < bytes.length; offset += ENTRY_BYTES) {
    if (fields.u32(offset) > 1 || fields.u32(offset + 4) !== 0) entries++;
  }
  return { entries, next: fields.u64(40) };
}

/**
 * Lets a volume pass that has no shadow copies.
 * @throws AppError `FILTER_GATE_CLOSED` when it has, `FS_STRUCTURE_INVALID` when the catalog cannot be read
 */
export async function checkShadowCopies(volume: VolumeBytes): Promise<void> {
  const header = new Uint8Array(HEADER_BYTES);
  await volume.readInto(VSS_HEADER_OFFSET, header);
  let offset = decodeVssHeader(header, volume.startBytes + VSS_HEADER_OFFSET) ?? 0;
  const block = new Uint8Array(CATALOG_BLOCK_BYTES);
  for (let count = 0; offset !== 0; count++) {
    const at = volume.startBytes + offset;
    if (count === MAX_BLOCKS) throw ntfsDamage(what, 'it has no end', at);
    await volume.readInto(offset, block);
    const { entries, next } = decodeCatalogBlock(block, at);
    if (entries > 0) {
      throw gateClosed('guest-shadow-copies', 'The guest keeps shadow copies partly in free clusters', at);
    }
    offset = next;
  }
}
