/**
 * $Bitmap (record 6): one bit for every cluster, the lowest bit first, 1 = in use. Bits past the last cluster mean nothing.
 *
 * It is read in large pieces and turned into runs of free clusters word by word. The runs are bounded in number: a volume with more
 * keeps its shortest ones, which costs a little space and never a byte of the guest.
 *
 * Source: docs/format/ntfs.md, section 6.
 */
import { MiB } from '../../../shared/base/units.ts';
import { type Extent, type ExtentSet } from '../../../shared/domain/extent.ts';
import { type Stream, readStream } from './stream.ts';
import { ntfsDamage } from './units.ts';
import { type NtfsVolume } from './ntfs-volume.ts';

/** Runs held at most, about 20 MB. */
const MAX_FREE_RUNS = 256 * 1024;
const READ_BYTES = 4 * MiB;
const WORD_BITS = 32;
const FULL_WORD = 0xffffffff;

export interface FreeClusters {
  /** In clusters. */
  readonly runs: ExtentSet;
  /** Clear bits, those of runs left out included. */
  readonly count: number;
}

export interface BitmapScan {
  /** Takes the next piece; all but the last are multiples of 4 bytes. */
  add(bytes: Uint8Array): void;
  finish(): FreeClusters;
}

/** Scans a bitmap of `clusters` bits from its start; `maxRuns` is for tests. */
export function createBitmapScan(clusters: number, maxRuns = MAX_FREE_RUNS): BitmapScan {
  const runs = createRunList(maxRuns);
  let position = 0;
  let runStart = -1;

  function toggle(cluster: number): void {
    if (runStart >= 0) runs.push(runStart, cluster);
    runStart = runStart >= 0 ? -1 : cluster;
  }
  function addMixed(word: number): void {
    let bit = 0;
    for (;;) {
      const rest = (runStart >= 0 ? word : ~word) >>> bit;
      if (rest === 0) return;
      bit += trailingZeros(rest);
      toggle(position + bit);
    }
  }
  function addWord(word: number): void {
    if (word === 0 ? runStart < 0 : word === FULL_WORD && runStart >= 0) toggle(position);
    else if (word !== 0 && word !== FULL_WORD) addMixed(word);
    position += WORD_BITS;
  }
  return {
    add(bytes) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let offset = 0; offset < bytes.length && position < clusters; offset += 4) {
        const word = offset + 4 <= bytes.length ? view.getUint32(offset, true) : lastWord(bytes, offset);
        addWord((word | bitsFrom(clusters - position)) >>> 0);
      }
    },
    finish() {
      if (runStart >= 0) toggle(Math.min(position, clusters));
      return { runs: runs.list(), count: runs.count() };
    },
  };
}

const trailingZeros = (value: number): number => 31 - Math.clz32(value & -value);

/** A mask of all bits from `bit` on: what lies past the end counts as in use. */
const bitsFrom = (bit: number): number => (bit >= WORD_BITS ? 0 : FULL_WORD << bit);

function lastWord(bytes: Uint8Array, offset: number): number {
  let word = FULL_WORD;
  for (let i = offset; i < bytes.length; i++) {
    const shift = 8 * (i - offset);
    word = (word & ~(0xff << shift)) | ((bytes[i] ?? 0xff) << shift);
  }
  return word;
}

interface RunList {
  push(start: number, end: number): void;
  list(): ExtentSet;
  count(): number;
}

function createRunList(maxRuns: number): RunList {
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

/**
 * Reads the free clusters of the volume out of `stream`.
 * @throws AppError `FS_STRUCTURE_INVALID` when it is shorter than the volume
 */
export async function readFreeClusters(volume: NtfsVolume, stream: Stream): Promise<FreeClusters> {
  const { clusters } = volume.boot;
  const lengthBytes = Math.ceil(clusters / 8);
  if (Math.min(stream.sizeBytes, stream.initialisedBytes) < lengthBytes) {
    throw ntfsDamage('$Bitmap', `it has fewer than ${lengthBytes} bytes`, stream.at);
  }
  const scan = createBitmapScan(clusters);
  const buffer = new Uint8Array(Math.min(READ_BYTES, lengthBytes));
  for (let offset = 0; offset < lengthBytes; offset += buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, lengthBytes - offset));
    await readStream(volume, stream, offset, piece);
    scan.add(piece);
  }
  return scan.finish();
}
