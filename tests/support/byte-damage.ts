/** A few bytes changed at random places of some regions; the same ones for the same seed. */
import { type Overlay } from './image-reader.ts';
import { seededRandom } from './seeded-random.ts';

export interface Region {
  readonly at: number;
  readonly lengthBytes: number;
}

const TELLING = [0x00, 0x01, 0x7f, 0x80, 0xff];

/** One to four changes of one to three bytes each. */
export function damageIn(regions: readonly Region[], seed: number): Overlay[] {
  const below = seededRandom(seed);
  return Array.from({ length: 1 + below(4) }, () => {
    const { at, lengthBytes } = regions[below(regions.length)]!;
    const bytes = Uint8Array.from({ length: 1 + below(3) }, () =>
      below(2) === 0 ? TELLING[below(TELLING.length)]! : below(256),
    );
    return { at: at + below(lengthBytes - bytes.length), bytes };
  });
}
