/** What every reader checks before it asks for bytes. */
import { invariant } from '../../shared/base/assert.ts';

/** @throws AppError `BUG_INVARIANT` when the read does not lie inside the disk */
export function checkBounds(capacityBytes: number, offset: number, length: number): void {
  const isInside = Number.isSafeInteger(offset) && offset >= 0 && offset + length <= capacityBytes;
  invariant(isInside, 'a read lies inside the disk', { offset, length, capacityBytes });
}
