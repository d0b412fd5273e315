/**
 * What a swap space is used for, told by the last ten bytes of its first page, which has 4 to 64 KiB.
 *
 *   "SWAPSPACE2" for swapping      "SWAP-SPACE" the same in an old form
 *   "S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001" for a machine that sleeps and has put its memory here
 *
 * Source: docs/format/linux.md, section 1.
 */
import { KiB } from '../../../shared/base/units.ts';
import { type Fields } from '../fields.ts';

export const PAGE_SIZES: readonly number[] = [4, 8, 16, 32, 64].map((size) => size * KiB);

const SIGNATURE_BYTES = 10;
const SWAPPING = 'SWAPSPACE2';
const others = ['SWAP-SPACE', 'S1SUSPEND\0', 'S2SUSPEND\0', 'ULSUSPEND\0', 'LINHIB0001'];

/** `other`: asleep, or of an old kind. Null when `head` does not begin with such a page. */
export function swapUse(head: Fields, pageBytes: number): 'swapping' | 'other' | null {
  if (head.lengthBytes < pageBytes) return null;
  const text = head.ascii(pageBytes - SIGNATURE_BYTES, SIGNATURE_BYTES);
  if (text === SWAPPING) return 'swapping';
  return others.includes(text) ? 'other' : null;
}
