/**
 * GUID partition tables, in sectors of 512 or 4096 bytes.
 *
 *   header at LBA 1, its backup at the last LBA:
 *   0  "EFI PART"     8 u32 revision   12 u32 header bytes   16 u32 CRC of the header, itself as 0
 *   24 u64 own LBA   32 u64 other LBA  72 u64 LBA of the entries  80 u32 entries  84 u32 entry bytes  88 u32 CRC of the entries
 *   entry: 0 type GUID (all 0 = unused)  16 own GUID  32 u64 first LBA  40 u64 last LBA, included
 *
 * Source: docs/format/ntfs.md, section 1.
 */
import { crc32 } from 'node:zlib';
import { isAppError } from '../../../shared/base/errors.ts';
import { MiB, SECTOR_BYTES } from '../../../shared/base/units.ts';
import { type DiskBytes, readPiece } from '../disk-bytes.ts';
import { type Fields, fieldsOf, guidText } from '../fields.ts';
import { type Partition, type PartitionRole, type PartitionTable, tableDamage } from './partition.ts';

const SIGNATURE = 'EFI PART';
const MIN_HEADER_BYTES = 92;
const MIN_ENTRY_BYTES = 128;
/** The usual table has 16 KiB. */
const MAX_ENTRIES_BYTES = MiB;
const SECTOR_SIZES = [SECTOR_BYTES, 4096] as const;

const rolesByGuid: ReadonlyMap<string, PartitionRole> = new Map([
  ['e3c9e316-0b5c-4db8-817d-f92df00215ae', 'reserved'],
  ['5808c8aa-7e8f-42e0-85d2-e1e90434cfb3', 'LDM metadata'],
  ['af9bc60f-1431-4f62-bc68-3311714a69ad', 'LDM'],
  ['e75caf8f-f680-4cee-afa3-b001e56efc2d', 'Storage Spaces'],
  ['a19d880f-05fc-4d3b-a006-743f0f84911e', 'Linux RAID'],
  ['e6d6d379-f507-44c2-a23c-238f2a3df928', 'LVM2'],
  ['6a898cc3-1dd2-11b2-99a6-080020736631', 'ZFS'],
  ['aa31e02a-400f-11db-9590-000c2911d1b8', 'VMFS'],
]);
const UNUSED = '00000000-0000-0000-0000-000000000000';

/** A table that was read, and what was wrong with the copy that should have been read first. */
export interface GptFound {
  readonly table: PartitionTable;
  readonly primaryProblem: string | null;
}

/**
 * The GPT of a disk, or null when there is none: neither a primary header nor, where `isExpected`, a backup.
 * @throws AppError `PARTITION_TABLE_INVALID` when there is one and both copies are damaged
 */
export async function readGpt(disk: DiskBytes, isExpected: boolean): Promise<GptFound | null> {
  let problem: unknown = null;
  for (const sectorBytes of SECTOR_SIZES) {
    if (!(await hasSignature(disk, sectorBytes))) continue;
    try {
      return { table: await readTable(disk, sectorBytes, sectorBytes), primaryProblem: null };
    } catch (error) {
      if (!isTableDamage(error)) throw error;
      problem = error;
    }
  }
  if (problem === null && !isExpected) return null;
  problem ??= tableDamage('the header of the GPT is missing', SECTOR_BYTES);
  const backup = await readBackup(disk);
  if (backup === null) throw problem;
  return { table: backup, primaryProblem: (problem as Error).message };
}

async function readBackup(disk: DiskBytes): Promise<PartitionTable | null> {
  for (const sectorBytes of SECTOR_SIZES) {
    const at = (Math.floor(disk.capacityBytes / sectorBytes) - 1) * sectorBytes;
    if (at <= 0 || !(await hasSignature(disk, at))) continue;
    try {
      return await readTable(disk, at, sectorBytes);
    } catch (error) {
      if (!isTableDamage(error)) throw error;
    }
  }
  return null;
}

function isTableDamage(error: unknown): boolean {
  return isAppError(error) && error.code === 'PARTITION_TABLE_INVALID';
}

