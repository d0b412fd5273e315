/**
 * What a guest changed between two images of its volume, in a file: the ranges that differ, in units of 4 KiB, neighbours
 * joined up to 1 MiB. Positions are those of the disk, little-endian:
 *
 *   0    8   offset        8    4   length        12   length   bytes         … and so on to the end of the file
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

const UNIT_BYTES = 4096;
const STEP_BYTES = 4 * 1024 * 1024;
const LONGEST_BYTES = 1024 * 1024;
const HEADER_BYTES = 12;
/** What change tracking tells apart. */
const GRAIN_BYTES = 64 * 1024;

export interface Patch {
  readonly offset: number;
  readonly bytes: Buffer;
}

export interface ImagePair {
  readonly before: string;
  readonly after: string;
  readonly lengthBytes: number;
  /** Where the images begin on the disk. */
  readonly startBytes: number;
}

/** Writes what differs, but for what `known` has already; resolves with the bytes of the grains that are touched. */
export function writePatches(file: string, pair: ImagePair, known: readonly Patch[]): number {
  const out = openSync(file, 'w');
  const before = openSync(pair.before, 'r');
  const after = openSync(pair.after, 'r');
  const grains = new Set<number>();
  try {
    const old = Buffer.alloc(STEP_BYTES);
    const fresh = Buffer.alloc(STEP_BYTES);
    for (let at = 0; at < pair.lengthBytes; at += STEP_BYTES) {
      const length = Math.min(STEP_BYTES, pair.lengthBytes - at);
      readSync(before, old, 0, length, at);
      readSync(after, fresh, 0, length, at);
      const diskAt = pair.startBytes + at;
      overlay(old.subarray(0, length), diskAt, known);
      for (const patch of differences(old.subarray(0, length), fresh.subarray(0, length), diskAt)) {
        writePatch(out, patch);
        for (let grain = Math.floor(patch.offset / GRAIN_BYTES); grain * GRAIN_BYTES < endOf(patch); grain++)
          grains.add(grain);
      }
    }
  } finally {
    for (const fd of [out, before, after]) closeSync(fd);
  }
  return grains.size * GRAIN_BYTES;
}

const endOf = ({ offset, bytes }: Patch): number => offset + bytes.length;

function overlay(image: Buffer, imageAt: number, patches: readonly Patch[]): void {
  for (const patch of patches) {
    const from = Math.max(imageAt, patch.offset);
    const to = Math.min(imageAt + image.length, endOf(patch));
    if (from < to) patch.bytes.copy(image, from - imageAt, from - patch.offset, to - patch.offset);
  }
}

function* differences(old: Buffer, fresh: Buffer, diskAt: number): Generator<Patch> {
  if (old.equals(fresh)) return;
  let start = -1;
  for (let at = 0; at <= fresh.length; at += UNIT_BYTES) {
    const end = Math.min(at + UNIT_BYTES, fresh.length);
    const isSame = at >= fresh.length || old.compare(fresh, at, end, at, end) === 0;
    if (start >= 0 && (isSame || at - start >= LONGEST_BYTES)) {
      yield { offset: diskAt + start, bytes: fresh.subarray(start, at) };
      start = -1;
    }
    if (!isSame && start < 0) start = at;
  }
}

function writePatch(fd: number, { offset, bytes }: Patch): void {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeBigUInt64LE(BigInt(offset), 0);
  header.writeUInt32LE(bytes.length, 8);
  writeSync(fd, header);
  writeSync(fd, bytes);
}

/** The patches of a file, one at a time. */
export function* readPatches(file: string): Generator<Patch> {
  const fd = openSync(file, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    for (let at = 0; readSync(fd, header, 0, HEADER_BYTES, at) === HEADER_BYTES;) {
      const bytes = Buffer.alloc(header.readUInt32LE(8));
      readSync(fd, bytes, 0, bytes.length, at + HEADER_BYTES);
      yield { offset: Number(header.readBigUInt64LE(0)), bytes };
      at += HEADER_BYTES + bytes.length;
    }
  } finally {
    closeSync(fd);
  }
}

/** The same places with the content that an image of the disk has there. */
export function* patchesBack(file: string, image: string): Generator<Patch> {
  const fd = openSync(image, 'r');
  try {
    for (const { offset, bytes } of readPatches(file)) {
      readSync(fd, bytes, 0, bytes.length, offset);
      yield { offset, bytes };
    }
  } finally {
    closeSync(fd);
  }
}
