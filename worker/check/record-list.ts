/** What a pack holds, in 20 bytes for each record: enough to tell whether a ref of an index names one of them. */
import { type EntryPlace } from '../../shared/format/pack-directory.ts';

/** In the order of their offsets. */
export class RecordList {
  readonly count: number;
  /** Five words for each record: offset, stored length, plain length, first four bytes of the chunk id, the next four. */
  readonly #words: Uint32Array;

  constructor(entries: readonly EntryPlace[]) {
    this.count = entries.length;
    this.#words = new Uint32Array(entries.length * WORDS);
    entries.forEach((entry, i) => {
      const [first, second] = tagOf(entry.id);
      this.#words.set([entry.offset, entry.storedLength, entry.plainLength, first, second], i * WORDS);
    });
  }

  get bytes(): number {
    return this.#words.byteLength;
  }

  offset(i: number): number {
    return Number(this.#words[i * WORDS]);
  }

  storedLength(i: number): number {
    return Number(this.#words[i * WORDS + 1]);
  }

  /** The number of the record that begins at `offset`, or -1. */
  at(offset: number): number {
    let low = 0;
    for (let high = this.count; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.offset(middle) < offset) low = middle + 1;
      else high = middle;
    }
    return low < this.count && this.offset(low) === offset ? low : -1;
  }

  /** Whether record `i` is the chunk with these lengths; the first 8 bytes of the id are compared. */
  holds(i: number, chunk: Omit<EntryPlace, 'offset'>): boolean {
    const at = i * WORDS;
    const words = this.#words;
    const [first, second] = tagOf(chunk.id);
    return (
      words[at + 1] === chunk.storedLength &&
      words[at + 2] === chunk.plainLength &&
      words[at + 3] === first &&
      words[at + 4] === second
    );
  }
}

const WORDS = 5;

function tagOf(id: Uint8Array): readonly [number, number] {
  const view = new DataView(id.buffer, id.byteOffset, 8);
  return [view.getUint32(0), view.getUint32(4)];
}
