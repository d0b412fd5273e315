/** Pseudo-random numbers that come out the same for the same seed (mulberry32). */

/** A whole number from 0 to below `below`, at most 2^32. */
export type Draw = (below: number) => number;

export function seededRandom(seed: number): Draw {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
