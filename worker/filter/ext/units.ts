/**
 * Words and errors of the ext family. A block is what everything is counted in; a cluster is what bitmaps count: one block, or
 * several with bigalloc. A group is a stretch of blocks with a bitmap of its own.
 *
 * Source: docs/format/ext.md.
 */
import { type AppError } from '../../../shared/base/errors.ts';
import { type Complain } from '../fields.ts';
import { closedGate, volumeDamage } from '../gate.ts';

export type ExtGate =
  | 'ext-features'
  | 'errors-marked'
  | 'not-clean'
  | 'journal-external'
  | 'journal-fast-commit'
  | 'journal-contradicts'
  | 'bitmap-contradicts'
  | 'too-large';

/** The error of a closed gate; `reason` is a sentence, `at` the byte on the disk that tells it. */
export function gateClosed(gate: ExtGate, reason: string, at: number): AppError {
  return closedGate(gate, reason, at);
}

/** The error for a structure `what` that cannot be; `at` is the byte on the disk. */
export function extDamage(what: string, problem: string, at: number): AppError {
  return volumeDamage(`the ${what}`, problem, at);
}

/** The same as a function of the problem, for `fieldsOf`. */
export const complainOf =
  (what: string): Complain =>
  (problem, at) =>
    extDamage(what, problem, at);
