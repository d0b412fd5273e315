/** Refs that lead to no sound record, each chunk once, until it is known whether another record on the device holds it. */
import { toHex } from '../../shared/format/hash.ts';
import { type ChunkRef } from '../../shared/format/disk-index.ts';
import { PointSet } from './findings.ts';

/** Above this lost chunks are only counted. */
const MAX_LOST = 50_000;

export interface LostRef {
  readonly id: Uint8Array;
  readonly packId: string;
  readonly points: PointSet;
  isElsewhere: boolean;
}

export class LostRefs {
  /** By the place that the indexes name. */
  readonly #refs = new Map<string, LostRef>();
  /** What was above the bound. */
  readonly morePoints = new PointSet();
  more = 0;

  get size(): number {
    return this.#refs.size;
  }

  add({ id, packId, offset }: Pick<ChunkRef, 'id' | 'packId' | 'offset'>, savesetId: string): void {
    const place = `${packId}.${offset}.${toHex(id.subarray(0, 8))}`;
    const known = this.#refs.get(place);
    if (known !== undefined) known.points.add(savesetId);
    else if (this.#refs.size < MAX_LOST) {
      const points = new PointSet();
      points.add(savesetId);
      this.#refs.set(place, { id: new Uint8Array(id), packId, points, isElsewhere: false });
    } else {
      this.more++;
      this.morePoints.add(savesetId);
    }
  }

  values(): Iterable<LostRef> {
    return this.#refs.values();
  }
}
