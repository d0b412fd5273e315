/**
 * Features of ext2, ext3 and ext4, as bits of three words in the superblock: compatible (a stranger may write), incompatible (must not
 * even read) and read-only compatible (must not write). What is not named here keeps the volume whole, except for compatible ones.
 *
 * Source: docs/format/ext.md, section 2.
 */
import { gateClosed } from './units.ts';

export const compat = { hasJournal: 0x4, sparseSuper2: 0x200 } as const;

export const incompat = {
  recover: 0x4,
  journalDevice: 0x8,
  metaBg: 0x10,
  extents: 0x40,
  is64Bit: 0x80,
  flexBg: 0x200,
  checksumSeed: 0x2000,
} as const;

export const roCompat = {
  sparseSuper: 0x1,
  gdtChecksum: 0x10,
  bigalloc: 0x200,
  metadataChecksum: 0x400,
} as const;

export interface Features {
  readonly compat: number;
  readonly incompat: number;
  readonly roCompat: number;
}

/** Names as e2fsprogs prints them, for the ones that say nothing new about free space. */
const knownIncompat =
  0x2 | // filetype
  incompat.recover |
  incompat.metaBg |
  incompat.extents |
  incompat.is64Bit |
  0x100 | // mmp
  incompat.flexBg |
  0x400 | // ea_inode
  incompat.checksumSeed |
  0x4000 | // large_dir
  0x8000 | // inline_data
  0x10000 | // encrypt
  0x20000; // casefold

const knownRoCompat =
  roCompat.sparseSuper |
  0x2 | // large_file
  0x4 | // btree_dir
  0x8 | // huge_file
  roCompat.gdtChecksum |
  0x20 | // dir_nlink
  0x40 | // extra_isize
  0x100 | // quota
  roCompat.bigalloc |
  roCompat.metadataChecksum |
  0x1000 | // read-only
  0x2000 | // project
  0x8000 | // verity
  0x10000; // orphan_present

/**
 * Lets pass what the filter understands; `at` is the place of the superblock on the disk.
 * @throws AppError `FILTER_GATE_CLOSED` for a device that holds the journal of another one, and for unknown features
 */
export function checkFeatures(features: Features, at: number): void {
  if ((features.incompat & incompat.journalDevice) !== 0) {
    throw gateClosed('journal-external', 'It holds the journal of another volume', at + 96);
  }
  const unknown = {
    incompat: features.incompat & ~knownIncompat,
    roCompat: features.roCompat & ~knownRoCompat,
  };
  if (unknown.incompat === 0 && unknown.roCompat === 0) return;
  const words = `${hex(unknown.incompat)} and ${hex(unknown.roCompat)}`;
  throw gateClosed('ext-features', `The volume has features that are not known: ${words}`, at + 96);
}

/** The name by which the family member goes that first had such features. */
export function nameByFeatures(features: Features): string {
  const onlyExt4 = incompat.extents | incompat.is64Bit | incompat.flexBg;
  if ((features.incompat & onlyExt4) !== 0) return 'ext4';
  return (features.compat & compat.hasJournal) !== 0 ? 'ext3' : 'ext2';
}

const hex = (bits: number): string => `0x${(bits >>> 0).toString(16)}`;
