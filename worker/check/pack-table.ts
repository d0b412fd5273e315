/**
 * All packs of a device by number, and all their records by number: a few bytes for each pack and two bits for each record,
 * so that a device of 100 TiB is checked in 60 MiB.
 *
 *   pack      0          1       2                 sorted by id
 *   records   0 1 2 3 4  5 6 7   8 9 10 11         in the order in which directories were read
 */
import { PACK_ID_BYTES } from '../../shared/format/pack.ts';
import { fromHex, toHex } from '../../shared/format/hash.ts';

const FIRST_PACKS = 1024;
const FIRST_BITS_BYTES = 4096;

/** A list of bits that grows; those never set are 0. */
class BitList {
  #bytes = new Uint8Array(FIRST_BITS_BYTES);

  has(at: number): boolean {
    return ((this.#bytes[at >>> 3] ?? 0) & (1 << (at & 7))) !== 0;
  }

  set(at: number): void {
    const byte = at >>> 3;
    if (byte >= this.#bytes.length) {
      const larger = new Uint8Array(Math.max(byte + 1, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[byte] = Number(this.#bytes[byte]) | (1 << (at & 7));
  }
}

/** First all packs are added, then the table is closed, then it is asked. */
export class PackTable {
  /** Records that a restore point uses. */
  readonly used = new BitList();
  /** Records that cannot be read back. */
  readonly bad = new BitList();
  #ids = new Uint8Array(FIRST_PACKS * PACK_ID_BYTES);
  #lengths = new Float64Array(FIRST_PACKS);
  #firstRecord = new Float64Array();
  #count = 0;
  #records = 0;

  get count(): number {
    return this.#count;
  }

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#lengths.subarray(0, this.#count).reduce((sum, length) => sum + length, 0);
  }

  add(packId: string, lengthBytes: number): void {
    if (this.#count === this.#lengths.length) this.#grow();
    this.#ids.set(fromHex(packId, PACK_ID_BYTES), this.#count * PACK_ID_BYTES);
    this.#lengths[this.#count++] = lengthBytes;
  }

  /** Sorts the packs, which gives them their numbers. */
  close(): void {
    const ids = this.#ids;
    const order = Uint32Array.from({ length: this.#count }, (_, i) => i).sort((a, b) =>
      Buffer.compare(idAt(ids, a), idAt(ids, b)),
    );
    const sortedIds = new Uint8Array(this.#count * PACK_ID_BYTES);
    order.forEach((from, to) => sortedIds.set(idAt(ids, from), to * PACK_ID_BYTES));
    this.#lengths = Float64Array.from(order, (from) => Number(this.#lengths[from]));
    this.#ids = sortedIds;
    this.#firstRecord = new Float64Array(this.#count);
  }

  numberOf(packId: string): number | undefined {
    const wanted = fromHex(packId, PACK_ID_BYTES);
    let low = 0;
    for (let high = this.#count; low < high;) {
      const middle = Math.floor((low + high) / 2);
      if (Buffer.compare(idAt(this.#ids, middle), wanted) < 0) low = middle + 1;
      else high = middle;
    }
    const isThere = low < this.#count && Buffer.compare(idAt(this.#ids, low), wanted) === 0;
    return isThere ? low : undefined;
  }

  place(pack: number): { readonly packId: string; readonly lengthBytes: number } {
    return { packId: toHex(idAt(this.#ids, pack)), lengthBytes: Number(this.#lengths[pack]) };
  }

  /** Gives the records of a pack their numbers; once for each pack. */
  addRecords(pack: number, count: number): void {
    this.#firstRecord[pack] = this.#records;
    this.#records += count;
  }

  /** The number of record `i` of a pack. */
  recordNo(pack: number, i: number): number {
    return Number(this.#firstRecord[pack]) + i;
  }

  #grow(): void {
    const [ids, lengths] = [this.#ids, this.#lengths];
    this.#ids = new Uint8Array(ids.length * 2);
    this.#ids.set(ids);
    this.#lengths = new Float64Array(lengths.length * 2);
    this.#lengths.set(lengths);
  }
}

function idAt(ids: Uint8Array, i: number): Uint8Array {
  return ids.subarray(i * PACK_ID_BYTES, (i + 1) * PACK_ID_BYTES);
}
