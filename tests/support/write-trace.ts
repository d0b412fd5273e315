/**
 * Every write that a file system made to its disk, in the order in which the disk had them: tests/fixtures/writes, made by
 * scripts/make-write-traces.ts. Replayed up to any of them a trace gives the disk as a snapshot at that moment finds it.
 *
 *   0   6   "BHWT1\n"
 *   6   8   u64  capacity of the disk, in bytes
 *   14  4   u32  how many of the records make the disk as it was before
 *   18  …   records: u64 offset, u32 length, then length bytes; all numbers little endian
 *
 * The stream lies zstd-compressed in the file. Beside it is a .json with what the tools of the file system say is in use after so many
 * writes, once they have done what a mount does: a new list wherever it changes, null where they cannot read the disk.
 */
import { readFileSync } from 'node:fs';
import { decompress } from 'zstd-napi';
import { type Extent, type ExtentSet, normalize } from '../../shared/domain/extent.ts';
import { type DiskPatch } from './disk-patches.ts';

const FOLDER = new URL('../fixtures/writes/', import.meta.url);
const MAGIC = Buffer.from('BHWT1\n', 'latin1');
const HEADER_BYTES = MAGIC.length + 12;
const RECORD_HEADER_BYTES = 12;

export interface WriteTrace {
  /** The disk before the first write; the caller's to change. */
  readonly bytes: Buffer;
  readonly writes: readonly DiskPatch[];
}

export function encodeTrace(
  capacityBytes: number,
  before: readonly DiskPatch[],
  writes: readonly DiskPatch[],
): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeBigUInt64LE(BigInt(capacityBytes), MAGIC.length);
  header.writeUInt32LE(before.length, MAGIC.length + 8);
  const parts: Buffer[] = [header];
  for (const { offset, bytes } of [...before, ...writes]) {
    const record = Buffer.alloc(RECORD_HEADER_BYTES);
    record.writeBigUInt64LE(BigInt(offset), 0);
    record.writeUInt32LE(bytes.length, 8);
    parts.push(record, bytes);
  }
  return Buffer.concat(parts);
}

function decodeTrace(stream: Buffer): WriteTrace {
  if (!stream.subarray(0, MAGIC.length).equals(MAGIC))
    throw new Error('Cannot read the trace: it begins otherwise');
  const bytes = Buffer.alloc(Number(stream.readBigUInt64LE(MAGIC.length)));
  const before = stream.readUInt32LE(MAGIC.length + 8);
  const writes: DiskPatch[] = [];
  for (let at = HEADER_BYTES; at < stream.length;) {
    const [offset, length] = [Number(stream.readBigUInt64LE(at)), stream.readUInt32LE(at + 8)];
    at += RECORD_HEADER_BYTES + length;
    writes.push({ offset, bytes: stream.subarray(at - length, at) });
  }
  for (const { offset, bytes: written } of writes.splice(0, before)) written.copy(bytes, offset);
  return { bytes, writes };
}

/** What is in use from so many writes on. */
export type UseAfter = readonly [
  writes: number,
  used: readonly (readonly [start: number, length: number])[] | null,
];

export interface TraceUse {
  readonly unitBytes: number;
  readonly used: readonly UseAfter[];
}

export interface TraceFixture extends WriteTrace {
  /** In bytes, after so many writes; null where the tools cannot read the disk. */
  usedAfter(writes: number): ExtentSet | null;
}

export function loadTrace(name: string): TraceFixture {
  const { unitBytes, used } = JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')) as TraceUse;
  const trace = decodeTrace(decompress(readFileSync(new URL(`${name}.bhwt.zst`, FOLDER))));
  const extentOf = ([start, length]: readonly [number, number]): Extent => {
    return { start: start * unitBytes, length: length * unitBytes };
  };
  return {
    ...trace,
    usedAfter(writes) {
      const list = used.findLast(([from]) => from <= writes)?.[1] ?? null;
      return list === null ? null : normalize(list.map(extentOf));
    },
  };
}
