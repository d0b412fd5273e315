/**
 * One volume of XFS: which of its bytes nobody needs. Its log must be at rest; then the trees of free space of all allocation
 * groups are walked. Everything else stays: headers of groups, trees, the log, blocks set aside for trees, and what lies behind the
 * last block.
 */
import { type FileSystemFindings } from '../file-system.ts';
import { gateOf } from '../gate.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { readFreeBlocks } from './free-blocks.ts';
import { checkLogAtRest } from './log.ts';
import { MAX_SECTOR_BYTES, decodeSuperblock } from './superblock.ts';
import { xfsDamage } from './units.ts';

/** Looks into the volume; what it holds is never thrown, only the transport's failures and cancelling are. */
export async function examineXfs(bytes: VolumeBytes): Promise<FileSystemFindings> {
  const known = { fileSystem: 'XFS', label: null as string | null, clusterBytes: null as number | null };
  try {
    const raw = new Uint8Array(Math.min(MAX_SECTOR_BYTES, bytes.lengthBytes));
    await bytes.readInto(0, raw);
    const superblock = decodeSuperblock(raw, bytes.startBytes);
    const { blockBytes, blocks } = superblock.shape;
    known.label = superblock.label;
    known.clusterBytes = blockBytes;
    if (blocks * blockBytes > bytes.lengthBytes) {
      throw xfsDamage('superblock', 'the volume is larger than its partition', bytes.startBytes + 8);
    }
    await checkLogAtRest(bytes, superblock);
    const { runs, count } = await readFreeBlocks(bytes, superblock);
    const numbers = { usedBytes: (blocks - count) * blockBytes, freeBytes: count * blockBytes };
    const free = runs.map(({ start, length }) => ({
      start: start * blockBytes,
      length: length * blockBytes,
    }));
    return { ...known, ...numbers, free, kept: [], gate: null, reason: null };
  } catch (error) {
    const closed = gateOf(error);
    if (closed === null) throw error;
    return { ...known, usedBytes: null, freeBytes: null, free: [], kept: [], ...closed };
  }
}
