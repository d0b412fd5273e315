/**
 * File records: the entries of the MFT.
 *
 *   0 "FILE"   16 u16 sequence   20 u16 offset of the first attribute   22 u16 flags: 1 in use, 2 directory
 *   24 u32 bytes in use   32 u64 reference of the base record, 0 in a base record
 *
 * A reference is 48 bits of record number and 16 bits of sequence. Source: docs/format/ntfs.md, section 4.
 */
import { fieldsOf, type Fields } from '../fields.ts';
import { type Attribute, decodeAttributes } from './attribute.ts';
import { decodeFixup } from './fixup.ts';
import { complainOf } from './units.ts';

export interface FileReference {
  readonly number: number;
  readonly sequence: number;
}

export interface FileRecord {
  readonly number: number;
  /** Where it begins on the disk. */
  readonly at: number;
  readonly sequence: number;
  readonly isInUse: boolean;
  readonly isDirectory: boolean;
  /** The record that this one extends, or null. */
  readonly base: FileReference | null;
  readonly attributes: readonly Attribute[];
}

/** Where a record lies and what it may point to. */
export interface RecordPlace {
  readonly number: number;
  readonly at: number;
  readonly volumeClusters: number;
}

/**
 * Decodes the record in `raw`, fix-ups included.
 * @throws AppError `FS_STRUCTURE_INVALID` when it is torn or contradicts itself
 */
export function decodeFileRecord(raw: Uint8Array, place: RecordPlace): FileRecord {
  const { number, at, volumeClusters } = place;
  const what = `file record ${number}`;
  const bytes = decodeFixup(raw, at, 'FILE', what);
  const fields = fieldsOf(bytes, at, complainOf(what));
  const flags = fields.u16(22);
  const used = fields.u32(24);
  if (used > raw.length) throw fields.damage(`it uses ${used} of ${raw.length} bytes`, 24);
  return {
    number,
    at,
    sequence: fields.u16(16),
    isInUse: (flags & 1) !== 0,
    isDirectory: (flags & 2) !== 0,
    base: decodeBase(fields),
    attributes: decodeAttributes(bytes.subarray(0, used), at, fields.u16(20), volumeClusters),
  };
}

function decodeBase(fields: Fields): FileReference | null {
  const base = decodeReference(fields, 32);
  return base.number === 0 && base.sequence === 0 ? null : base;
}

/** A reference at `offset`. */
export function decodeReference(fields: Fields, offset: number): FileReference {
  return {
    number: fields.u32(offset) + fields.u16(offset + 4) * 2 ** 32,
    sequence: fields.u16(offset + 6),
  };
}
