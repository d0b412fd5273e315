/**
 * The tables of contents of the database: where in it the configuration lies. Big endian; up to four copies, in sectors 1, 2,
 * 2045 and 2046, of which Windows Vista and later fill two.
 *
 *   0   "TOCBLOCK"    8 u32 sum of all bytes, itself as 0
 *   36  u8[8] "config"   46 u64 first sector   54 u64 sectors          70 "log", 80, 88 the same
 *
 * Source: docs/format/ldm.md, section 2.
 */
import { SECTOR_BYTES } from '../../../shared/base/units.ts';
import { fieldsOf } from '../fields.ts';
import { DATABASE_SECTORS, complainOf, gateClosed, ldmDamage, requireByteSum, textOf } from './units.ts';

const WHAT = 'table of contents';
const MAGIC = 'TOCBLOCK';
const SECTORS = [1, 2, 2045, 2046] as const;

interface Place {
  readonly sector: number;
  readonly sectors: number;
}

/**
 * The first byte and the length of the configuration inside `database`, which lies at `at` on the disk.
 * @throws AppError `FS_STRUCTURE_INVALID`, `FILTER_GATE_CLOSED` when copies differ
 */
export function findConfiguration(database: Uint8Array, at: number): { start: number; length: number } {
  const places = SECTORS.map((sector) => {
    const start = sector * SECTOR_BYTES;
    return decodeContents(database.subarray(start, start + SECTOR_BYTES), at + start);
  }).filter((place) => place !== null);
  const [first] = places;
  if (first === undefined) throw ldmDamage(WHAT, 'it is missing', at);
  if (places.some(({ sector, sectors }) => sector !== first.sector || sectors !== first.sectors)) {
    throw gateClosed('ldm-copies-differ', 'Copies of the table of contents of the dynamic disk differ', at);
  }
  return { start: first.sector * SECTOR_BYTES, length: first.sectors * SECTOR_BYTES };
}

/** Null where there is none. */
function decodeContents(sector: Uint8Array, at: number): Place | null {
  const fields = fieldsOf(sector, at, complainOf(WHAT));
  if (fields.ascii(0, MAGIC.length) !== MAGIC) return null;
  requireByteSum(fields);
  if (textOf(fields, 36, 8) !== 'config' || textOf(fields, 70, 8) !== 'log') {
    throw fields.damage('it lists other areas', 36);
  }
  const place = { sector: fields.u64be(46), sectors: fields.u64be(54) };
  const isInside = place.sector > 0 && place.sectors > 1 && place.sectors <= DATABASE_SECTORS - place.sector;
  if (!isInside) throw fields.damage('the configuration leaves the database', 46);
  return place;
}
