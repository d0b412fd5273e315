/**
 * Where the volumes of a disk lie: both kinds of partition table, or none. A table that contradicts itself yields no volumes,
 * so that all of the disk is kept; partitions that overlap or leave the disk are named and never filtered.
 */
import { hasCode } from '../../../shared/base/errors.ts';
import { type Extent, type ExtentSet, normalize } from '../../../shared/domain/extent.ts';
import { type DiskBytes, readPiece } from '../disk-bytes.ts';
import { type GptFound, readGpt } from './gpt.ts';
import { decodeMbr, readMbrTable } from './mbr.ts';
import { type Partition, type PartitionRole, tableDamage } from './partition.ts';
import { HEAD_BYTES, detectBootSector, detectFileSystem } from './signatures.ts';

/** Why a volume is kept whole, whatever it holds. */
export interface PlaceProblem {
  readonly gate: string;
  readonly reason: string;
}

export interface VolumePlace {
  readonly startBytes: number;
  /** Cut at the end of the disk; more than zero. */
  readonly lengthBytes: number;
  readonly role: PartitionRole;
  readonly problem: PlaceProblem | null;
}

export interface DiskLayout {
  /** By start. */
  readonly volumes: readonly VolumePlace[];
  /** The tables themselves, kept even where a volume claims their bytes. */
  readonly tableBytes: ExtentSet;
  /** What was wrong with a table; each is the message of a `PARTITION_TABLE_INVALID`. */
  readonly problems: readonly string[];
}

/** Finds the volumes; a damaged table is told in `problems`, only the transport's failures are thrown. */
export async function findVolumes(disk: DiskBytes): Promise<DiskLayout> {
  try {
    return await readLayout(disk);
  } catch (error) {
    if (!hasCode(error, 'PARTITION_TABLE_INVALID')) throw error;
    return { volumes: [], tableBytes: [], problems: [error.message] };
  }
}

async function readLayout(disk: DiskBytes): Promise<DiskLayout> {
  const head = await readPiece(disk, 0, Math.min(HEAD_BYTES, disk.capacityBytes));
  if (head.length < 512) return layoutOf(disk, [], [], []);
  const hasBootSector = detectBootSector(head) !== null;
  const entries = hasBootSector ? null : decodeMbr(head.subarray(0, 512), 0);
  const isGptExpected = entries?.some(({ role }) => role === 'protective') ?? false;
  const gpt = await readGpt(disk, isGptExpected);
  if (hasBootSector && gpt !== null) {
    throw tableDamage('a file system and a GPT both claim the start of the disk', 0);
  }
  if (gpt !== null) return gptLayout(disk, gpt, entries ?? []);
  if (entries !== null && entries.length > 0) {
    const table = await readMbrTable(disk, entries);
    return layoutOf(disk, table.partitions, table.ownBytes, []);
  }
  const isVolume = detectFileSystem(head).fileSystem !== 'unknown';
  const whole: Partition = { startBytes: 0, lengthBytes: disk.capacityBytes, role: 'any' };
  return layoutOf(disk, isVolume ? [whole] : [], [], []);
}

/** A hybrid MBR repeats partitions of the GPT; one that differs counts too, and then overlaps what it contradicts. */
async function gptLayout(
  disk: DiskBytes,
  gpt: GptFound,
  mbrEntries: readonly Partition[],
): Promise<DiskLayout> {
  const mbr = await readMbrTable(disk, mbrEntries);
  const known = new Set(gpt.table.partitions.map(placeKey));
  const others = mbr.partitions.filter(
    (partition) => partition.role !== 'protective' && !known.has(placeKey(partition)),
  );
  const problems =
    gpt.primaryProblem === null ? [] : [`${gpt.primaryProblem}; its copy at the end of the disk was used`];
  return layoutOf(
    disk,
    [...gpt.table.partitions, ...others],
    [...gpt.table.ownBytes, ...mbr.ownBytes],
    problems,
  );
}

const placeKey = ({ startBytes, lengthBytes }: Partition): string => `${startBytes}+${lengthBytes}`;

function layoutOf(
  disk: DiskBytes,
  partitions: readonly Partition[],
  ownBytes: readonly Extent[],
  problems: readonly string[],
): DiskLayout {
  const sorted = [...partitions].sort((a, b) => a.startBytes - b.startBytes);
  const overlapping = findOverlaps(sorted);
  const isDynamic = sorted.some(({ role }) => role === 'LDM' || role === 'LDM metadata');
  const outside = sorted.filter(({ startBytes }) => !disk.fits(startBytes, 1));
  const volumes = sorted
    .filter((partition) => !outside.includes(partition))
    .map(({ startBytes, lengthBytes, role }, index) => ({
      startBytes,
      lengthBytes: Math.min(lengthBytes, disk.capacityBytes - startBytes),
      role: isDynamic && role === 'any' ? 'LDM' : role,
      problem: problemOf(overlapping.has(index), disk.fits(startBytes, lengthBytes)),
    }));
  const beyond = outside.map(({ startBytes }) =>
    tableDamage('it has a partition outside the disk', startBytes),
  );
  return {
    volumes,
    tableBytes: normalize(ownBytes),
    problems: [...problems, ...beyond.map(({ message }) => message)],
  };
}

function problemOf(overlaps: boolean, fits: boolean): PlaceProblem | null {
  if (overlaps) return { gate: 'partition-overlap', reason: 'Another partition claims bytes of this one' };
  return fits ? null : { gate: 'partition-outside-disk', reason: 'The partition ends outside the disk' };
}

/** Positions in `sorted` of partitions that share a byte with another one. */
function findOverlaps(sorted: readonly Partition[]): ReadonlySet<number> {
  const found = new Set<number>();
  let reach = 0;
  let reachedBy = -1;
  sorted.forEach(({ startBytes, lengthBytes }, index) => {
    if (startBytes < reach) found.add(index).add(reachedBy);
    if (startBytes + lengthBytes > reach) {
      reach = startBytes + lengthBytes;
      reachedBy = index;
    }
  });
  return found;
}
