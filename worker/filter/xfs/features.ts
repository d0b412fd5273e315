/**
 * Features of XFS. Version 4 has them in the version word and one more word, version 5 in four words: compatible, read-only
 * compatible (must not write), incompatible (must not read), and incompatible for the log. What is not named here keeps the
 * volume whole.
 *
 * Source: docs/format/xfs.md, section 2.
 */
import { type Fields } from '../fields.ts';
import { gateClosed } from './units.ts';

/** Attributes, link counts, quota, alignment of inodes and data, new log, sectors, unwritten extents, new directories, and so on. */
const VERSION_4_KNOWN = 0x10 | 0x20 | 0x40 | 0x80 | 0x100 | 0x400 | 0x800 | 0x1000 | 0x2000 | 0x4000 | 0x8000;
/** Long link counts, unwritten extents, new directories: without them it is older than what Linux still reads. */
const VERSION_4_NEEDED = 0x20 | 0x1000 | 0x2000;
const HAS_MORE = 0x8000;
const HAS_LOG_2 = 0x400;
/** Lazy counters, attributes 2, project ids of 32 bits, CRC, file types. */
const MORE_KNOWN = 0x2 | 0x8 | 0x80 | 0x100 | 0x200;

/** Trees of free inodes, of owners, of shared blocks; counts of inode blocks. */
const RO_COMPAT_KNOWN = 0x1 | 0x2 | 0x4 | 0x8;
const INCOMPAT_NEEDS_REPAIR = 0x10;
const INCOMPAT_META_UUID = 0x4;
/** File types, sparse inodes, another UUID, big times, large extent counts, exchange of contents, parent pointers. */
const INCOMPAT_KNOWN = 0x1 | 0x2 | INCOMPAT_META_UUID | 0x8 | 0x20 | 0x40 | 0x80;

export interface Features {
  /** Metadata has checksums: version 5. */
  readonly hasCrc: boolean;
  readonly hasLog2: boolean;
  /** Metadata bears the UUID at 248, the log the one at 32. */
  readonly hasMetaUuid: boolean;
}

/**
 * Reads the features of a superblock and lets pass what the filter understands.
 * @throws AppError `FS_STRUCTURE_INVALID` or `FILTER_GATE_CLOSED`
 */
export function decodeFeatures(fields: Fields): Features {
  const word = fields.u16be(100);
  const version = word & 0xf;
  if (version !== 4 && version !== 5) {
    throw gateClosed('xfs-features', `The volume has the unknown version ${version}`, fields.at + 100);
  }
  if (version === 4) {
    if ((word & VERSION_4_NEEDED) !== VERSION_4_NEEDED) {
      throw gateClosed('xfs-features', 'The volume is older than what Linux still reads', fields.at + 100);
    }
    checkKnown(fields, { at: 100, word: word & ~0xf, known: VERSION_4_KNOWN });
    const more = (word & HAS_MORE) === 0 ? 0 : fields.u32be(200);
    checkKnown(fields, { at: 200, word: more, known: MORE_KNOWN });
    return { hasCrc: false, hasLog2: (word & HAS_LOG_2) !== 0, hasMetaUuid: false };
  }
  const incompat = fields.u32be(216);
  if ((incompat & INCOMPAT_NEEDS_REPAIR) !== 0) {
    throw gateClosed('errors-marked', 'The volume is marked to need a repair', fields.at + 216);
  }
  checkKnown(fields, { at: 208, word: fields.u32be(208), known: 0 });
  checkKnown(fields, { at: 212, word: fields.u32be(212), known: RO_COMPAT_KNOWN });
  checkKnown(fields, { at: 216, word: incompat, known: INCOMPAT_KNOWN });
  checkKnown(fields, { at: 220, word: fields.u32be(220), known: 0 });
  return { hasCrc: true, hasLog2: true, hasMetaUuid: (incompat & INCOMPAT_META_UUID) !== 0 };
}

interface FeatureWord {
  readonly at: number;
  readonly word: number;
  readonly known: number;
}

function checkKnown(fields: Fields, { at, word, known }: FeatureWord): void {
  const unknown = (word & ~known) >>> 0;
  if (unknown === 0) return;
  const bits = `0x${unknown.toString(16)}`;
  throw gateClosed('xfs-features', `The volume has features that are not known: ${bits}`, fields.at + at);
}
