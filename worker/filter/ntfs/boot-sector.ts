/**
 * The boot sector of an NTFS volume: the first 512 bytes.
 *
 *   3   "NTFS    "                    11 u16 bytes per sector, 256 to 4096
 *   13  u8 sectors per cluster: 1 to 128, a power of 2, or 0xF0 to 0xFD for 2^(256 - x)
 *   14 … 27, 32  must be 0 (what FAT keeps there)
 *   40  u64 sectors of the volume; the sector after the last holds a copy of the boot sector
 *   48  u64 LCN of $MFT               56 u64 LCN of $MFTMirr
 *   64  i8 file record size, 68 i8 index record size: clusters when positive, 2^-x bytes when negative
 *
 * Source: docs/format/ntfs.md, section 2. The signature at 510 is not insisted on, the hidden sectors at 28 are not used.
 */
import { MiB, SECTOR_BYTES } from '../../../shared/base/units.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import { complainOf } from './units.ts';

export interface BootSector {
  readonly sectorBytes: number;
  readonly clusterBytes: number;
  readonly totalSectors: number;
  /** Whole clusters; the sectors after them belong to none. */
  readonly clusters: number;
  readonly mftLcn: number;
  readonly mftMirrorLcn: number;
  readonly recordBytes: number;
  readonly indexBytes: number;
}

const MAX_CLUSTER_BYTES = 2 * MiB;
const RECORD_SIZES = [1024, 2048, 4096];
const MIN_INDEX_BYTES = 512;
const MAX_INDEX_BYTES = 64 * 1024;

/**
 * Decodes the boot sector of the volume that begins at byte `at` of the disk.
 * @throws AppError `FS_STRUCTURE_INVALID` naming the field that cannot be
 */
export function decodeBootSector(bytes: Uint8Array, at: number): BootSector {
  const fields = fieldsOf(bytes.subarray(0, SECTOR_BYTES), at, complainOf('boot sector'));
  if (fields.ascii(3, 8) !== 'NTFS    ') throw fields.damage('it is not of NTFS', 3);
  checkZeros(fields);
  const sectorBytes = fields.u16(11);
  if (!isPowerOfTwo(sectorBytes) || sectorBytes < 256 || sectorBytes > 4096) {
    throw fields.damage(`sectors have ${sectorBytes} bytes`, 11);
  }
  const clusterBytes = decodeSectorsPerCluster(fields) * sectorBytes;
  if (clusterBytes > MAX_CLUSTER_BYTES) throw fields.damage(`clusters have ${clusterBytes} bytes`, 13);
  const totalSectors = fields.u64(40);
  const clusters = Math.floor(totalSectors / (clusterBytes / sectorBytes));
  const place = decodeMftPlaces(fields, clusters);
  const recordBytes = decodeSize(fields, 64, clusterBytes);
  if (!RECORD_SIZES.includes(recordBytes)) throw fields.damage(`file records have ${recordBytes} bytes`, 64);
  const indexBytes = decodeSize(fields, 68, clusterBytes);
  if (!isPowerOfTwo(indexBytes) || indexBytes < MIN_INDEX_BYTES || indexBytes > MAX_INDEX_BYTES) {
    throw fields.damage(`index records have ${indexBytes} bytes`, 68);
  }
  return { sectorBytes, clusterBytes, totalSectors, clusters, ...place, recordBytes, indexBytes };
}

function checkZeros(fields: Fields): void {
  const isFat =
    fields.slice(14, 7).some((byte) => byte !== 0) || fields.u16(22) !== 0 || fields.u32(32) !== 0;
  if (isFat) throw fields.damage('fields that NTFS leaves empty are filled', 14);
}

function decodeSectorsPerCluster(fields: Fields): number {
  const value = fields.u8(13);
  if (value >= 0xf0 && value <= 0xfd) return 2 ** (256 - value);
  if (value > 128 || !isPowerOfTwo(value)) throw fields.damage(`the cluster size byte is ${value}`, 13);
  return value;
}

function decodeMftPlaces(fields: Fields, clusters: number): { mftLcn: number; mftMirrorLcn: number } {
  const mftLcn = fields.u64(48);
  const mftMirrorLcn = fields.u64(56);
  const isInside = (lcn: number): boolean => lcn > 0 && lcn < clusters;
  if (!isInside(mftLcn) || !isInside(mftMirrorLcn) || mftLcn === mftMirrorLcn) {
    throw fields.damage('the MFT has no possible place', 48);
  }
  return { mftLcn, mftMirrorLcn };
}

function decodeSize(fields: Fields, offset: number, clusterBytes: number): number {
  const value = fields.i8(offset);
  return value > 0 ? value * clusterBytes : 2 ** -value;
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && Number.isInteger(Math.log2(value));
}
