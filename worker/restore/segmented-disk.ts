/**
 * A disk of a chain, resolved one segment at a time: memory holds the indexes of one segment, however large the disk is. What
 * is needed of all of it before the first byte moves (how much there is, whether every index can be read) is a first walk over
 * the indexes alone, a 20,000th of the disk.
 */
import { type Extent, totalLength } from '../../shared/domain/extent.ts';
import { type ByteCounters, noBytes } from '../../shared/domain/task.ts';
import { type ResolvedDisk, type ResolvedRun, resolveDisk } from '../../shared/repository/resolve-disk.ts';
import { type OpenChain } from './open-chain.ts';

/** Bytes of a disk, or of parts of it, by what they are. */
export interface ResolvedBytes {
  readonly data: number;
  readonly zero: number;
  readonly free: number;
}

export class SegmentedDisk {
  /** Where each segment lies. */
  readonly extents: readonly Extent[];
  readonly #chain: OpenChain;
  readonly #diskKey: number;
  /** A disk of one segment, which is what most are, is read and resolved once. */
  #last: { readonly segment: number; readonly resolved: ResolvedDisk } | undefined;

  private constructor(chain: OpenChain, diskKey: number, extents: readonly Extent[]) {
    this.#chain = chain;
    this.#diskKey = diskKey;
    this.extents = extents;
  }

  /** @throws AppError as `OpenChain.disk` */
  static async open(chain: OpenChain, diskKey: number): Promise<SegmentedDisk> {
    return new SegmentedDisk(chain, diskKey, await chain.segments(diskKey));
  }

  /**
   * One segment; its positions count from the segment's beginning.
   * @throws AppError as `OpenChain.indexes`; `RESTORE_CHAIN_BROKEN` when a byte is in no saveset
   */
  async resolve(segment: number): Promise<ResolvedDisk> {
    if (this.#last?.segment === segment) return this.#last.resolved;
    this.#last = undefined;
    const resolved = resolveDisk(await this.#chain.indexes(this.#diskKey, segment));
    this.#last = { segment, resolved };
    return resolved;
  }
}

const nothing: ResolvedBytes = { data: 0, zero: 0, free: 0 };

/** What the whole disk is made of. @throws AppError as `SegmentedDisk.resolve` */
export async function surveyDisk(disk: SegmentedDisk): Promise<ResolvedBytes> {
  let sum = nothing;
  for (const segment of disk.extents.keys()) sum = addBytes(sum, bytesIn(await disk.resolve(segment)));
  return sum;
}

function bytesIn(disk: ResolvedDisk): ResolvedBytes {
  const ofKind = (kind: ResolvedRun['kind']): number =>
    totalLength(disk.runs.filter((run) => run.kind === kind));
  return { data: ofKind('data'), zero: ofKind('zero'), free: ofKind('free') };
}

function addBytes(a: ResolvedBytes, b: ResolvedBytes): ResolvedBytes {
  return { data: a.data + b.data, zero: a.zero + b.zero, free: a.free + b.free };
}

/** What is known of a disk, and the stored bytes that were read for it; nothing is stored on the device. */
export function countersOf(bytes: ResolvedBytes, readBytes: number): ByteCounters {
  const { data, zero, free } = bytes;
  return { ...noBytes, provisioned: data + zero + free, used: data, skipped: free, zero, read: readBytes };
}
