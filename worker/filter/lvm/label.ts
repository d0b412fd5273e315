/**
 * The start of an LVM2 physical volume: its label in one of the first four sectors, and where its metadata lies.
 *
 *   label, 512 bytes   0 "LABELONE"   8 u64 own sector   16 u32 checksum of all from 20 on   20 u32 offset of the header   24 "LVM2 001"
 *   header             0 UUID, 32 characters   32 u64 bytes of the device
 *                      40 list of data areas, then list of metadata areas: u64 offset, u64 length; both 0 end a list
 *
 * Source: docs/format/linux.md, section 2.
 */
import { SECTOR_BYTES } from '../../../shared/base/units.ts';
import { fieldsOf } from '../fields.ts';
import { complainOf, lvmChecksum, lvmDamage } from './units.ts';

export const LABEL_SECTORS = 4;
const MAX_AREAS = 16;

export interface Area {
  /** Bytes from the start of the physical volume. */
  readonly start: number;
  readonly length: number;
}

export interface PhysicalLabel {
  /** 32 characters, as in the metadata without its dashes. */
  readonly uuid: string;
  readonly metadataAreas: readonly Area[];
}

/**
 * Finds and decodes the label in the first sectors of a physical volume at byte `at` of the disk.
 * @throws AppError `FS_STRUCTURE_INVALID` when there is none, or more than one
 */
export function decodeLabel(head: Uint8Array, at: number): PhysicalLabel {
  const places = Array.from({ length: LABEL_SECTORS }, (_, i) => i * SECTOR_BYTES).filter((offset) =>
    hasLabel(head, offset),
  );
  const [place] = places;
  if (place === undefined || places.length > 1) {
    throw lvmDamage('label', `there are ${places.length} of it`, at);
  }
  const fields = fieldsOf(head.subarray(place, place + SECTOR_BYTES), at + place, complainOf('label'));
  if (fields.u64(8) !== place / SECTOR_BYTES) throw fields.damage('it belongs to another sector', 8);
  if (lvmChecksum(fields.slice(20, SECTOR_BYTES - 20)) !== fields.u32(16)) {
    throw fields.damage('its checksum does not match', 16);
  }
  const header = fields.u32(20);
  const uuid = fields.ascii(header, 32);
  let position = header + 40;
  const areas = (): Area[] => {
    const found: Area[] = [];
    for (;;) {
      const area = { start: fields.u64(position), length: fields.u64(position + 8) };
      position += 16;
      if (area.start === 0 && area.length === 0) return found;
      if (found.push(area) > MAX_AREAS) throw fields.damage('it has too many areas', position);
    }
  };
  areas();
  return { uuid, metadataAreas: areas() };
}

function hasLabel(head: Uint8Array, offset: number): boolean {
  const text = (start: number, length: number): string =>
    String.fromCharCode(...head.subarray(offset + start, offset + start + length));
  return text(0, 8) === 'LABELONE' && text(24, 8) === 'LVM2 001';
}
