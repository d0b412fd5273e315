/**
 * Which points a verification takes, and what is left over by its budget. Pure. Points of one chain share what they read: a
 * saveset costs once, however many of the points build on it.
 */
import { type SavesetRecord } from '../catalog/saveset-rows.ts';

export interface VerifyCandidate {
  readonly point: SavesetRecord;
  /** All that a restore of it reads, newest first. */
  readonly chain: readonly SavesetRecord[];
}

export interface PlannedPoint extends VerifyCandidate {
  /** Stored bytes, at most, beside what points before it read already. */
  readonly readBytes: number;
}

export interface VerifyPlan {
  readonly taken: readonly PlannedPoint[];
  readonly readBytes: number;
  readonly left: { readonly points: number; readonly readBytes: number };
}

export interface VerifyBounds {
  readonly budgetBytes?: number | undefined;
  readonly maxPoints: number;
}

/** Takes candidates in their order until one does not fit; at least one. */
export function planVerify(candidates: readonly VerifyCandidate[], bounds: VerifyBounds): VerifyPlan {
  const { budgetBytes = Infinity, maxPoints } = bounds;
  const read = new Set<string>();
  const taken: PlannedPoint[] = [];
  const left = { points: 0, readBytes: 0 };
  let total = 0;
  for (const candidate of candidates) {
    const readBytes = costOf(candidate, read);
    const fits = left.points === 0 && taken.length < maxPoints && total + readBytes <= budgetBytes;
    if (fits || taken.length === 0) {
      taken.push({ ...candidate, readBytes });
      total += readBytes;
    } else {
      left.points++;
      left.readBytes += readBytes;
    }
  }
  return { taken: byChain(taken), readBytes: total, left };
}

function costOf({ chain }: VerifyCandidate, read: Set<string>): number {
  let bytes = 0;
  for (const link of chain) {
    if (read.has(link.savesetId)) continue;
    read.add(link.savesetId);
    bytes += storedBytesOf(link);
  }
  return bytes;
}

/** What the chunks of a saveset take on the device, also those that were there before it. */
function storedBytesOf({ counters }: SavesetRecord): number {
  const { known, fresh, stored } = counters;
  return fresh === 0 ? known : Math.round(((known + fresh) * stored) / fresh);
}

/** Points of a chain behind each other, chains in the order of their first point. */
function byChain(taken: readonly PlannedPoint[]): readonly PlannedPoint[] {
  const chains = new Map<string, PlannedPoint[]>();
  for (const planned of taken) {
    const id = chainId(planned);
    const members = chains.get(id);
    if (members === undefined) chains.set(id, [planned]);
    else members.push(planned);
  }
  return [...chains.values()].flat();
}

/** The oldest saveset of the chain. */
export function chainId({ point, chain }: VerifyCandidate): string {
  return chain.at(-1)?.savesetId ?? point.savesetId;
}
