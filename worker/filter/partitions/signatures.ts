/**
 * Which file system a volume holds, told by its first bytes. Those that are not looked into get a name for the report.
 *
 *   3     "NTFS    ", "EXFAT   ", "ReFS", "-FVE-FS-" (BitLocker)     54, 82  "FAT12", "FAT16", "HPFS", "FAT32"
 *   424   GUID of BitLocker To Go behind a FAT boot sector           0       "XFSB", "LUKS" BA BE
 *   0 … 1536 at a sector  "LABELONE", 24 on: "LVM2 001"              1080    EF53: ext2, ext3, ext4
 *   4086  "SWAPSPACE2", "SWAP-SPACE", "S1SUSPEND" …: swap, also at the end of a larger page
 *   0, 4096 A92B4EFC: Linux RAID 1.1, 1.2
 *   65600 "_BHRfS_M": btrfs
 *
 * Sources: docs/format/ntfs.md, section 1; the others' magics as in libblkid.
 */
import { type Complain, fieldsOf, guidText, type Fields } from '../fields.ts';
import { PAGE_SIZES, swapUse } from '../swap/signature.ts';
import { tableDamage } from './partition.ts';

/** Enough to see every signature. */
export const HEAD_BYTES = 68 * 1024;

/** The larger ones reach past the first 8 KiB. */
const SMALL_PAGE_BYTES = 4096;
const TO_GO_GUID = '4967d63b-2e29-4ad8-8399-f6a339e3d001';
const RAID_MAGIC = 0xa92b4efc;
const EXT_MAGIC = 0xef53;
const EXT_HAS_JOURNAL = 0x4;
/** Extents, 64-bit or flexible groups: features that only ext4 has. */
const EXT4_FEATURES = 0x40 | 0x80 | 0x200;

type Probe = (head: Fields) => string | null;

const textAt =
  (offset: number, text: string, name: string): Probe =>
  (head) =>
    hasText(head, offset, text) ? name : null;

/** File systems whose first sector is their own: with one of these at sector 0 there is no partition table. */
const bootSectorProbes: readonly Probe[] = [
  textAt(3, '-FVE-FS-', 'BitLocker'),
  (head) => (hasGuid(head, 424, TO_GO_GUID) ? 'BitLocker' : null),
  textAt(3, 'ReFS\0', 'ReFS'),
  textAt(3, 'NTFS    ', 'NTFS'),
  textAt(3, 'EXFAT   ', 'exFAT'),
  textAt(82, 'FAT32', 'FAT32'),
  textAt(54, 'FAT16', 'FAT16'),
  textAt(54, 'FAT12', 'FAT12'),
  textAt(54, 'HPFS', 'HPFS'),
];

/** Structures in the first 8 KiB, which an NTFS volume fills with its own boot file. */
const nearProbes: readonly Probe[] = [
  textAt(0, 'XFSB', 'XFS'),
  textAt(0, 'LUKS\xba\xbe', 'LUKS'),
  (head) => ([0, 512, 1024, 1536].some((offset) => hasLvmLabel(head, offset)) ? 'LVM2' : null),
  extName,
  (head) => (swapUse(head, SMALL_PAGE_BYTES) === null ? null : 'swap'),
  (head) => ([0, 4096].some((offset) => hasMagic(head, offset, RAID_MAGIC)) ? 'Linux RAID' : null),
];

const farProbes: readonly Probe[] = [
  textAt(65600, '_BHRfS_M', 'btrfs'),
  (head) => (PAGE_SIZES.some((pageBytes) => swapUse(head, pageBytes) !== null) ? 'swap' : null),
];

const complain: Complain = tableDamage;

/** The file system whose boot sector `head` begins with, or null. */
export function detectBootSector(head: Uint8Array): string | null {
  return firstHit(bootSectorProbes, fieldsOf(head, 0, complain));
}

export interface Detected {
  /** `unknown` when nothing is recognised. */
  readonly fileSystem: string;
  /** Another one whose structure lies in the first 8 KiB, too: one of the two is left over. */
  readonly rival: string | null;
}

/** What the first `HEAD_BYTES` (or fewer, of a small volume) say. */
export function detectFileSystem(head: Uint8Array): Detected {
  const fields = fieldsOf(head, 0, complain);
  const boot = firstHit(bootSectorProbes, fields);
  const [near = null, second = null] = allHits(nearProbes, fields);
  if (boot !== null) return { fileSystem: boot, rival: near };
  return { fileSystem: near ?? firstHit(farProbes, fields) ?? 'unknown', rival: second };
}

function firstHit(probes: readonly Probe[], head: Fields): string | null {
  return allHits(probes, head)[0] ?? null;
}

function allHits(probes: readonly Probe[], head: Fields): string[] {
  return probes.map((probe) => probe(head)).filter((name) => name !== null);
}

function extName(head: Fields): string | null {
  const isExt =
    head.lengthBytes >= 2048 &&
    head.u16(1080) === EXT_MAGIC &&
    head.u32(1028) > 0 && // blocks
    head.u32(1048) <= 6; // log2 of the block size, in KiB
  if (!isExt) return null;
  if ((head.u32(1120) & EXT4_FEATURES) !== 0) return 'ext4';
  return (head.u32(1116) & EXT_HAS_JOURNAL) !== 0 ? 'ext3' : 'ext2';
}

function hasLvmLabel(head: Fields, offset: number): boolean {
  return hasText(head, offset, 'LABELONE') && hasText(head, offset + 24, 'LVM2 001');
}

function hasText(head: Fields, offset: number, text: string): boolean {
  return offset + text.length <= head.lengthBytes && head.ascii(offset, text.length) === text;
}

function hasGuid(head: Fields, offset: number, guid: string): boolean {
  return offset + 16 <= head.lengthBytes && guidText(head.slice(offset, 16)) === guid;
}

function hasMagic(head: Fields, offset: number, magic: number): boolean {
  return offset + 4 <= head.lengthBytes && head.u32(offset) === magic;
}
