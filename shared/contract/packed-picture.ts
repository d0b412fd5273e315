/**
 * A picture small enough for a message and the catalog: each kind's share of each cell in a byte, 255 for all of it.
 *
 *   base64 of   cell 0: used skipped whole unknown   cell 1: …      4 × 960 bytes
 *
 * What is not nothing stays so, however little it is.
 */
import { z } from 'zod';
import { PICTURE_CELLS, type Picture, regionKinds } from './disk-inspection.ts';

const BYTES = PICTURE_CELLS * regionKinds.length;
const MOST = 255;

export const packedPicture = z.base64().length((BYTES * 4) / 3);

export function packPicture(picture: Picture): string {
  const packed = Buffer.alloc(BYTES);
  for (let cell = 0; cell < PICTURE_CELLS; cell++) {
    const amounts = regionKinds.map((kind) => picture[kind][cell] ?? 0);
    const total = amounts.reduce((sum, amount) => sum + amount, 0);
    amounts.forEach((amount, kind) => {
      packed[cell * regionKinds.length + kind] = amount === 0 ? 0 : Math.max(1, shareOf(amount, total));
    });
  }
  return packed.toString('base64');
}

const shareOf = (amount: number, total: number): number => Math.round((amount / total) * MOST);

/** The same picture in shares instead of bytes; drawn it looks alike. */
export function unpackPicture(packed: string): Picture {
  const bytes = Buffer.from(packed, 'base64');
  const sharesOf = (kind: number): number[] =>
    Array.from({ length: PICTURE_CELLS }, (_, cell) => bytes[cell * regionKinds.length + kind] ?? 0);
  return { used: sharesOf(0), skipped: sharesOf(1), whole: sharesOf(2), unknown: sharesOf(3) };
}
