/**
 * A disk to be spoilt, and where: the structures that the filter reads of it. Each tells how it is judged, which depends on what the
 * format gives to find damage by:
 *
 *   always         checks of its own, or another place that must agree: whatever is changed, no less may be kept
 *   unless-sealed  a checksum: the same as long as the checksum is not made right again, which makes a lie in perfect form
 *   never          nothing: a changed bit of a bitmap says "free" as well as the true one does
 *
 * Whatever the judgement, the filter must answer, in bounds.
 */

export interface FuzzRegion {
  readonly name: string;
  readonly at: number;
  readonly lengthBytes: number;
  readonly judged: 'always' | 'unless-sealed' | 'never';
  /** What makes checksums right after a change, in this order. */
  readonly seals?: readonly Seal[];
}

export interface Seal {
  /** The range that it writes to. */
  readonly at: number;
  readonly lengthBytes: number;
  readonly run: (disk: Buffer) => void;
}

export interface FuzzDisk {
  readonly bytes: Buffer;
  readonly regions: readonly FuzzRegion[];
}

/** A kind of disk; `make` is called when its turn has come. */
export interface FuzzKind {
  readonly name: string;
  readonly make: () => FuzzDisk | Promise<FuzzDisk>;
}

/** The same region moved by `by` bytes, seals included: they see the disk from there on. */
export function movedRegion(region: FuzzRegion, by: number): FuzzRegion {
  const seals = (region.seals ?? []).map((seal) => ({
    at: seal.at + by,
    lengthBytes: seal.lengthBytes,
    run: (disk: Buffer) => seal.run(disk.subarray(by)),
  }));
  return { ...region, at: region.at + by, seals };
}
