/**
 * A metadata area of a physical volume: a header, then a ring of texts of which one is valid.
 *
 *   0 u32 checksum of bytes 4 to 512   4 " LVM2 x[5A%r0N*>"   20 u32 version, 1   24 u64 own place   32 u64 bytes
 *   40 the committed text: u64 offset in the area, u64 length, u32 checksum, u32 flags, 1 = ignored. All 0: none
 *   512 … the ring: a text that reaches its end goes on at 512
 *
 * Source: docs/format/linux.md, section 2.
 */
import { MiB } from '../../../shared/base/units.ts';
import { fieldsOf } from '../fields.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { type Area } from './label.ts';
import { complainOf, lvmChecksum, lvmDamage } from './units.ts';

const HEADER_BYTES = 512;
const MAGIC = ' LVM2 x[5A%r0N*>';
const IGNORED = 1;
/** Metadata of thousands of logical volumes has less. */
const MAX_TEXT_BYTES = 8 * MiB;

export interface MetadataText {
  readonly text: string;
  /** Where it begins on the disk. */
  readonly at: number;
}

/** Without a text: nothing was ever committed to the area, or what was is to be looked for elsewhere. */
export type NoText = 'blank' | 'ignored';

/**
 * Reads the committed text of `area`.
 * @throws AppError `FS_STRUCTURE_INVALID` for a header or a text that cannot be
 */
export async function readMetadataText(bytes: VolumeBytes, area: Area): Promise<MetadataText | NoText> {
  const header = new Uint8Array(HEADER_BYTES);
  await bytes.readInto(area.start, header);
  const at = bytes.startBytes + area.start;
  const fields = fieldsOf(header, at, complainOf('metadata header'));
  if (fields.ascii(4, MAGIC.length) !== MAGIC || fields.u32(20) !== 1) {
    throw fields.damage('it is of another kind', 4);
  }
  if (lvmChecksum(fields.slice(4, HEADER_BYTES - 4)) !== fields.u32(0)) {
    throw fields.damage('its checksum does not match', 0);
  }
  const lengthOfArea = fields.u64(32);
  if (fields.u64(24) !== area.start || lengthOfArea <= HEADER_BYTES || lengthOfArea > bytes.lengthBytes) {
    throw fields.damage('it belongs to another place', 24);
  }
  const offset = fields.u64(40);
  const length = fields.u64(48);
  if ((fields.u32(60) & IGNORED) !== 0) return 'ignored';
  if (offset === 0) return 'blank';
  const isPossible = offset >= HEADER_BYTES && offset < lengthOfArea && length <= lengthOfArea - HEADER_BYTES;
  if (!isPossible || length > MAX_TEXT_BYTES) throw fields.damage('its text has no possible place', 40);
  const text = new Uint8Array(length);
  const first = Math.min(length, lengthOfArea - offset);
  await bytes.readInto(area.start + offset, text.subarray(0, first));
  await bytes.readInto(area.start + HEADER_BYTES, text.subarray(first));
  if (lvmChecksum(text) !== fields.u32(56)) {
    throw lvmDamage('metadata', 'its checksum does not match', at + offset);
  }
  const end = text.indexOf(0);
  return { text: Buffer.from(end < 0 ? text : text.subarray(0, end)).toString('latin1'), at: at + offset };
}
