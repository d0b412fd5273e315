/**
 * Words and errors of exFAT. Clusters are numbered from 2 and lie in the cluster heap; what comes before it are sectors.
 *
 * Source: docs/format/exfat.md.
 */
import { type AppError } from '../../../shared/base/errors.ts';
import { type Complain } from '../fields.ts';
import { closedGate, volumeDamage } from '../gate.ts';

/** The number of the first cluster. */
export const FIRST_CLUSTER = 2;

export type ExfatGate = 'exfat-version' | 'texfat' | 'volume-dirty' | 'errors-marked' | 'bitmap-contradicts';

/** The error of a closed gate; `reason` is a sentence, `at` the byte on the disk that tells it. */
export function gateClosed(gate: ExfatGate, reason: string, at: number): AppError {
  return closedGate(gate, reason, at);
}

/** The error for a structure `what` that cannot be; `at` is the byte on the disk. */
export function exfatDamage(what: string, problem: string, at: number): AppError {
  return volumeDamage(`the ${what}`, problem, at);
}

/** The same as a function of the problem, for `fieldsOf`. */
export const complainOf =
  (what: string): Complain =>
  (problem, at) =>
    exfatDamage(what, problem, at);
