/**
 * MBR partition tables with their chain of extended boot records, in sectors of 512 bytes.
 *
 *   446  4 × 16   entries: 0 u8 status (00 or 80), 4 u8 type, 8 u32 first sector, 12 u32 sectors
 *   510  u16      55 AA
 *
 * An extended partition (05, 0F, 85) begins with an EBR of the same shape: its first entry is a logical partition relative to
 * the EBR, its second the next EBR relative to the start of the extended partition.
 *
 * Source: docs/format/ntfs.md, section 1. A disk with 4096-byte sectors and an MBR is not told apart; its volumes are
 * not found and so kept.
 */
import { SECTOR_BYTES } from '../../../shared/base/units.ts';
import { type DiskBytes, readPiece } from '../disk-bytes.ts';
import { fieldsOf } from '../fields.ts';
import {
  MAX_PARTITIONS,
  type Partition,
  type PartitionRole,
  type PartitionTable,
  tableDamage,
} from './partition.ts';

const ENTRIES_OFFSET = 446;
const ENTRY_BYTES = 16;
const SIGNATURE_OFFSET = 510;
const SIGNATURE = 0xaa55;

const rolesByType: ReadonlyMap<number, PartitionRole> = new Map([
  [0x05, 'extended'],
  [0x0f, 'extended'],
  [0x85, 'extended'],
  [0xee, 'protective'],
  [0x42, 'LDM'],
  [0xfd, 'Linux RAID'],
  [0x8e, 'LVM2'],
  [0xbf, 'ZFS'],
  [0xfb, 'VMFS'],
  [0xe7, 'Storage Spaces'],
]);

interface Entry {
  readonly status: number;
  readonly type: number;
  readonly firstSector: number;
  readonly sectors: number;
}

/** The entries in use of an MBR or EBR, or null when it is none (no signature, or entries that cannot be). */
export function decodeMbr(sector: Uint8Array, at: number): Partition[] | null {
  const entries = decodeEntries(sector, at);
  const isTable = entries?.every(({ status, firstSector }) => (status & 0x7f) === 0 && firstSector > 0);
  if (entries === null || isTable !== true) return null;
  return entries.map(({ type, firstSector, sectors }) => ({
    startBytes: firstSector * SECTOR_BYTES,
    lengthBytes: sectors * SECTOR_BYTES,
    role: rolesByType.get(type) ?? 'any',
  }));
}

function decodeEntries(sector: Uint8Array, at: number): Entry[] | null {
  const fields = fieldsOf(sector, at, tableDamage);
  if (fields.u16(SIGNATURE_OFFSET) !== SIGNATURE) return null;
  return [0, 1, 2, 3]
    .map((index) => ENTRIES_OFFSET + index * ENTRY_BYTES)
    .map((offset) => ({
      status: fields.u8(offset),
      type: fields.u8(offset + 4),
      firstSector: fields.u32(offset + 8),
      sectors: fields.u32(offset + 12),
    }))
    .filter((entry) => entry.type !== 0 && entry.sectors !== 0);
}

/**
 * The whole MBR table below its `primary` entries.
 * @throws AppError `PARTITION_TABLE_INVALID` when the chain of an extended partition is broken or loops
 */
export async function readMbrTable(disk: DiskBytes, primary: readonly Partition[]): Promise<PartitionTable> {
  const partitions = primary.filter(({ role }) => role !== 'extended');
  const ownBytes = [{ start: 0, length: SECTOR_BYTES }];
  for (const extended of primary.filter(({ role }) => role === 'extended')) {
    const logical = await readChain(disk, extended);
    partitions.push(...logical.partitions);
    ownBytes.push(...logical.ownBytes);
  }
  return { partitions, ownBytes };
}

async function readChain(disk: DiskBytes, extended: Partition): Promise<PartitionTable> {
  const partitions: Partition[] = [];
  const seen = new Set<number>();
  let at: number | null = extended.startBytes;
  while (at !== null) {
    if (seen.has(at)) throw tableDamage('the chain of logical partitions returns to itself', at);
    if (seen.size >= MAX_PARTITIONS) throw tableDamage('the chain of logical partitions has no end', at);
    seen.add(at);
    const { logical, next } = await readLink(disk, extended, at);
    partitions.push(...logical);
    at = next;
  }
  return { partitions, ownBytes: [...seen].map((start) => ({ start, length: SECTOR_BYTES })) };
}

async function readLink(
  disk: DiskBytes,
  extended: Partition,
  at: number,
): Promise<{ logical: Partition[]; next: number | null }> {
  if (!disk.fits(at, SECTOR_BYTES)) throw tableDamage('an extended boot record lies outside the disk', at);
  const entries = decodeMbr(await readPiece(disk, at, SECTOR_BYTES), at);
  if (entries === null) throw tableDamage('an extended boot record is missing', at);
  const links = entries.filter(({ role }) => role === 'extended');
  const logical = entries.filter(({ role }) => role !== 'extended');
  if (links.length > 1) throw tableDamage('an extended boot record has two successors', at);
  return {
    logical: logical.map((entry) => ({ ...entry, startBytes: entry.startBytes + at })),
    next: links[0] === undefined ? null : links[0].startBytes + extended.startBytes,
  };
}
