/** Checksums and errors of LVM2. Source: docs/format/linux.md, section 2. */
import { crc32 } from 'node:zlib';
import { type AppError } from '../../../shared/base/errors.ts';
import { type Complain } from '../fields.ts';
import { closedGate, volumeDamage } from '../gate.ts';

const CHECKSUM_START = 0xf597a6cf;

/** CRC-32 as LVM2 has it: begun with a number of its own, and not inverted at the end. */
export function lvmChecksum(...parts: readonly Uint8Array[]): number {
  const inverted = parts.reduce((state, bytes) => crc32(bytes, state), ~CHECKSUM_START >>> 0);
  return ~inverted >>> 0;
}

/** The error for a structure `what` that cannot be; `at` is the byte on the disk. */
export function lvmDamage(what: string, problem: string, at: number): AppError {
  return volumeDamage(`the LVM2 ${what}`, problem, at);
}

/** The same as a function of the problem, for `fieldsOf`. */
export const complainOf =
  (what: string): Complain =>
  (problem, at) =>
    lvmDamage(what, problem, at);

/** The error of a closed gate; `at` is the first byte of the physical volume on the disk. */
export function gateClosed(gate: 'lvm-incomplete' | 'lvm-not-linear', reason: string, at: number): AppError {
  return closedGate(gate, reason, at);
}
