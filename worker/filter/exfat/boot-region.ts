/**
 * The boot region: 12 sectors at the start of the volume, a copy behind them. Little endian.
 *
 *   0   EB 76 90 "EXFAT   "         11  53 zeros where FAT has its numbers
 *   72  u64 sectors of the volume   80  u32 sector of the FAT       84  u32 sectors of the FAT
 *   88  u32 sector of the heap      92  u32 clusters                96  u32 first cluster of the root directory
 *   104 u16 revision, 0100          106 u16 flags: 1 second FAT, 2 dirty, 4 media failure
 *   108 u8 log2 of the sector bytes 109 u8 log2 of the sectors of a cluster
 *   110 u8 FATs, 2 with TexFAT      112 u8 percent in use, which is not trusted
 *   sector 11: the checksum of sectors 0 to 10 without the bytes 106, 107 and 112, as u32, again and again
 *
 * Source: docs/format/exfat.md, section 1.
 */
import { fieldsOf, type Fields } from '../fields.ts';
import { complainOf, gateClosed } from './units.ts';

const REGION_SECTORS = 12;
const MAX_SECTOR_SHIFT = 12;
/** What a boot region has at most. */
export const MAX_REGION_BYTES = REGION_SECTORS * 2 ** MAX_SECTOR_SHIFT;
const MAX_CLUSTER_SHIFT = 25;
const MAX_CLUSTERS = 2 ** 32 - 11;
const REVISION = 0x0100;
const FLAG_SECOND_FAT = 0x1;
const FLAG_DIRTY = 0x2;
const FLAG_MEDIA_FAILURE = 0x4;
const NOT_IN_CHECKSUM = new Set([106, 107, 112]);

/** Places in bytes of the volume. */
export interface BootRegion {
  readonly lengthBytes: number;
  readonly fatAt: number;
  readonly heapAt: number;
  readonly clusters: number;
  readonly clusterBytes: number;
  readonly rootCluster: number;
}

/**
 * Decodes the boot region at byte `at` of the disk.
 * @throws AppError `FS_STRUCTURE_INVALID` naming the field that cannot be, `FILTER_GATE_CLOSED` for a volume that is not to be trusted
 */
export function decodeBootRegion(bytes: Uint8Array, at: number): BootRegion {
  const fields = fieldsOf(bytes, at, complainOf('boot region'));
  const isExfat = fields.ascii(0, 11) === '\xeb\x76\x90EXFAT   ' && fields.u16(510) === 0xaa55;
  if (!isExfat || fields.slice(11, 53).some((byte) => byte !== 0)) {
    throw fields.damage('it is not of exFAT', 0);
  }
  const sectorShift = fields.u8(108);
  if (sectorShift < 9 || sectorShift > MAX_SECTOR_SHIFT) {
    throw fields.damage('sectors have no possible size', 108);
  }
  checkSum(fields, 2 ** sectorShift);
  if (fields.u16(104) !== REVISION) {
    throw gateClosed('exfat-version', 'The volume has an unknown revision of exFAT', at + 104);
  }
  checkTrust(fields);
  return decodePlaces(fields, sectorShift);
}

function checkSum(fields: Fields, sectorBytes: number): void {
  const body = fields.slice(0, (REGION_SECTORS - 1) * sectorBytes);
  let sum = 0;
  body.forEach((byte, i) => {
    if (!NOT_IN_CHECKSUM.has(i)) sum = (((sum & 1) << 31) | (sum >>> 1)) + byte;
    sum >>>= 0;
  });
  for (let offset = body.length; offset < body.length + sectorBytes; offset += 4) {
    if (fields.u32(offset) !== sum) throw fields.damage('its checksum does not match', offset);
  }
}

function checkTrust(fields: Fields): void {
  const flags = fields.u16(106);
  if (fields.u8(110) !== 1 || (flags & FLAG_SECOND_FAT) !== 0) {
    throw gateClosed('texfat', 'The volume has two FATs, and may have two bitmaps', fields.at + 110);
  }
  if ((flags & FLAG_DIRTY) !== 0) {
    throw gateClosed('volume-dirty', 'The volume was in use, or waits for a check', fields.at + 106);
  }
  if ((flags & FLAG_MEDIA_FAILURE) !== 0) {
    throw gateClosed('errors-marked', 'The volume is marked to have media failures', fields.at + 106);
  }
}

function decodePlaces(fields: Fields, sectorShift: number): BootRegion {
  const sectorBytes = 2 ** sectorShift;
  const clusterShift = sectorShift + fields.u8(109);
  if (clusterShift > MAX_CLUSTER_SHIFT) throw fields.damage('clusters have no possible size', 109);
  const clusterBytes = 2 ** clusterShift;
  const lengthBytes = fields.u64(72) * sectorBytes;
  const fatAt = fields.u32(80) * sectorBytes;
  const fatBytes = fields.u32(84) * sectorBytes;
  const heapAt = fields.u32(88) * sectorBytes;
  const clusters = fields.u32(92);
  const isFatPossible = fatAt >= 2 * REGION_SECTORS * sectorBytes && fatBytes >= (clusters + 2) * 4;
  if (!isFatPossible || heapAt < fatAt + fatBytes) throw fields.damage('the FAT has no possible place', 80);
  if (clusters === 0 || clusters > MAX_CLUSTERS || heapAt + clusters * clusterBytes > lengthBytes) {
    throw fields.damage(`${clusters} clusters do not fit the volume`, 92);
  }
  return { lengthBytes, fatAt, heapAt, clusters, clusterBytes, rootCluster: fields.u32(96) };
}
