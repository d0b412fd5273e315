/**
 * Words and errors of XFS. A block is what everything is counted in; an allocation group (AG) is a stretch of blocks with free-space
 * trees of its own; a sector is what the headers of a group are made of; a basic block has 512 bytes and is what the log counts in.
 *
 * Source: docs/format/xfs.md.
 */
import { type AppError } from '../../../shared/base/errors.ts';
import { crc32c } from '../crc32c.ts';
import { type Complain, type Fields } from '../fields.ts';
import { closedGate, volumeDamage } from '../gate.ts';

export type XfsGate =
  | 'xfs-features'
  | 'errors-marked'
  | 'realtime'
  | 'log-external'
  | 'log-open'
  | 'free-contradicts'
  | 'too-large';

/** The error of a closed gate; `reason` is a sentence, `at` the byte on the disk that tells it. */
export function gateClosed(gate: XfsGate, reason: string, at: number): AppError {
  return closedGate(gate, reason, at);
}

/** The error for a structure `what` that cannot be; `at` is the byte on the disk. */
export function xfsDamage(what: string, problem: string, at: number): AppError {
  return volumeDamage(`the ${what}`, problem, at);
}

/** The same as a function of the problem, for `fieldsOf`. */
export const complainOf =
  (what: string): Complain =>
  (problem, at) =>
    xfsDamage(what, problem, at);

/** @throws AppError `FS_STRUCTURE_INVALID` when the CRC-32C at `offset`, over all of it with zeros there, is another one */
export function checkCrc(fields: Fields, offset: number): void {
  const before = crc32c(0xffffffff, fields.slice(0, offset));
  const zeros = crc32c(before, new Uint8Array(4));
  const all = crc32c(zeros, fields.slice(offset + 4, fields.lengthBytes - offset - 4));
  if (~all >>> 0 !== fields.u32(offset)) throw fields.damage('its checksum does not match', offset);
}

export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}
