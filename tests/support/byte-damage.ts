/** A few bytes changed at random places of some regions; the same ones for the same seed. */
import { type Overlay } from './image-reader.ts';

export interface Region {
  readonly at: number;
  readonly lengthBytes: number;
}

const TELLING = [0x00, 0x01, 0x7f, 0x80, 0xff];

/** Pseudo-random numbers below a limit from a seed (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** One to four changes of one to three bytes each. */
export function damageIn(regions: readonly Region[], seed: number): Overlay[] {
  const below = random(seed);
  return Array.from({ length: 1 + below(4) }, () => {
    const { at, lengthBytes } = regions[below(regions.length)]!;
    const bytes = Uint8Array.from({ length: 1 + below(3) }, () =>
      below(2) === 0 ? TELLING[below(TELLING.length)]! : below(256),
    );
    return { at: at + below(lengthBytes - bytes.length), bytes };
  });
}
