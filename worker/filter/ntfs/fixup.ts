/**
 * Fix-ups: NTFS replaces the last two bytes of every 512-byte stride of a record with a sequence number when it writes, and keeps
 * the real ones in an array, so that a record written only in part shows it.
 *
 *   4 u16 offset of the array   6 u16 its entries: size / 512 + 1   array[0] the number, array[k] the real bytes of stride k
 *
 * Strides have 512 bytes on disks with larger sectors, too. Source: docs/format/ntfs.md, section 3.
 */
import { SECTOR_BYTES } from '../../../shared/base/units.ts';
import { fieldsOf } from '../fields.ts';
import { complainOf } from './units.ts';

/**
 * The real bytes of the record in `raw` (a copy), whose first byte lies at `at` on the disk.
 * @throws AppError `FS_STRUCTURE_INVALID` for a wrong magic, a torn record or an array that cannot be
 */
export function decodeFixup(raw: Uint8Array, at: number, magic: string, what: string): Uint8Array {
  const fields = fieldsOf(raw, at, complainOf(what));
  if (fields.ascii(0, 4) !== magic) throw fields.damage(`it does not begin with "${magic}"`, 0);
  const arrayOffset = fields.u16(4);
  const strides = raw.length / SECTOR_BYTES;
  if (fields.u16(6) !== strides + 1) throw fields.damage('its fix-up array has the wrong size', 6);
  if (arrayOffset % 2 !== 0 || arrayOffset + 2 * (strides + 1) > SECTOR_BYTES - 2) {
    throw fields.damage('its fix-up array has no possible place', 4);
  }
  const result = Uint8Array.from(raw);
  const sequence = fields.u16(arrayOffset);
  for (let stride = 1; stride <= strides; stride++) {
    const end = stride * SECTOR_BYTES - 2;
    if (fields.u16(end) !== sequence) throw fields.damage('it was written only in part', end);
    result.set(fields.slice(arrayOffset + 2 * stride, 2), end);
  }
  return result;
}
