/**
 * The store of a shadow copy: a file of the volume that holds what was overwritten since, and notes which other blocks the copy
 * still reads from the volume itself.
 *
 *   block list (record 3):  entries of 32 bytes: 0 u64 original offset   16 u64 volume offset of the copied block, 0 = none
 *                           24 u32 flags, 4 = not used
 *   bitmap (record 6):      one bit for 16 KiB of the volume, the lowest first: 0 = the copy wants that block, 1 = it does not
 *
 * The ranges (record 5) that a store names are not its file: Windows gives the unused rest of an older store back.
 *
 * Source: docs/format/ntfs.md, section 9.
 */
import { type Extent } from '../../../shared/domain/extent.ts';
import { scanClearBits } from '../free-runs.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { ntfsDamage } from './units.ts';
import {
  VSS_BLOCK_BYTES,
  VSS_BLOCK_HEADER_BYTES,
  type VssBlock,
  vssBlocks,
  vssRecords,
} from './vss-blocks.ts';
import { type VssStore } from './vss-catalog.ts';

const ENTRY_BYTES = 32;
const NOT_USED = 4;
const ENTRIES_PER_BLOCK = (VSS_BLOCK_BYTES - VSS_BLOCK_HEADER_BYTES) / ENTRY_BYTES;
const BITS_PER_BLOCK = (VSS_BLOCK_BYTES - VSS_BLOCK_HEADER_BYTES) * 8;

/**
 * Bytes of the volume that the store itself lies in: its structures, and the blocks that it holds.
 * @throws AppError `FS_STRUCTURE_INVALID`
 */
export async function* storeExtents(volume: VolumeBytes, store: VssStore): AsyncGenerator<Extent> {
  const blocks = Math.ceil(volume.lengthBytes / VSS_BLOCK_BYTES);
  /** A block may be named more than once, when only a part of it was copied. */
  const maxBlocks = 16 + 4 * Math.ceil(blocks / ENTRIES_PER_BLOCK);
  const chains = [
    { what: 'shadow copy store', recordType: vssRecords.store, first: store.header },
    { what: 'shadow copy ranges', recordType: vssRecords.ranges, first: store.ranges },
    { what: 'shadow copy bitmap', recordType: vssRecords.bitmap, first: store.bitmap },
    { what: 'shadow copy bitmap', recordType: vssRecords.bitmap, first: store.olderBitmap },
    { what: 'shadow copy blocks', recordType: vssRecords.blockList, first: store.blockList },
  ];
  for (const chain of chains) {
    for await (const block of vssBlocks(volume, { ...chain, maxBlocks })) {
      yield { start: block.offset, length: VSS_BLOCK_BYTES };
      if (chain.recordType === vssRecords.blockList) yield* copiedBlocks(volume, block);
    }
  }
}

function* copiedBlocks(volume: VolumeBytes, { fields }: VssBlock): Generator<Extent> {
  for (let entry = VSS_BLOCK_HEADER_BYTES; entry < VSS_BLOCK_BYTES; entry += ENTRY_BYTES) {
    const start = fields.u64(entry + 16);
    if (start === 0 || (fields.u32(entry + 24) & NOT_USED) !== 0) continue;
    if (start > volume.lengthBytes - VSS_BLOCK_BYTES)
      throw fields.damage('a block leaves the volume', entry + 16);
    yield { start, length: VSS_BLOCK_BYTES };
  }
}

/**
 * Tells the blocks that the copy reads from the volume, in units of 16 KiB: by its bitmap, and by the older one where there is one.
 * @throws AppError `FS_STRUCTURE_INVALID` when a bitmap is shorter than the `volumeBytes` that were copied
 */
export async function wantedBlocks(
  volume: VolumeBytes,
  store: VssStore,
  volumeBytes: number,
  onRun: (start: number, end: number) => void,
): Promise<void> {
  if (store.bitmap === 0) throw ntfsDamage('shadow copy store', 'it has no bitmap', volume.startBytes);
  if (volumeBytes > volume.lengthBytes) {
    throw ntfsDamage(
      'shadow copy store',
      `it is of ${volumeBytes} bytes, more than the volume has`,
      volume.startBytes,
    );
  }
  for (const first of [store.bitmap, store.olderBitmap]) {
    if (first !== 0) await readBitmap(volume, first, Math.ceil(volumeBytes / VSS_BLOCK_BYTES), onRun);
  }
}

async function readBitmap(
  volume: VolumeBytes,
  first: number,
  bits: number,
  onRun: (start: number, end: number) => void,
): Promise<void> {
  const maxBlocks = Math.ceil(bits / BITS_PER_BLOCK) + 1;
  const chain = { what: 'shadow copy bitmap', recordType: vssRecords.bitmap, first, maxBlocks };
  const scan = scanClearBits(bits, onRun);
  let told = 0;
  for await (const { fields } of vssBlocks(volume, chain)) {
    scan.add(fields.slice(VSS_BLOCK_HEADER_BYTES, VSS_BLOCK_BYTES - VSS_BLOCK_HEADER_BYTES));
    told += BITS_PER_BLOCK;
  }
  if (told < bits) throw ntfsDamage('shadow copy bitmap', 'it is too short', volume.startBytes + first);
  scan.finish();
}
