/**
 * ChangeId: VMware's opaque mark of a disk's state, `52 de c0 d9 b9 43 9d 10-61 d5 4c 1b e9 7b 65 63/4`: the epoch (a
 * UUID that changes whenever tracking starts anew) and a sequence. Two marks can be compared only within one epoch.
 */

export interface ChangeId {
  readonly epoch: string;
  readonly sequence: number;
}

const SHAPE = /^([0-9a-f]{2}(?:[ -][0-9a-f]{2}){15})\/(\d{1,15})$/i;

/** The two parts, or undefined when the text is not a ChangeId (`*` is none). */
export function parseChangeId(text: string): ChangeId | undefined {
  const match = SHAPE.exec(text.trim());
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { epoch: match[1].toLowerCase(), sequence: Number(match[2]) };
}

/** Why changes since `base` cannot be asked for at `current`; undefined when they can. */
export function whyNotComparable(base: ChangeId, current: ChangeId): string | undefined {
  if (base.epoch !== current.epoch) return 'change tracking was started anew since the base';
  if (current.sequence < base.sequence) return 'the disk went back to a state before the base';
  return undefined;
}
