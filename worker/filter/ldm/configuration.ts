/**
 * The configuration of a disk group: a header, then records in entries of 128 bytes. Every disk has a copy. Big endian.
 *
 *   header  0 "VMDB"   4 u32 number of entries, those before the first one counted   8 u32 bytes of an entry   12 u32 first one
 *           16 u16 1 = at rest   18 u16 4, u16 10   53 GUID of the group, text   117 u64 committed, 125 u64 pending change
 *           133 u32 volumes, components, partitions, disks committed   161 the same pending   189 u64 time of the last access
 *   entry   0 "VBLK"   4 u32 own number   8 u32 record   12 u16 which entry of it   14 u16 its entries, 0 = unused   16 … content
 *   record  (the contents of its entries)   0 u16 0 = at rest   2 u8 flags   3 u8 type   4 u32 bytes of the object   8 … object
 *
 * Source: docs/format/ldm.md, section 3.
 */
import { createHash } from 'node:crypto';
import { type AppError } from '../../../shared/base/errors.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import { complainOf, gateClosed, grouped, guidAt } from './units.ts';

const WHAT = 'configuration';
const ENTRY_BYTES = 128;
const ENTRY_HEADER_BYTES = 16;
const FIRST_ENTRY = 512;
const LAST_ACCESS = 189;
const AT_REST = 1;
/** The kernel's bound is 4. */
const MAX_ENTRIES_OF_RECORD = 16;

/** In the order of the header: volumes, components, partitions, disks. */
export type ObjectCounts = readonly [number, number, number, number];

export interface ConfigurationRecord {
  readonly type: number;
  readonly flags: number;
  /** The object, without the head of the record; `at` is where its first entry lies on the disk. */
  readonly object: Fields;
}

export interface Configuration {
  readonly groupGuid: string;
  /** Number of the last change. */
  readonly sequence: number;
  readonly counts: ObjectCounts;
  readonly records: readonly ConfigurationRecord[];
  /** Equal for copies that say the same. */
  readonly digest: string;
}

/**
 * Decodes the copy of one disk, which lies at `at` on it.
 * @throws AppError `FS_STRUCTURE_INVALID`, `FILTER_GATE_CLOSED` in the middle of a change
 */
export function decodeConfiguration(bytes: Uint8Array, at: number): Configuration {
  const fields = fieldsOf(bytes, at, complainOf(WHAT));
  if (fields.ascii(0, 4) !== 'VMDB') throw fields.damage('it is missing', 0);
  if (fields.u16be(18) !== 4 || fields.u16be(20) !== 10) throw fields.damage('it is of another version', 18);
  if (fields.u32be(8) !== ENTRY_BYTES || fields.u32be(12) !== FIRST_ENTRY) {
    throw fields.damage('its entries have another size', 8);
  }
  const counts = countsAt(fields, 133);
  const sequence = fields.u64be(117);
  const isAtRest = fields.u16be(16) === AT_REST && fields.u64be(125) === sequence;
  if (!isAtRest || countsAt(fields, 161).some((count, i) => count !== counts[i])) throw inChange(at);
  const entries = usedEntries(fields);
  return {
    groupGuid: guidAt(fields, 53, 64),
    sequence,
    counts,
    records: joinRecords(entries),
    digest: digestOf(fields, entries),
  };
}

const inChange = (at: number): AppError =>
  gateClosed('ldm-busy', 'The configuration of the dynamic disks was being changed', at);

const countsAt = (fields: Fields, offset: number): ObjectCounts => [
  fields.u32be(offset),
  fields.u32be(offset + 4),
  fields.u32be(offset + 8),
  fields.u32be(offset + 12),
];

function usedEntries(fields: Fields): Fields[] {
  const total = fields.u32be(4);
  if (total > fields.lengthBytes / ENTRY_BYTES) throw fields.damage('it has more entries than room', 4);
  const used: Fields[] = [];
  for (let offset = FIRST_ENTRY; offset < total * ENTRY_BYTES; offset += ENTRY_BYTES) {
    const entry = fieldsOf(fields.slice(offset, ENTRY_BYTES), fields.at + offset, complainOf('record'));
    if (entry.ascii(0, 4) !== 'VBLK') throw entry.damage('it is missing', 0);
    if (entry.u16be(14) > 0) used.push(entry);
  }
  return used;
}

/** Records lie in one entry or several, which need not follow each other. */
function joinRecords(entries: readonly Fields[]): ConfigurationRecord[] {
  const byRecord = grouped(entries, (entry) => entry.u32be(8));
  return [...byRecord.values()].map((own) => {
    const sorted = own.toSorted((a, b) => a.u16be(12) - b.u16be(12));
    const [first] = sorted;
    const total = first?.u16be(14);
    const isWhole =
      sorted.length === total &&
      total <= MAX_ENTRIES_OF_RECORD &&
      sorted.every((entry, i) => entry.u16be(12) === i && entry.u16be(14) === total);
    if (first === undefined || !isWhole)
      throw complainOf('record')('its entries are not all there', own[0]?.at ?? 0);
    const contents = sorted.map((entry) => entry.slice(ENTRY_HEADER_BYTES, ENTRY_BYTES - ENTRY_HEADER_BYTES));
    return decodeRecord(Buffer.concat(contents), first.at);
  });
}

function decodeRecord(content: Uint8Array, at: number): ConfigurationRecord {
  const fields = fieldsOf(content, at, complainOf('record'));
  if (fields.u16be(0) !== 0) throw inChange(at);
  const object = fieldsOf(fields.slice(8, fields.u32be(4)), at, complainOf('record'));
  return { flags: fields.u8(2), type: fields.u8(3), object };
}

/** Of all that the configuration says; the time of the last access is not part of it. */
function digestOf(header: Fields, entries: readonly Fields[]): string {
  const hash = createHash('sha256').update(header.slice(0, LAST_ACCESS));
  for (const entry of entries) hash.update(entry.slice(0, ENTRY_BYTES));
  return hash.digest('hex');
}
