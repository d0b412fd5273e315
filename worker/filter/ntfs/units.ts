/**
 * Numbers and names of NTFS that several structures share. LCN: cluster of the volume. VCN: cluster of one attribute. Both count
 * from 0, in clusters.
 *
 * Source: docs/format/ntfs.md.
 */
import { type AppError } from '../../../shared/base/errors.ts';
import { type Complain } from '../fields.ts';
import { volumeDamage } from '../gate.ts';

/** Records of the MFT with a fixed meaning. */
export const recordNumbers = {
  mft: 0,
  mftMirror: 1,
  logFile: 2,
  volume: 3,
  root: 5,
  bitmap: 6,
  boot: 7,
  badClusters: 8,
  upperCase: 10,
  /** The last of the metafiles. */
  extend: 11,
} as const;

export const attributeTypes = {
  attributeList: 0x20,
  fileName: 0x30,
  volumeName: 0x60,
  volumeInformation: 0x70,
  content: 0x80,
  indexRoot: 0x90,
  indexAllocation: 0xa0,
  indexBitmap: 0xb0,
  reparsePoint: 0xc0,
  end: 0xffffffff,
} as const;

/** Records below this one, beside the root directory, are NTFS' own or reserved for it. */
export const FIRST_FILE_RECORD = 24;

/** Name of the attributes that make up a directory. */
export const DIRECTORY_INDEX = '$I30';

/** The boot file: boot code, and the header of the shadow copies at 0x1E00. Never dropped. */
export const BOOT_AREA_BYTES = 8192;

/** The error for a structure `what` that cannot be; `at` is the byte on the disk. */
export function ntfsDamage(what: string, problem: string, at: number): AppError {
  return volumeDamage(`the ${what}`, problem, at);
}

/** The same as a function of the problem, for `fieldsOf`. */
export const complainOf =
  (what: string): Complain =>
  (problem, at) =>
    ntfsDamage(what, problem, at);
