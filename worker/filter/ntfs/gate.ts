/**
 * Gates: reasons for which a volume that is sound in form is copied whole all the same, because its $Bitmap may not tell the
 * truth, or not all of it. A closed gate is an AppError `FILTER_GATE_CLOSED` whose facts name it.
 */
import { type AppError } from '../../../shared/base/errors.ts';
import { closedGate } from '../gate.ts';

export type GateName =
  | 'structure-invalid'
  | 'ntfs-version'
  | 'volume-dirty'
  | 'log-unreadable'
  | 'log-version'
  | 'hibernated'
  | 'guest-shadow-copies'
  | 'bitmap-contradicts';

/** The error of a closed gate; `reason` is a sentence, `at` the byte on the disk that tells it. */
export function gateClosed(gate: GateName, reason: string, at: number): AppError {
  return closedGate(gate, reason, at);
}
