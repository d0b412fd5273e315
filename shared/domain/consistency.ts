/** How consistent a snapshot is from the guest's point of view, weakest first. */

export const consistencyLevels = ['crash', 'filesystem', 'application'] as const;
export type Consistency = (typeof consistencyLevels)[number];

/** The levels to try, strongest first: the one asked for, then, where a fallback is allowed, the weaker ones. */
export function consistencyLadder(asked: Consistency, mayFallBack: boolean): readonly Consistency[] {
  if (!mayFallBack) return [asked];
  return consistencyLevels.slice(0, consistencyLevels.indexOf(asked) + 1).reverse();
}
