/**
 * Which run gets a stream of a device when one is free, or when one that is held comes to a task boundary: the run that
 * holds the fewest streams of that device; among equals, the one that was served longest ago. Pure. So a run with ten
 * thousand VMs and one with three each get every second turn of a single stream, and none starves.
 */

export interface Claim {
  readonly runId: number;
  /** Streams of the device that the run holds, the one on offer not counted. */
  readonly held: number;
  /** When the run last got a task on this device, as a number that only rises; 0 for never. */
  readonly servedAt: number;
}

/** The winner, or undefined when nobody claims. The older run goes first among those that were never served. */
export function chooseClaim(claims: readonly Claim[]): Claim | undefined {
  let best: Claim | undefined;
  for (const claim of claims) if (best === undefined || goesBefore(claim, best)) best = claim;
  return best;
}

function goesBefore(a: Claim, b: Claim): boolean {
  if (a.held !== b.held) return a.held < b.held;
  if (a.servedAt !== b.servedAt) return a.servedAt < b.servedAt;
  return a.runId < b.runId;
}
