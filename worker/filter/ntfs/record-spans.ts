/** Many records of the MFT, read together where they lie close to each other. */
import { KiB, MiB } from '../../../shared/base/units.ts';
import { gateOf } from '../gate.ts';
import { type FileRecord, decodeFileRecord } from './file-record.ts';
import { type Mft } from './mft.ts';
import { placeOf, readStream } from './stream.ts';

/** Reading so much for nothing is cheaper than another request. */
const MAX_GAP_BYTES = 64 * KiB;
const MAX_SPAN_BYTES = MiB;

export interface RecordsInput {
  readonly mft: Mft;
  /** Rising, each once. */
  readonly numbers: readonly number[];
}

/** The records by number; null for one that is damaged or lies outside the MFT. */
export async function* readRecords({
  mft,
  numbers,
}: RecordsInput): AsyncGenerator<readonly [number: number, record: FileRecord | null]> {
  const { content, volume } = mft;
  const { recordBytes, clusters: volumeClusters } = volume.boot;
  const records = Math.floor(content.sizeBytes / recordBytes);
  for (const span of spansOf(numbers, recordBytes)) {
    const [first = 0] = span;
    const last = Math.min(span.at(-1) ?? first, records - 1);
    const bytes = new Uint8Array(Math.max(0, last - first + 1) * recordBytes);
    await readStream(volume, content, first * recordBytes, bytes);
    const place = bytes.length === 0 ? content.at : placeOf(volume, content, first * recordBytes);
    for (const number of span) {
      const offset = (number - first) * recordBytes;
      const raw = bytes.subarray(offset, offset + recordBytes);
      yield [number, decoded(raw, { number, at: place + offset, volumeClusters })];
    }
  }
}

function* spansOf(numbers: readonly number[], recordBytes: number): Generator<readonly number[]> {
  let span: number[] = [];
  for (const number of numbers) {
    const [first = number] = span;
    const isFar = (number - (span.at(-1) ?? number)) * recordBytes > MAX_GAP_BYTES;
    if (isFar || (number + 1 - first) * recordBytes > MAX_SPAN_BYTES) {
      yield span;
      span = [];
    }
    span.push(number);
  }
  if (span.length > 0) yield span;
}

function decoded(raw: Uint8Array, place: Parameters<typeof decodeFileRecord>[1]): FileRecord | null {
  try {
    return decodeFileRecord(raw, place);
  } catch (error) {
    if (gateOf(error) === null) throw error;
    return null;
  }
}
