/**
 * $Volume (record 3): label, NTFS version and the mark of a volume that wants chkdsk.
 *
 *   0x60  the label, UTF-16          0x70  8 u8 major   9 u8 minor   10 u16 flags, 1 = dirty
 *
 * Source: docs/format/ntfs.md, section 7.
 */
import { fieldsOf } from '../fields.ts';
import { residentOf } from './family.ts';
import { gateClosed } from './gate.ts';
import { type FileFamily } from './mft.ts';
import { attributeTypes, complainOf, ntfsDamage } from './units.ts';

const DIRTY = 0x0001;
/** Windows NT 4, 2000, and XP to today. */
const KNOWN_VERSIONS = ['1.2', '3.0', '3.1'];

/** The label, or null when there is none. */
export function labelOf(volumeFile: FileFamily): string | null {
  const name = residentOf(volumeFile, attributeTypes.volumeName);
  if (name === null || name.value.length < 2) return null;
  return fieldsOf(name.value, name.valueAt, complainOf('label')).utf16(0, Math.floor(name.value.length / 2));
}

/** @throws AppError `FILTER_GATE_CLOSED` for a dirty volume or an unknown version */
export function checkVolumeRecord(volumeFile: FileFamily): void {
  const attribute = residentOf(volumeFile, attributeTypes.volumeInformation);
  if (attribute === null) throw ntfsDamage('$Volume', 'it does not tell its version', volumeFile.base.at);
  const fields = fieldsOf(attribute.value, attribute.valueAt, complainOf('$Volume'));
  const version = `${fields.u8(8)}.${fields.u8(9)}`;
  if (!KNOWN_VERSIONS.includes(version)) {
    throw gateClosed('ntfs-version', `The volume has the unknown NTFS version ${version}`, fields.at + 8);
  }
  if ((fields.u16(10) & DIRTY) !== 0) {
    throw gateClosed('volume-dirty', 'The volume is marked to be checked by chkdsk', fields.at + 10);
  }
}
