/**
 * RAID-5: row r has its parity in column n − 1 − (r mod n), and its n − 1 stripes in the columns behind that one, going round.
 *
 * What is free is dropped where all stripes of a row are free at the same place, together with the parity beside them: zeros are the
 * parity of zeros. Where one of them is in use, the row is kept at that place, so that its parity stays true.
 *
 * Source: docs/format/ldm.md, section 6.
 */
import { MiB, SECTOR_BYTES } from '../../../shared/base/units.ts';
import { endOf, intersect } from '../../../shared/domain/extent.ts';
import { type DiskPiece, type PlexBytes, byDisk, plexOf } from './plex.ts';
import { type Stripes, copyInto, freeOfColumn, ownRange } from './stripes.ts';
import { gateClosed } from './units.ts';

/** Bytes that are read at once from all columns. */
const READ_BYTES = 4 * MiB;

/** Columns of the same length, a multiple of `stripeBytes`; at least three. Reads prove the parity, so that a column that is out of date does not mislead. */
export function raid5Plex(columns: readonly DiskPiece[], stripeBytes: number): PlexBytes {
  const columnBytes = columns[0]?.length ?? 0;
  const stripes: Stripes = { columns: columns.length - 1, stripeBytes };
  const rowBytes = stripes.columns * stripeBytes;
  const rowsAtOnce = Math.max(1, Math.floor(READ_BYTES / (stripeBytes * columns.length)));

  /** Reads whole sectors around what is wanted, of all columns. */
  async function readRows(offset: number, into: Uint8Array): Promise<void> {
    const ranges = Array.from({ length: stripes.columns }, (_, i) =>
      ownRange(stripes, i, offset, offset + into.length),
    ).filter(({ length }) => length > 0);
    const first = Math.min(...ranges.map((range) => range.start));
    const start = first - (first % SECTOR_BYTES);
    const end = Math.ceil(Math.max(...ranges.map(endOf)) / SECTOR_BYTES) * SECTOR_BYTES;
    const contents: Uint8Array[] = [];
    for (const { disk, start: columnStart } of columns) {
      const bytes = new Uint8Array(end - start);
      await disk.readInto(columnStart + start, bytes);
      contents.push(bytes);
    }
    requireParity(contents, (columns[0]?.start ?? 0) + start);
    for (let position = start; position < end;) {
      const next = Math.min(end, (Math.floor(position / stripeBytes) + 1) * stripeBytes);
      copyRow(Math.floor(position / stripeBytes), position - start, next - start);
      position = next;
    }

    /** Bytes `[from, to)` of what was read, which lie in one row. */
    function copyRow(ofRow: number, from: number, to: number): void {
      const within = start + from - ofRow * stripeBytes;
      for (let stripe = 0; stripe < stripes.columns; stripe++) {
        const bytes = contents[dataColumn(ofRow, stripe, columns.length)]?.subarray(from, to);
        if (bytes === undefined) continue;
        copyInto(bytes, ofRow * rowBytes + stripe * stripeBytes + within, { offset, into });
      }
    }
  }

  return plexOf(columns, stripes.columns * columnBytes, {
    dataShare: stripes.columns / columns.length,
    async read(offset, into) {
      for (let done = 0; done < into.length;) {
        const row = Math.floor((offset + done) / rowBytes);
        const end = Math.min(into.length, (row + rowsAtOnce) * rowBytes - offset);
        await readRows(offset + done, into.subarray(done, end));
        done = end;
      }
    },
    dropOf(free) {
      const rows = Array.from({ length: stripes.columns }, (_, column) =>
        freeOfColumn(stripes, column, free),
      );
      const dropped = rows.reduce((both, other) => intersect(both, other));
      return byDisk(
        columns.flatMap(({ disk, start }) =>
          dropped.map((own) => ({ disk, start: start + own.start, length: own.length })),
        ),
      );
    },
  });
}

/** The column that holds stripe `stripe` of `row`. */
function dataColumn(row: number, stripe: number, columns: number): number {
  const parity = columns - 1 - (row % columns);
  return (parity + 1 + stripe) % columns;
}

/**
 * Whole sectors of all columns; `at` is where those of the first one lie.
 * @throws AppError `FILTER_GATE_CLOSED` when a byte of one column is not the parity of the others
 */
function requireParity(contents: readonly Uint8Array[], at: number): void {
  const [sum, ...others] = contents.map((bytes) => new Uint32Array(bytes.slice().buffer));
  if (sum === undefined) return;
  for (const words of others) {
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) ^ (words[i] ?? 0);
  }
  if (sum.every((word) => word === 0)) return;
  throw gateClosed('ldm-parity', 'The parity of the RAID-5 volume does not match its data', at);
}
