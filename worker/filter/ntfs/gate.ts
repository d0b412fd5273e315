/**
 * Gates: reasons for which a volume that is sound in form is copied whole all the same, because its $Bitmap may not tell the
 * truth, or not all of it. A closed gate is an AppError `FILTER_GATE_CLOSED` whose facts name it.
 */
import { AppError, isAppError } from '../../../shared/base/errors.ts';

export type GateName =
  | 'structure-invalid'
  | 'ntfs-version'
  | 'volume-dirty'
  | 'log-open'
  | 'log-version'
  | 'hibernated'
  | 'guest-shadow-copies'
  | 'bitmap-contradicts';

/** The error of a closed gate; `reason` is a sentence, `at` the byte on the disk that tells it. */
export function gateClosed(gate: GateName, reason: string, at: number): AppError {
  return new AppError('FILTER_GATE_CLOSED', reason, { gate, at });
}

/** The gate that `error` closed; damage counts as one. Null for failures that have nothing to do with the volume. */
export function gateOf(error: unknown): { gate: string; reason: string } | null {
  if (!isAppError(error)) return null;
  if (error.code === 'NTFS_STRUCTURE_INVALID') return { gate: 'structure-invalid', reason: error.message };
  if (error.code !== 'FILTER_GATE_CLOSED') return null;
  return { gate: String(error.facts['gate']), reason: error.message };
}
