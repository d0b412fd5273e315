/**
 * Doubts about a volume. A gate is a reason to copy a volume whole although it is sound in form: what it says of its free space
 * may not be the truth. Damage closes a gate too. Both are AppErrors inside the filter and become part of the report.
 */
import { AppError, isAppError } from '../../shared/base/errors.ts';

/** What stands for a gate where the filter looks into nothing, and nothing is wrong. */
export const NOT_FILTERED = 'not-filtered';

/** The error of a closed gate; `reason` is a sentence, `at` the byte of the volume that tells it. */
export function closedGate(gate: string, reason: string, at: number): AppError {
  return new AppError('FILTER_GATE_CLOSED', reason, { gate, at });
}

/** The error of a structure that cannot be; `at` is the byte on the disk. */
export function volumeDamage(structure: string, problem: string, at: number): AppError {
  return new AppError('FS_STRUCTURE_INVALID', `Cannot use ${structure} at byte ${at}: ${problem}`, { at });
}

/** The gate that `error` closed; damage counts as one. Null for failures that have nothing to do with the volume. */
export function gateOf(error: unknown): { gate: string; reason: string } | null {
  if (!isAppError(error)) return null;
  if (error.code === 'FS_STRUCTURE_INVALID') return { gate: 'structure-invalid', reason: error.message };
  if (error.code !== 'FILTER_GATE_CLOSED') return null;
  return { gate: String(error.facts['gate']), reason: error.message };
}
