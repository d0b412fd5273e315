/**
 * Blocks of the shadow copies of a guest. All that Windows notes of them lies in blocks of 16 KiB with one kind of header; those
 * of a kind are chained.
 *
 *   0 GUID 3808876B-…   16 u32 version 1   20 u32 record type: 1 volume header, 2 catalog, 3 block list, 4 store, 5 ranges, 6 bitmap
 *   32 u64 volume offset of this block   40 u64 volume offset of the next block, 0 = none   content from 128 on
 *
 * Source: docs/format/ntfs.md, section 9.
 */
import { MiB } from '../../../shared/base/units.ts';
import { type Fields, fieldsOf, guidText } from '../fields.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { complainOf } from './units.ts';

export const VSS_GUID = '3808876b-c176-4e48-b7ae-04046e6cc752';
export const VSS_BLOCK_BYTES = 16 * 1024;
export const VSS_BLOCK_HEADER_BYTES = 128;
export const vssRecords = {
  volumeHeader: 1,
  catalog: 2,
  blockList: 3,
  store: 4,
  ranges: 5,
  bitmap: 6,
} as const;

/** Blocks of a chain mostly follow each other, so this much is read at a time. */
const WINDOW_BYTES = MiB;

export interface VssChain {
  readonly what: string;
  readonly recordType: number;
  /** Volume offset of the first block; 0 when there is none. */
  readonly first: number;
  /** More blocks than this are damage. */
  readonly maxBlocks: number;
}

export interface VssBlock {
  /** Volume offset. */
  readonly offset: number;
  /** Valid until the next block is asked for. */
  readonly fields: Fields;
}

/**
 * The blocks of a chain in order.
 * @throws AppError `FS_STRUCTURE_INVALID` for a block that is not what it should be, or a chain without an end
 */
export async function* vssBlocks(volume: VolumeBytes, chain: VssChain): AsyncGenerator<VssBlock> {
  const read = windowReader(volume);
  let offset = chain.first;
  for (let count = 1; offset !== 0; count++) {
    const at = volume.startBytes + offset;
    const fields = fieldsOf(await read(offset), at, complainOf(chain.what));
    if (guidText(fields.slice(0, 16)) !== VSS_GUID || fields.u32(20) !== chain.recordType) {
      throw fields.damage('it is not where it should be', 0);
    }
    if (fields.u32(16) !== 1) throw fields.damage('it has an unknown version', 16);
    if (fields.u64(32) !== offset) throw fields.damage('it belongs to another place', 32);
    if (count > chain.maxBlocks) throw fields.damage('it has no end', 40);
    yield { offset, fields };
    offset = fields.u64(40);
  }
}

/** Reads blocks out of a window that begins where the last one had to be fetched. */
function windowReader(volume: VolumeBytes): (offset: number) => Promise<Uint8Array> {
  let window: Uint8Array = new Uint8Array(0);
  let start = 0;
  return async (offset) => {
    if (offset < start || offset + VSS_BLOCK_BYTES > start + window.length) {
      const rest = Math.max(volume.lengthBytes - offset, VSS_BLOCK_BYTES);
      window = new Uint8Array(Math.min(WINDOW_BYTES, rest));
      start = offset;
      await volume.readInto(start, window);
    }
    return window.subarray(offset - start, offset - start + VSS_BLOCK_BYTES);
  };
}
