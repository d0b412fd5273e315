/** Collects the refs of one disk in any order, packed, and makes its index of them. */
import { type ExtentMap } from '../domain/extent-map.ts';
import { type ChunkRef, type DiskIndex, REF_BYTES, checkDiskIndex, checkGeometry } from './disk-index.ts';

const FIRST_REFS = 256;

export class DiskIndexBuilder {
  readonly #capacityBytes: number;
  readonly #gridBytes: number;
  readonly #packs = new Map<string, number>();
  #refs = new Uint8Array(FIRST_REFS * REF_BYTES);
  #count = 0;

  /** @throws AppError `FORMAT_INVALID` for a grid or capacity out of range */
  constructor(capacityBytes: number, gridBytes: number) {
    checkGeometry({ capacityBytes, gridBytes }, 'the disk index');
    this.#capacityBytes = capacityBytes;
    this.#gridBytes = gridBytes;
  }

  /** Notes a chunk; the id is copied. One per cell, in any order. */
  add(ref: ChunkRef): void {
    const at = this.#count * REF_BYTES;
    if (at === this.#refs.length) this.#grow();
    const cell = Math.floor(ref.start / this.#gridBytes);
    const view = new DataView(this.#refs.buffer, at, REF_BYTES);
    this.#refs.set(ref.id, at);
    view.setUint32(32, cell, true);
    view.setUint32(36, ref.start - cell * this.#gridBytes, true);
    view.setUint32(40, ref.plainLength, true);
    view.setUint32(44, this.#packNo(ref.packId), true);
    view.setUint32(48, ref.offset, true);
    view.setUint32(52, ref.storedLength, true);
    this.#count++;
  }

  /**
   * The index of a disk with these runs; the builder must not be used afterwards.
   * @throws AppError `FORMAT_INVALID` when the refs are not exactly the chunks that the runs need
   */
  finish(runs: ExtentMap['runs']): DiskIndex {
    const index = {
      capacityBytes: this.#capacityBytes,
      gridBytes: this.#gridBytes,
      runs,
      packs: [...this.#packs.keys()],
      refs: sortedByCell(this.#refs.subarray(0, this.#count * REF_BYTES)),
    };
    checkDiskIndex(index, 'the new disk index');
    return index;
  }

  #packNo(packId: string): number {
    const known = this.#packs.get(packId);
    if (known !== undefined) return known;
    this.#packs.set(packId, this.#packs.size);
    return this.#packs.size - 1;
  }

  #grow(): void {
    const larger = new Uint8Array(Math.ceil((this.#count * 3) / 2) * REF_BYTES);
    larger.set(this.#refs);
    this.#refs = larger;
  }
}

function sortedByCell(refs: Uint8Array): Uint8Array {
  const view = new DataView(refs.buffer, refs.byteOffset, refs.length);
  const cellOf = (ref: number): number => view.getUint32(ref * REF_BYTES + 32, true);
  const order = Uint32Array.from({ length: refs.length / REF_BYTES }, (_, i) => i);
  if (order.every((ref) => ref === 0 || cellOf(ref - 1) <= cellOf(ref))) return refs;
  order.sort((a, b) => cellOf(a) - cellOf(b));
  const sorted = new Uint8Array(refs.length);
  order.forEach((ref, i) => sorted.set(refs.subarray(ref * REF_BYTES, (ref + 1) * REF_BYTES), i * REF_BYTES));
  return sorted;
}
