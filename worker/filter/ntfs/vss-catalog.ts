/**
 * The catalog of shadow copies: which there are of a volume, and where on it stores lie, its own and those of other volumes.
 *
 *   volume header at byte 0x1E00: 0 GUID   20 u32 record type 1   48 u64 volume offset of the catalog, 0 = none
 *   catalog block: entries of 128 bytes, 0 u64 type: 0, 1 unused
 *     2 a shadow copy:          8 u64 bytes of the volume   16 GUID
 *     3 its store, same GUID:   8 u64 block list   32 u64 header   40 u64 ranges   48 u64 bitmap   72 u64 older bitmap, 0 = none
 *
 * Source: docs/format/ntfs.md, section 9.
 */
import { type Fields, fieldsOf, guidText } from '../fields.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { complainOf } from './units.ts';
import { VSS_BLOCK_BYTES, VSS_BLOCK_HEADER_BYTES, VSS_GUID, vssBlocks, vssRecords } from './vss-blocks.ts';

const VSS_HEADER_OFFSET = 0x1e00;
const HEADER_BYTES = 512;
const ENTRY_BYTES = 128;
/** 64 shadow copies are Windows' limit and need 128 entries: two blocks. */
const MAX_BLOCKS = 64;

const entryTypes = { none: 0, unused: 1, copy: 2, store: 3 } as const;

/** Volume offsets of a store's structures. */
export interface VssStore {
  readonly header: number;
  readonly blockList: number;
  readonly ranges: number;
  readonly bitmap: number;
  /** 0 when there is none. */
  readonly olderBitmap: number;
}

export interface VssCatalog {
  /** Bytes of the volume when it was copied, by GUID. */
  readonly copies: ReadonlyMap<string, number>;
  /** By GUID of the copy, which may be one of another volume. */
  readonly stores: ReadonlyMap<string, VssStore>;
  /** Volume offsets of its blocks. */
  readonly blocks: readonly number[];
}

/**
 * The volume offset of the catalog, 0 when the header names none, null without a header.
 * @throws AppError `FS_STRUCTURE_INVALID` for a header that is not one of a volume
 */
export function decodeVssHeader(bytes: Uint8Array, at: number): number | null {
  const fields = fieldsOf(bytes, at, complainOf('shadow copy header'));
  if (guidText(fields.slice(0, 16)) !== VSS_GUID) return null;
  if (fields.u32(20) !== vssRecords.volumeHeader) throw fields.damage('it is of another kind', 20);
  return fields.u64(48);
}

/**
 * Reads the catalog, which is empty where there are no shadow copies.
 * @throws AppError `FS_STRUCTURE_INVALID` when it cannot be read, or has an entry of an unknown kind
 */
export async function readVssCatalog(volume: VolumeBytes): Promise<VssCatalog> {
  const header = new Uint8Array(HEADER_BYTES);
  await volume.readInto(VSS_HEADER_OFFSET, header);
  const first = decodeVssHeader(header, volume.startBytes + VSS_HEADER_OFFSET) ?? 0;
  const copies = new Map<string, number>();
  const stores = new Map<string, VssStore>();
  const blocks: number[] = [];
  const chain = { what: 'shadow copy catalog', recordType: vssRecords.catalog, first, maxBlocks: MAX_BLOCKS };
  for await (const { offset, fields } of vssBlocks(volume, chain)) {
    blocks.push(offset);
    for (let entry = VSS_BLOCK_HEADER_BYTES; entry < VSS_BLOCK_BYTES; entry += ENTRY_BYTES) {
      addEntry(fields, entry, { copies, stores });
    }
  }
  return { copies, stores, blocks };
}

function addEntry(
  fields: Fields,
  entry: number,
  { copies, stores }: { copies: Map<string, number>; stores: Map<string, VssStore> },
): void {
  const type = fields.u64(entry);
  if (type === entryTypes.none || type === entryTypes.unused) return;
  const guid = guidText(fields.slice(entry + 16, 16));
  if (type === entryTypes.copy) copies.set(guid, fields.u64(entry + 8));
  else if (type === entryTypes.store) stores.set(guid, decodeStore(fields, entry));
  else throw fields.damage(`an entry has the unknown type ${type}`, entry);
}

function decodeStore(fields: Fields, entry: number): VssStore {
  return {
    header: fields.u64(entry + 32),
    blockList: fields.u64(entry + 8),
    ranges: fields.u64(entry + 40),
    bitmap: fields.u64(entry + 48),
    olderBitmap: fields.u64(entry + 72),
  };
}
