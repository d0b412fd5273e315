/**
 * $FILE_NAME attributes: the names of a file, and the folders that they are in. A file may have many (hard links).
 *
 *   0 u64 reference of the folder   64 u8 length of the name   65 u8 name space: 2 = a short name beside a long one   66 the name
 *
 * Source: docs/format/ntfs.md, section 11.
 */
import { fieldsOf } from '../fields.ts';
import { type FileReference, decodeReference } from './file-record.ts';
import { type FileFamily } from './mft.ts';
import { attributeTypes, complainOf } from './units.ts';

export interface FileName {
  readonly folder: FileReference;
  readonly name: string;
  /** The 8.3 form of another name in the same folder. */
  readonly isShort: boolean;
}

const SHORT = 2;

/** All of them. @throws AppError `FS_STRUCTURE_INVALID` */
export function namesOf(family: FileFamily): FileName[] {
  return family.attributes.flatMap((attribute) => {
    if (attribute.type !== attributeTypes.fileName || attribute.kind !== 'resident') return [];
    const fields = fieldsOf(attribute.value, attribute.valueAt, complainOf('file name'));
    const folder = decodeReference(fields, 0);
    return [{ folder, name: fields.utf16(66, fields.u8(64)), isShort: fields.u8(65) === SHORT }];
  });
}

/** True when both name the same record, and the same use of it. */
export function isSame(a: FileReference, b: FileReference): boolean {
  return a.number === b.number && a.sequence === b.sequence;
}
