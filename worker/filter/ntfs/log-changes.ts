/**
 * What the records of an open log allocate: every range of clusters that one of them sets in $Bitmap, when it is done again or
 * undone.
 *
 *   0 u16 redo   2 u16 undo   4, 6 u16 place and length of the redo data   8, 10 of the undo data   14 u16 number of LCNs
 *   16, 18 u16 offsets in the block   20 u16 block in the cluster, of 512 bytes   24 u64 VCN   32 u64 LCNs
 *   operations: 0 nothing   1 compensation   0x15 set bits, 0x16 clear bits: data u32 first bit, u32 bits
 *
 * Source: docs/format/ntfs.md, section 8.
 */
import { SECTOR_BYTES } from '../../../shared/base/units.ts';
import { type Extent } from '../../../shared/domain/extent.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import { type ClusterRun } from './data-runs.ts';
import { gateClosed } from './gate.ts';
import { CHANGE, type LogRecord } from './log-records.ts';
import { complainOf } from './units.ts';

const SET_BITS = 0x15;
/** Nothing, compensation, set and clear bits: what may happen to $Bitmap. */
const KNOWN_OPERATIONS = [0, 1, SET_BITS, 0x16];
const HEAD_BYTES = 32;

/** Where $Bitmap lies, and how large its volume is. */
export interface BitmapPlace {
  readonly runs: readonly ClusterRun[];
  readonly clusterBytes: number;
  readonly clusters: number;
}

/**
 * The clusters that a record sets in $Bitmap; `at` is where the log lies, for messages.
 * @throws AppError `FILTER_GATE_CLOSED` for a change of $Bitmap that is not understood
 */
export function allocationsOf(record: LogRecord, bitmap: BitmapPlace, at: number): Extent[] {
  if (record.type !== CHANGE) return [];
  const fields = fieldsOf(record.data, at, complainOf(`log record ${record.lsn}`));
  const fail = (): Error =>
    gateClosed(
      'log-unreadable',
      `The log is open, and record ${record.lsn} changes $Bitmap in an unknown way`,
      at,
    );
  if (fields.lengthBytes < HEAD_BYTES) throw fail();
  const operations = [fields.u16(0), fields.u16(2)];
  if (fields.u16(14) === 0) return [];
  if (fields.lengthBytes < HEAD_BYTES + 8) throw fail();
  const vcn = vcnOf(bitmap, fields.u64(HEAD_BYTES));
  if (vcn === null) return [];
  if (vcn !== fields.u64(24) || !operations.every((code) => KNOWN_OPERATIONS.includes(code))) throw fail();
  const offsets = [fields.u16(16), fields.u16(18)];
  if (!offsets.includes(0)) throw fail();
  const inBlock = Math.max(...offsets);
  const base = (vcn * bitmap.clusterBytes + fields.u16(20) * SECTOR_BYTES + inBlock) * 8;
  const sets = [4, 8].filter((_, index) => operations[index] === SET_BITS);
  return sets.map((place) => {
    const extent = decodeBits(fields, place, base);
    if (extent === null || extent.length > bitmap.clusters - extent.start) throw fail();
    return extent;
  });
}

function decodeBits(fields: Fields, place: number, base: number): Extent | null {
  const offset = fields.u16(place);
  if (fields.u16(place + 2) < 8 || offset + 8 > fields.lengthBytes) return null;
  return { start: base + fields.u32(offset), length: fields.u32(offset + 4) };
}

/** The VCN of $Bitmap that lies in cluster `lcn`, or null. */
function vcnOf({ runs }: BitmapPlace, lcn: number): number | null {
  let vcn = 0;
  for (const run of runs) {
    if (run.lcn !== null && lcn >= run.lcn && lcn < run.lcn + run.clusters) return vcn + lcn - run.lcn;
    vcn += run.clusters;
  }
  return null;
}
