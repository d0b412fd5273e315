/**
 * Whether the trees on the disk say what the log would leave: XFS writes the log first and trees later, so after a crash they may
 * miss whole files. The log is at rest when its last record says that the volume was unmounted, or when all that a
 * recovery would replay is the superblock.
 *
 * Source: docs/format/xfs.md, section 5.
 */
import { holdsOnlySuperblocks, isUnmountRecord } from './log-operations.ts';
import { type LogRecord, isRecordStart, readRecord } from './log-record.ts';
import { BASIC_BYTES, type LogRing, openLogRing } from './log-ring.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { type Superblock } from './superblock.ts';
import { gateClosed } from './units.ts';

/** 256 KiB of data and the headers for it. */
const MAX_RECORD_BLOCKS = 512 + 8;

/** @throws AppError `FILTER_GATE_CLOSED` when a recovery would do more, `FS_STRUCTURE_INVALID` for damage */
export async function checkLogAtRest(bytes: VolumeBytes, superblock: Superblock): Promise<void> {
  const ring = await openLogRing(bytes, superblock);
  const last = await readLastRecord(ring, superblock);
  if (isUnmountRecord(last)) return;
  const { sectorBytes } = superblock.shape;
  const behind = behindOf(ring, last.tail.block);
  const isNear = behind > 0 && behind <= ring.windowBlocks;
  if (!isNear || last.tail.cycle !== ring.cycleAt(last.tail.block)) throw logOpen(ring, last.block);
  let left = behind;
  while (left > 0) {
    const block = (ring.head - left + ring.blocks) % ring.blocks;
    const record = await readRecord(ring, superblock, block);
    const isChecked = record.hasCrc || !superblock.features.hasCrc;
    if (!isChecked || !holdsOnlySuperblocks(record, sectorBytes)) throw logOpen(ring, block);
    left -= record.lengthBlocks;
  }
  if (left < 0) throw logOpen(ring, last.block);
}

const logOpen = (ring: LogRing, block: number): Error =>
  gateClosed('log-open', 'The log holds changes that are not yet in their places', ring.placeOf(block));

/** How many blocks `block` lies before the head; 0 when it is none of the log. */
function behindOf(ring: LogRing, block: number): number {
  return block < ring.blocks ? (ring.head - block + ring.blocks) % ring.blocks : 0;
}

/** The record that ends at the head. */
async function readLastRecord(ring: LogRing, superblock: Superblock): Promise<LogRecord> {
  const count = Math.min(MAX_RECORD_BLOCKS, ring.windowBlocks);
  const from = (ring.head - count + ring.blocks) % ring.blocks;
  const raw = await ring.read(from, count);
  for (let i = count - 1; i >= 0; i--) {
    if (!isRecordStart(raw.subarray(i * BASIC_BYTES))) continue;
    const record = await readRecord(ring, superblock, (from + i) % ring.blocks);
    if (record.lengthBlocks === count - i) return record;
    throw gateClosed('log-open', 'The last record of the log is not whole', ring.placeOf(record.block));
  }
  throw gateClosed('log-open', 'The log ends without a record', ring.placeOf(ring.head));
}
