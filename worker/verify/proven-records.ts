/**
 * Which records this stream has read and proven: points of one chain share most of their chunks, and a chain of thirty points is
 * read about once. A bounded memory; what does not fit is read again. Only what was read where it was noted counts: a chunk that
 * was found elsewhere is found again for each point, so that each point tells it.
 *
 *   pack    offsets, sorted: 44 │ 1100 │ 2148 …     beside each a tag of the chunk's id and lengths
 */
import { MiB } from '../../shared/base/units.ts';
import { type ChunkAddress } from '../../shared/format/disk-index.ts';

const MAX_BYTES = 64 * MiB;
const FIRST_RECORDS = 64;
/** What a pack takes beside its records. */
const PACK_BYTES = 256;

type ProvenRef = ChunkAddress & { readonly deviceId: string };

export class ProvenRecords {
  readonly #maxBytes: number;
  /** In the order of their last use. */
  readonly #packs = new Map<string, PackRecords>();
  #bytes = 0;

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  has(ref: ProvenRef): boolean {
    const key = keyOf(ref);
    const pack = this.#packs.get(key);
    if (pack?.has(ref.offset, tagOf(ref)) !== true) return false;
    this.#packs.delete(key);
    this.#packs.set(key, pack);
    return true;
  }

  add(ref: ProvenRef): void {
    const key = keyOf(ref);
    const known = this.#packs.get(key);
    const pack = known ?? new PackRecords();
    this.#bytes -= known?.bytes ?? 0;
    pack.add(ref.offset, tagOf(ref));
    this.#bytes += pack.bytes;
    this.#packs.delete(key);
    this.#packs.set(key, pack);
    for (const [oldest, { bytes }] of this.#packs) {
      if (this.#bytes <= this.#maxBytes || oldest === key) return;
      this.#packs.delete(oldest);
      this.#bytes -= bytes;
    }
  }
}

/** The proven records of one pack. */
class PackRecords {
  #offsets = new Uint32Array(FIRST_RECORDS);
  #tags = new Uint32Array(FIRST_RECORDS);
  #count = 0;

  get bytes(): number {
    return PACK_BYTES + this.#offsets.byteLength + this.#tags.byteLength;
  }

  has(offset: number, tag: number): boolean {
    const at = this.#position(offset);
    return at < this.#count && this.#offsets[at] === offset && this.#tags[at] === tag;
  }

  /** Of two chunks that are said to be at one place, the last one that was proven is remembered. */
  add(offset: number, tag: number): void {
    const at = this.#position(offset);
    if (at === this.#count || this.#offsets[at] !== offset) {
      if (this.#count === this.#offsets.length) this.#grow();
      this.#offsets.copyWithin(at + 1, at, this.#count);
      this.#tags.copyWithin(at + 1, at, this.#count++);
    }
    this.#offsets[at] = offset;
    this.#tags[at] = tag;
  }

  /** Of the first record at or behind `offset`. */
  #position(offset: number): number {
    let low = 0;
    for (let high = this.#count; low < high;) {
      const middle = (low + high) >>> 1;
      if (Number(this.#offsets[middle]) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #grow(): void {
    const [offsets, tags] = [this.#offsets, this.#tags];
    this.#offsets = new Uint32Array(offsets.length * 2);
    this.#offsets.set(offsets);
    this.#tags = new Uint32Array(tags.length * 2);
    this.#tags.set(tags);
  }
}

const keyOf = ({ deviceId, packId }: ProvenRef): string => `${deviceId}/${packId}`;

/** An index that is wrong about a place must not profit from one that is right. */
function tagOf({ id, storedLength, plainLength }: ProvenRef): number {
  const first = new DataView(id.buffer, id.byteOffset, 4).getUint32(0);
  return (first + Math.imul(plainLength, 0x9e3779b1) + Math.imul(storedLength, 0x85ebca6b)) >>> 0;
}
