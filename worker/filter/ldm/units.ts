/** Numbers and errors of the Logical Disk Manager. Source: docs/format/ldm.md. */
import { SECTOR_BYTES } from '../../../shared/base/units.ts';
import { type AppError } from '../../../shared/base/errors.ts';
import { type Complain, type Fields } from '../fields.ts';
import { closedGate, volumeDamage } from '../gate.ts';

/** Of the database on every disk. */
export const DATABASE_SECTORS = 2048;
export const DATABASE_BYTES = DATABASE_SECTORS * SECTOR_BYTES;

export type LdmGate =
  'ldm-incomplete' | 'ldm-busy' | 'ldm-copies-differ' | 'ldm-duplicate-disk' | 'ldm-not-plain' | 'ldm-parity';

/** The error for a structure `what` that cannot be; `at` is the byte on the disk. */
export function ldmDamage(what: string, problem: string, at: number): AppError {
  return volumeDamage(`the LDM ${what}`, problem, at);
}

/** The same as a function of the problem, for `fieldsOf`. */
export const complainOf =
  (what: string): Complain =>
  (problem, at) =>
    ldmDamage(what, problem, at);

/** The error of a closed gate; `at` is a byte of the disk. */
export function gateClosed(gate: LdmGate, reason: string, at: number): AppError {
  return closedGate(gate, reason, at);
}

/**
 * Private headers and tables of contents hold the sum of all their bytes at 8, itself counted as 0.
 * @throws AppError `FS_STRUCTURE_INVALID` when it is another one
 */
export function requireByteSum(fields: Fields): void {
  const bytes = fields.slice(0, fields.lengthBytes);
  let sum = 0;
  bytes.forEach((byte, offset) => {
    if (offset < 8 || offset >= 12) sum += byte;
  });
  if (fields.u32be(8) !== sum) throw fields.damage('its checksum does not match', 8);
}

/** Characters up to the first zero byte. */
export function textOf(fields: Fields, offset: number, lengthBytes: number): string {
  return fields.ascii(offset, lengthBytes).split('\0', 1)[0] ?? '';
}

/**
 * A GUID as text, in lower case.
 * @throws AppError `FS_STRUCTURE_INVALID` when there is none
 */
export function guidAt(fields: Fields, offset: number, lengthBytes: number): string {
  const text = textOf(fields, offset, lengthBytes).toLowerCase();
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) {
    throw fields.damage('a GUID is missing', offset);
  }
  return text;
}

/** `items` by their keys, keys and items in the order in which they come. */
export function grouped<Key, Item>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
