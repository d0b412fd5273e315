/**
 * Attributes of a file record.
 *
 *   0 u32 type   4 u32 length, a multiple of 8   8 u8 non-resident   9 u8 name length, 10 u16 its offset   12 u16 flags   14 u16 id
 *   resident:      16 u32 value length   20 u16 value offset
 *   non-resident:  16 u64 first VCN   24 i64 last VCN   32 u16 offset of the runs
 *                  48 u64 size   56 u64 initialised size (both valid only where the first VCN is 0)
 *   flags: 0x00FF compressed, 0x4000 encrypted, 0x8000 sparse
 *
 * Source: docs/format/ntfs.md, section 4.
 */
import { type Fields, fieldsOf } from '../fields.ts';
import { type ClusterRun, decodeDataRuns } from './data-runs.ts';
import { attributeTypes, complainOf } from './units.ts';

interface AttributeHead {
  readonly type: number;
  /** Empty for the unnamed one. */
  readonly name: string;
  /** Compressed or encrypted: its bytes are not those of the file. */
  readonly isCoded: boolean;
  /** Where it begins on the disk. */
  readonly at: number;
}

export interface ResidentAttribute extends AttributeHead {
  readonly kind: 'resident';
  readonly value: Uint8Array;
  /** Where the value begins on the disk. */
  readonly valueAt: number;
}

export interface NonResidentAttribute extends AttributeHead {
  readonly kind: 'non-resident';
  readonly firstVcn: number;
  /** Clusters of this piece, holes included. */
  readonly clusters: number;
  readonly runs: readonly ClusterRun[];
  /** 0 in pieces that do not begin at VCN 0. */
  readonly sizeBytes: number;
  readonly initialisedBytes: number;
}

export type Attribute = ResidentAttribute | NonResidentAttribute;

const MIN_BYTES = 24;
const CODED_FLAGS = 0x40ff;

/**
 * All attributes between `from` and the end mark in the record `bytes`, which lies at `at` on the disk.
 * @throws AppError `FS_STRUCTURE_INVALID` for one that cannot be, or a list without an end
 */
export function decodeAttributes(bytes: Uint8Array, at: number, from: number, clusters: number): Attribute[] {
  const record = fieldsOf(bytes, at, complainOf('attribute'));
  const attributes: Attribute[] = [];
  let position = from;
  while (record.u32(position) !== attributeTypes.end) {
    const length = record.u32(position + 4);
    if (length < MIN_BYTES || length % 8 !== 0) throw record.damage(`it has ${length} bytes`, position + 4);
    attributes.push(decodeAttribute(record.slice(position, length), at + position, clusters));
    position += length;
  }
  return attributes;
}

function decodeAttribute(bytes: Uint8Array, at: number, clusters: number): Attribute {
  const fields = fieldsOf(bytes, at, complainOf('attribute'));
  const head: AttributeHead = {
    type: fields.u32(0),
    name: fields.utf16(fields.u16(10), fields.u8(9)),
    isCoded: (fields.u16(12) & CODED_FLAGS) !== 0,
    at,
  };
  if (fields.u8(8) !== 0) return decodeNonResident(fields, head, clusters);
  const valueOffset = fields.u16(20);
  const value = fields.slice(valueOffset, fields.u32(16));
  return { ...head, kind: 'resident', value, valueAt: at + valueOffset };
}

function decodeNonResident(
  fields: Fields,
  head: AttributeHead,
  volumeClusters: number,
): NonResidentAttribute {
  const firstVcn = fields.u64(16);
  const clusters = fields.i64(24) - firstVcn + 1;
  const runsOffset = fields.u16(32);
  const runBytes = fields.slice(runsOffset, fields.lengthBytes - runsOffset);
  const runs = decodeDataRuns(runBytes, head.at + runsOffset, volumeClusters);
  const mapped = runs.reduce((sum, run) => sum + run.clusters, 0);
  if (mapped !== clusters) throw fields.damage(`its runs map ${mapped} clusters of ${clusters}`, 16);
  const isFirst = firstVcn === 0;
  return {
    ...head,
    kind: 'non-resident',
    firstVcn,
    clusters,
    runs,
    sizeBytes: isFirst ? fields.u64(48) : 0,
    initialisedBytes: isFirst ? fields.u64(56) : 0,
  };
}
