/**
 * Free space out of bitmaps: one bit for every unit, the lowest bit first, 1 = in use. Bits past the last unit mean nothing.
 *
 * Bitmaps come in large pieces and are turned into runs of clear bits word by word. The free runs of a volume are bounded in
 * number: with more, the shortest count as used, which costs a little space and never a byte of the guest.
 */
import { type Extent, type ExtentSet } from '../../shared/domain/extent.ts';

/** Runs held at most, about 20 MB. */
const MAX_FREE_RUNS = 256 * 1024;
const WORD_BITS = 32;
const FULL_WORD = -1;

export interface FreeRuns {
  /** In units of the bitmap. */
  readonly runs: ExtentSet;
  /** Clear bits, those of runs left out included. */
  readonly count: number;
}

export interface BitmapScan<Result> {
  /** Takes the next piece; all but the last are multiples of 4 bytes. */
  add(bytes: Uint8Array): void;
  finish(): Result;
}

/** Scans a bitmap of `units` bits from its start; `maxRuns` is for tests. */
export function createBitmapScan(units: number, maxRuns = MAX_FREE_RUNS): BitmapScan<FreeRuns> {
  const runs = createRunList(maxRuns);
  const scan = scanClearBits(units, (start, end) => runs.push(start, end));
  return {
    add: (bytes) => scan.add(bytes),
    finish() {
      scan.finish();
      return { runs: runs.list(), count: runs.count() };
    },
  };
}

/** Tells every run of clear bits among the first `units`, in order: first bit and the bit behind the last one. */
export function scanClearBits(units: number, onRun: (start: number, end: number) => void): BitmapScan<void> {
  let position = 0;
  let runStart = -1;

  /** Whole words, all of units. Those that go on as the last one ended are most of any bitmap, and cost one comparison. */
  function addWords(words: Int32Array): void {
    let open = runStart;
    for (let i = 0; i < words.length; i++) {
      const unchanged = open < 0 ? FULL_WORD : 0;
      while (words[i] === unchanged) i++;
      if (i >= words.length) break;
      // Bits that differ from the run under way: the lowest one ends it.
      let rest = Number(words[i]) ^ unchanged;
      const first = position + i * WORD_BITS;
      while (rest !== 0) {
        const bit = trailingZeros(rest);
        if (open < 0) open = first + bit;
        else {
          onRun(open, first + bit);
          open = -1;
        }
        rest = ~rest & (FULL_WORD << bit);
      }
    }
    runStart = open;
    position += words.length * WORD_BITS;
  }
  return {
    add(bytes) {
      if (position >= units) return;
      const whole = Math.min(bytes.length >>> 2, Math.floor((units - position) / WORD_BITS));
      addWords(wordsOf(bytes, whole));
      if (position >= units || 4 * whole >= bytes.length) return;
      const last = lastWord(bytes, 4 * whole) | bitsFrom(units - position);
      addWords(Int32Array.of(last));
    },
    finish() {
      if (runStart >= 0) onRun(runStart, Math.min(position, units));
      runStart = -1;
    },
  };
}

const trailingZeros = (value: number): number => 31 - Math.clz32(value & -value);

/** The first `count` words of `bytes`, little endian as every machine that Node runs this on; copied where they lie at odd places. */
function wordsOf(bytes: Uint8Array, count: number): Int32Array {
  const source = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes.subarray(0, 4 * count));
  return new Int32Array(source.buffer, source.byteOffset, count);
}

/** A mask of all bits from `bit` on: what lies past the end counts as in use. */
const bitsFrom = (bit: number): number => (bit >= WORD_BITS ? 0 : FULL_WORD << bit);

function lastWord(bytes: Uint8Array, offset: number): number {
  let word = FULL_WORD;
  for (let i = offset; i < Math.min(offset + 4, bytes.length); i++) {
    const shift = 8 * (i - offset);
    word = (word & ~(0xff << shift)) | ((bytes[i] ?? 0xff) << shift);
  }
  return word;
}

/** Free runs as they are found. */
export interface FreeRunList {
  /** Takes the units `[start, end)`, more than none; in order, and no two runs touch. */
  push(start: number, end: number): void;
  list(): ExtentSet;
  /** Units of all runs, those left out included. */
  count(): number;
}

/** An empty list that holds at most `maxRuns`, the longest ones. */
export function createRunList(maxRuns = MAX_FREE_RUNS): FreeRunList {
  let runs: Extent[] = [];
  let shortest = 1;
  let count = 0;
  return {
    push(start, end) {
      count += end - start;
      if (end - start < shortest) return;
      runs.push({ start, length: end - start });
      while (runs.length > maxRuns) {
        shortest *= 2;
        runs = runs.filter(({ length }) => length >= shortest);
      }
    },
    list: () => runs,
    count: () => count,
  };
}
