/**
 * Patch streams: how the committed disks of tests/fixtures store one state of a disk as the sectors that differ
 * from the state before it (the first state: from all zeros). The stream lies zstd-compressed in the file.
 *
 *   0   6   "BHFX1\n"
 *   6   8   u64  capacity of the disk, in bytes
 *   14  …   records: u64 offset, u32 length, then length bytes; all numbers little endian
 *
 * Records are sorted and do not overlap; offset and length are multiples of 512; a record holds at most 1 MiB.
 */

const MAGIC = Buffer.from('BHFX1\n', 'latin1');
const HEADER_BYTES = MAGIC.length + 8;
const RECORD_HEADER_BYTES = 12;
const SECTOR_BYTES = 512;
const MAX_RECORD_BYTES = 1024 * 1024;
const COARSE_BYTES = 64 * 1024;

/** Bytes to be written at a byte offset of a disk. */
export interface DiskPatch {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Encodes `patches`, which must be sorted, disjoint and whole sectors. */
export function encodePatches(capacityBytes: number, patches: readonly DiskPatch[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeBigUInt64LE(BigInt(capacityBytes), MAGIC.length);
  const parts: Buffer[] = [header];
  for (const { offset, bytes } of patches) {
    const record = Buffer.alloc(RECORD_HEADER_BYTES);
    record.writeBigUInt64LE(BigInt(offset), 0);
    record.writeUInt32LE(bytes.length, 8);
    parts.push(record, bytes);
  }
  return Buffer.concat(parts);
}

/**
 * Decodes a stream; the returned bytes are views of `stream`.
 *
 * @throws Error naming the byte where the stream breaks one of the rules of the format
 */
export function decodePatches(stream: Buffer, capacityBytes: number): DiskPatch[] {
  if (stream.length < HEADER_BYTES || !stream.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new Error('Cannot read the patch stream: it does not begin with "BHFX1"');
  }
  if (Number(stream.readBigUInt64LE(MAGIC.length)) !== capacityBytes) {
    throw new Error(`Cannot read the patch stream: it is not of a disk of ${capacityBytes} bytes`);
  }
  const patches: DiskPatch[] = [];
  let position = HEADER_BYTES;
  let writtenTo = 0;
  while (position < stream.length) {
    const patch = decodeRecord(stream, position);
    if (patch.offset < writtenTo || patch.offset + patch.bytes.length > capacityBytes) {
      throw new Error(`Cannot read the patch stream: the record at byte ${position} is out of place`);
    }
    writtenTo = patch.offset + patch.bytes.length;
    position += RECORD_HEADER_BYTES + patch.bytes.length;
    patches.push(patch);
  }
  return patches;
}

function decodeRecord(stream: Buffer, position: number): DiskPatch {
  const body = position + RECORD_HEADER_BYTES;
  const lengthBytes = body <= stream.length ? stream.readUInt32LE(position + 8) : 0;
  const offset = lengthBytes > 0 ? Number(stream.readBigUInt64LE(position)) : 0;
  const whole = lengthBytes % SECTOR_BYTES === 0 && offset % SECTOR_BYTES === 0;
  if (lengthBytes === 0 || lengthBytes > MAX_RECORD_BYTES || !whole || body + lengthBytes > stream.length) {
    throw new Error(`Cannot read the patch stream: the record at byte ${position} is damaged`);
  }
  return { offset, bytes: stream.subarray(body, body + lengthBytes) };
}

/**
 * The sectors of `current` that differ from `previous`, or from zeros when there is none. The images must be of the
 * same length, a multiple of 512; the returned bytes are views of `current`.
 */
export function diffImages(previous: Buffer | undefined, current: Buffer): DiskPatch[] {
  const before = previous ?? Buffer.alloc(current.length);
  const patches: DiskPatch[] = [];
  let start = -1;
  const close = (end: number): void => {
    if (start >= 0) patches.push({ offset: start, bytes: current.subarray(start, end) });
    start = -1;
  };
  for (let coarse = 0; coarse < current.length; coarse += COARSE_BYTES) {
    const end = Math.min(coarse + COARSE_BYTES, current.length);
    if (before.compare(current, coarse, end, coarse, end) === 0) {
      close(coarse);
      continue;
    }
    for (let at = coarse; at < end; at += SECTOR_BYTES) {
      const same = before.compare(current, at, at + SECTOR_BYTES, at, at + SECTOR_BYTES) === 0;
      if (same || at - start === MAX_RECORD_BYTES) close(at);
      if (!same && start < 0) start = at;
    }
  }
  close(current.length);
  return patches;
}
