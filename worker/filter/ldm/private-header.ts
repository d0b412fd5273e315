/**
 * The private header of a dynamic disk: which disk it is, of which group, and where data and database lie. Big endian.
 *
 *   0    "PRIVHEAD"                  8 u32 sum of all bytes, itself as 0      12 u16 2, u16 11 (Windows 2000 on) or 12 (Vista on)
 *   48   GUID of the disk, text      176 GUID of its group, text              240 name of the group, 32 bytes
 *   283  u64 first sector of the data area     291 u64 its sectors
 *   299  u64 first sector of the database      307 u64 its sectors, 2048
 *
 * Copies lie in sectors 1856 and 2047 of the database. With an MBR the first one is sector 6 of the disk, and the database lies
 * behind the data area; with a GPT the database is a partition of its own.
 *
 * Source: docs/format/ldm.md, section 1.
 */
import { SECTOR_BYTES } from '../../../shared/base/units.ts';
import { type Extent } from '../../../shared/domain/extent.ts';
import { type DiskBytes, readPiece } from '../disk-bytes.ts';
import { fieldsOf } from '../fields.ts';
import {
  DATABASE_BYTES,
  DATABASE_SECTORS,
  complainOf,
  gateClosed,
  guidAt,
  ldmDamage,
  requireByteSum,
  textOf,
} from './units.ts';

const WHAT = 'private header';
const MAGIC = 'PRIVHEAD';
const FIRST_ON_MBR = 6 * SECTOR_BYTES;
const COPIES = [1856 * SECTOR_BYTES, 2047 * SECTOR_BYTES] as const;

export interface PrivateHeader {
  readonly diskGuid: string;
  readonly groupGuid: string;
  readonly groupName: string;
  /** Bytes of the disk that volumes may have. */
  readonly dataArea: Extent;
  /** Where the database begins; `DATABASE_BYTES` long. */
  readonly databaseStart: number;
}

/**
 * Reads all copies; `metadata` is the partition that the GPT has for the database, null on an MBR disk.
 * @throws AppError `FS_STRUCTURE_INVALID`, `FILTER_GATE_CLOSED` when copies differ
 */
export async function readPrivateHeader(disk: DiskBytes, metadata: Extent | null): Promise<PrivateHeader> {
  const firstAt = metadata === null ? FIRST_ON_MBR : metadata.start + COPIES[1];
  const first = await readSector(disk, firstAt);
  const header = decodePrivateHeader(first, firstAt);
  checkPlaces(header, disk, firstAt);
  if (metadata !== null && (header.databaseStart !== metadata.start || metadata.length < DATABASE_BYTES)) {
    throw ldmDamage(WHAT, 'its database is not the partition for it', firstAt);
  }
  for (const offset of COPIES) {
    const at = header.databaseStart + offset;
    const copy = await readSector(disk, at);
    decodePrivateHeader(copy, at);
    if (Buffer.compare(first, copy) === 0) continue;
    throw gateClosed('ldm-copies-differ', 'Copies of the private header of the dynamic disk differ', at);
  }
  return header;
}

async function readSector(disk: DiskBytes, at: number): Promise<Uint8Array> {
  if (!disk.fits(at, SECTOR_BYTES)) throw ldmDamage(WHAT, 'it lies outside the disk', at);
  return await readPiece(disk, at, SECTOR_BYTES);
}

function decodePrivateHeader(sector: Uint8Array, at: number): PrivateHeader {
  const fields = fieldsOf(sector, at, complainOf(WHAT));
  if (fields.ascii(0, MAGIC.length) !== MAGIC) throw fields.damage('it is missing', 0);
  requireByteSum(fields);
  const minor = fields.u16be(14);
  if (fields.u16be(12) !== 2 || (minor !== 11 && minor !== 12))
    throw fields.damage('it is of another version', 12);
  if (fields.u64be(307) !== DATABASE_SECTORS) throw fields.damage('its database has another size', 307);
  return {
    diskGuid: guidAt(fields, 48, 64),
    groupGuid: guidAt(fields, 176, 64),
    groupName: textOf(fields, 240, 32),
    dataArea: { start: fields.u64be(283) * SECTOR_BYTES, length: fields.u64be(291) * SECTOR_BYTES },
    databaseStart: fields.u64be(299) * SECTOR_BYTES,
  };
}

/** Both areas must lie on the disk, and apart. */
function checkPlaces({ dataArea, databaseStart }: PrivateHeader, disk: DiskBytes, at: number): void {
  const { start, length } = dataArea;
  if (!disk.fits(start, length) || !disk.fits(databaseStart, DATABASE_BYTES)) {
    throw ldmDamage(WHAT, 'its areas leave the disk', at);
  }
  const isApart = start + length <= databaseStart || databaseStart + DATABASE_BYTES <= start;
  if (!isApart) throw ldmDamage(WHAT, 'its data area reaches into the database', at);
}
