/**
 * The runs of a file record without anything else of it: what file-record.ts, attribute.ts and data-runs.ts decode with all checks and
 * names, for walks over millions of records. It knows the plain case only and steps back from everything else, so those stay
 * the ones that say what is damaged.
 *
 * Source: docs/format/ntfs.md, section 4; byte tables in the files named above.
 */
import { SECTOR_BYTES } from '../../../shared/base/units.ts';
import { attributeTypes } from './units.ts';

const FILE_MAGIC = 0x454c4946;
const MIN_ATTRIBUTE_BYTES = 24;
const NON_RESIDENT_BYTES = 64;
/** Numbers of up to this many bytes are exact. */
const MAX_FIELD_BYTES = 6;
const HIGH_WORD = 2 ** 32;

export interface RunScanner {
  /** Tells all runs of the record in `raw`; false when it is not a plain one, whose runs may have been told in part. */
  scan(raw: Uint8Array): boolean;
}

/** A scanner for records of one size on a volume of `clusters`; holes are not told. */
export function createRunScanner(
  recordBytes: number,
  clusters: number,
  onRun: (start: number, end: number) => void,
): RunScanner {
  const bytes = new Uint8Array(recordBytes);
  const view = new DataView(bytes.buffer);

  /** Clusters that the runs between `from` and `end` map, or -1. */
  function scanRuns(from: number, end: number): number {
    let mapped = 0;
    let lcn = 0;
    for (let at = from; at < end;) {
      const header = view.getUint8(at);
      if (header === 0) return mapped;
      const lengthField = header & 0x0f;
      const offsetField = header >> 4;
      const next = at + 1 + lengthField + offsetField;
      if (Math.max(lengthField, offsetField) > MAX_FIELD_BYTES || next > end) return -1;
      const length = unsigned(view, at + 1, lengthField);
      if (length === 0) return -1;
      if (offsetField > 0) {
        lcn += signed(view, at + 1 + lengthField, offsetField);
        if (lcn < 0 || length > clusters - lcn) return -1;
        onRun(lcn, lcn + length);
      }
      mapped += length;
      at = next;
    }
    return -1;
  }
  function scanAttribute(at: number, length: number): boolean {
    const nameEnd = view.getUint16(at + 10, true) + 2 * view.getUint8(at + 9);
    if (nameEnd > length) return false;
    if (view.getUint8(at + 8) === 0) {
      return view.getUint16(at + 20, true) + view.getUint32(at + 16, true) <= length;
    }
    if (length < NON_RESIDENT_BYTES) return false;
    const wanted = u64(view, at + 24) - u64(view, at + 16) + 1;
    return scanRuns(at + view.getUint16(at + 32, true), at + length) === wanted;
  }
  return {
    scan(raw) {
      bytes.set(raw);
      const used = view.getUint32(24, true);
      if (!undoFixups(view, recordBytes) || used > recordBytes) return false;
      for (let at = view.getUint16(20, true); at + 4 <= used;) {
        if (view.getUint32(at, true) === attributeTypes.end) return true;
        if (at + MIN_ATTRIBUTE_BYTES > used) return false;
        const length = view.getUint32(at + 4, true);
        if (length < MIN_ATTRIBUTE_BYTES || length % 8 !== 0 || at + length > used) return false;
        if (!scanAttribute(at, length)) return false;
        at += length;
      }
      return false;
    },
  };
}

/** False when the record was written only in part, or is none. */
function undoFixups(view: DataView, recordBytes: number): boolean {
  const array = view.getUint16(4, true);
  const strides = recordBytes / SECTOR_BYTES;
  if (view.getUint32(0, true) !== FILE_MAGIC || view.getUint16(6, true) !== strides + 1) return false;
  if (array % 2 !== 0 || array + 2 * (strides + 1) > SECTOR_BYTES - 2) return false;
  const sequence = view.getUint16(array, true);
  for (let stride = 1; stride <= strides; stride++) {
    const end = stride * SECTOR_BYTES - 2;
    if (view.getUint16(end, true) !== sequence) return false;
    view.setUint16(end, view.getUint16(array + 2 * stride, true), true);
  }
  return true;
}

const u64 = (view: DataView, at: number): number =>
  view.getUint32(at + 4, true) * HIGH_WORD + view.getUint32(at, true);

function unsigned(view: DataView, at: number, length: number): number {
  let value = 0;
  for (let i = length - 1; i >= 0; i--) value = value * 256 + view.getUint8(at + i);
  return value;
}

function signed(view: DataView, at: number, length: number): number {
  const value = unsigned(view, at, length);
  return view.getUint8(at + length - 1) < 0x80 ? value : value - 256 ** length;
}