async function hasSignature(disk: DiskBytes, at: number): Promise<boolean> {
  if (!disk.fits(at, SECTOR_BYTES)) return false;
  const sector = await readPiece(disk, at, SECTOR_BYTES);
  return fieldsOf(sector, at, tableDamage).ascii(0, 8) === SIGNATURE;
}

async function readTable(disk: DiskBytes, at: number, sectorBytes: number): Promise<PartitionTable> {
  const sector = await readPiece(disk, at, Math.min(sectorBytes, disk.capacityBytes - at));
  const header = decodeGptHeader(sector, at, sectorBytes);
  if (!disk.fits(header.entriesAt, header.entriesBytes)) {
    throw tableDamage('the entries of the GPT lie outside the disk', at + 72);
  }
  const entries = await readPiece(disk, header.entriesAt, header.entriesBytes);
  const ownBytes = [
    { start: 0, length: SECTOR_BYTES },
    { start: at, length: sector.length },
    { start: header.entriesAt, length: header.entriesBytes },
  ];
  return { partitions: decodeGptEntries(entries, header, sectorBytes), ownBytes };
}

interface GptHeader {
  readonly entriesAt: number;
  readonly entriesBytes: number;
  readonly entryBytes: number;
  readonly entriesCrc: number;
}

/**
 * Decodes and proves the header in `sector`, which lies at byte `at`.
 * @throws AppError `PARTITION_TABLE_INVALID` for a wrong checksum, place or size
 */
function decodeGptHeader(sector: Uint8Array, at: number, sectorBytes: number): GptHeader {
  const fields = fieldsOf(sector, at, tableDamage);
  if (fields.ascii(0, 8) !== SIGNATURE) throw fields.damage('the header of the GPT is missing', 0);
  const headerBytes = fields.u32(12);
  if (headerBytes < MIN_HEADER_BYTES || headerBytes > sector.length) {
    throw fields.damage(`the header of the GPT has ${headerBytes} bytes`, 12);
  }
  const plain = Uint8Array.from(sector.subarray(0, headerBytes)).fill(0, 16, 20);
  if (crc32(plain) !== fields.u32(16)) throw fields.damage('the checksum of the header is wrong', 16);
  if (fields.u64(24) * sectorBytes !== at) throw fields.damage('the header belongs to another place', 24);
  return entriesOf(fields, sectorBytes);
}

function entriesOf(fields: Fields, sectorBytes: number): GptHeader {
  const entryBytes = fields.u32(84);
  const entriesBytes = fields.u32(80) * entryBytes;
  const isSane = entryBytes >= MIN_ENTRY_BYTES && entryBytes % 8 === 0 && entriesBytes <= MAX_ENTRIES_BYTES;
  if (!isSane) throw fields.damage('the entries of the GPT have no possible size', 80);
  return { entriesAt: fields.u64(72) * sectorBytes, entriesBytes, entryBytes, entriesCrc: fields.u32(88) };
}

/**
 * Decodes the entries in use, whose bytes are all of `entries`.
 * @throws AppError `PARTITION_TABLE_INVALID` for a wrong checksum or a partition that ends before it starts
 */
function decodeGptEntries(entries: Uint8Array, header: GptHeader, sectorBytes: number): Partition[] {
  if (crc32(entries) !== header.entriesCrc) {
    throw tableDamage('the checksum of the entries is wrong', header.entriesAt);
  }
  const fields = fieldsOf(entries, header.entriesAt, tableDamage);
  const partitions: Partition[] = [];
  for (let offset = 0; offset + header.entryBytes <= entries.length; offset += header.entryBytes) {
    const type = guidText(fields.slice(offset, 16));
    if (type === UNUSED) continue;
    const first = fields.u64(offset + 32);
    const sectors = fields.u64(offset + 40) - first + 1;
    if (first === 0 || sectors <= 0) throw fields.damage('a partition has no possible place', offset + 32);
    partitions.push({
      startBytes: first * sectorBytes,
      lengthBytes: sectors * sectorBytes,
      role: rolesByGuid.get(type) ?? 'any',
    });
  }
  return partitions;
}
