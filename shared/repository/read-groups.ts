/** Joins chunks that lie near each other in a pack to one read. Pure. */
import { MiB } from '../base/units.ts';
import { type ChunkAddress } from '../format/disk-index.ts';
import { CHUNK_HEADER_BYTES } from '../format/pack.ts';

/** Reading on costs less than a second request up to here. */
const MAX_GAP_BYTES = 256 * 1024;
const MAX_GROUP_BYTES = 4 * MiB;

export interface ReadGroup<R extends ChunkAddress> {
  readonly packId: string;
  readonly offset: number;
  readonly lengthBytes: number;
  /** In the order of the pack. */
  readonly refs: readonly R[];
}

/** Length of a chunk's record. */
export function recordBytes(ref: { readonly storedLength: number }): number {
  return CHUNK_HEADER_BYTES + ref.storedLength;
}

/** The reads for `refs`, in their order: neighbours are joined only where they follow each other here too. */
export function* groupReads<R extends ChunkAddress>(refs: Iterable<R>): Generator<ReadGroup<R>> {
  let group: R[] = [];
  let first: R | undefined;
  let end = 0;
  for (const ref of refs) {
    const refEnd = ref.offset + recordBytes(ref);
    if (first !== undefined && fits(first, end, ref)) group.push(ref);
    else {
      if (first !== undefined) yield groupOf(first, end, group);
      first = ref;
      group = [ref];
      end = 0;
    }
    end = Math.max(end, refEnd);
  }
  if (first !== undefined) yield groupOf(first, end, group);
}

function fits(first: ChunkAddress, end: number, ref: ChunkAddress): boolean {
  return (
    ref.packId === first.packId &&
    ref.offset >= end &&
    ref.offset - end <= MAX_GAP_BYTES &&
    ref.offset + recordBytes(ref) - first.offset <= MAX_GROUP_BYTES
  );
}

function groupOf<R extends ChunkAddress>(first: R, end: number, refs: readonly R[]): ReadGroup<R> {
  return { packId: first.packId, offset: first.offset, lengthBytes: end - first.offset, refs };
}
