/**
 * What a backup has to read, worked out in the plainest way there is: one byte per sector of the disk, and loops. It knows
 * which clusters are in use from what the file-system tools said of a fixture, and which sectors changed from the simulator's
 * disks; nothing of the product takes part.
 */
import { createHash } from 'node:crypto';
import { type DiskState, type VolumeState } from '../../tests/support/fixtures.ts';

export const SECTOR_BYTES = 512;
/** What change tracking of vSphere tells apart. */
const GRAIN_BYTES = 64 * 1024;

/** One byte per sector, 0 or 1. */
export type Sectors = Uint8Array;

export function noSectors(capacityBytes: number): Sectors {
  return new Uint8Array(capacityBytes / SECTOR_BYTES);
}

/** Allocated clusters, and all that lies outside of volumes. */
export function sectorsInUse(state: DiskState, capacityBytes: number): Sectors {
  const used = noSectors(capacityBytes).fill(1);
  for (const volume of state.volumes) {
    mark(used, 0, volume.startBytes, volume.clusters * volume.clusterBytes);
    for (const { start, length } of allocated(volume)) mark(used, 1, start, length);
  }
  return used;
}

function mark(sectors: Sectors, value: 0 | 1, startBytes: number, lengthBytes: number): void {
  sectors.fill(value, startBytes / SECTOR_BYTES, (startBytes + lengthBytes) / SECTOR_BYTES);
}

/** Byte ranges of the disk. */
function allocated(volume: VolumeState): { start: number; length: number }[] {
  return volume.allocatedRuns.map(([first, clusters]) => ({
    start: volume.startBytes + first * volume.clusterBytes,
    length: clusters * volume.clusterBytes,
  }));
}

/** Every sector of each 64 KiB grain in which two images of a disk differ. */
export function changedGrains(before: Buffer, after: Buffer): Sectors {
  const changed = noSectors(after.length);
  for (let at = 0; at < after.length; at += GRAIN_BYTES) {
    const end = Math.min(at + GRAIN_BYTES, after.length);
    if (before.compare(after, at, end, at, end) !== 0) mark(changed, 1, at, end - at);
  }
  return changed;
}

export function inEither(a: Sectors, b: Sectors): Sectors {
  return a.map((value, i) => value | b[i]!);
}

export function bytesOf(sectors: Sectors): number {
  return sectors.reduce((sum, value) => sum + value, 0) * SECTOR_BYTES;
}

/** What one backup of one disk must read, and why. */
export interface Expected {
  /** Changed since the base and in use. */
  readonly changedInUse: Sectors;
  /** In use now, and in no earlier saveset of the chain, since it was not in use then. */
  readonly becameUsed: Sectors;
  /** Content that the chain has after this backup. */
  readonly held: Sectors;
}

export interface Step {
  readonly inUse: Sectors;
  /** Since the base. */
  readonly changed: Sectors;
  /** What the chain of the base holds. */
  readonly heldByBase: Sectors;
}

export function expectRead({ inUse, changed, heldByBase }: Step): Expected {
  const held = heldByBase.map((value, i) => (changed[i] === 1 ? inUse[i]! : value | inUse[i]!));
  return {
    changedInUse: inUse.map((value, i) => value & changed[i]!),
    becameUsed: inUse.map((value, i) => (changed[i] === 1 || heldByBase[i] === 1 ? 0 : value)),
    held,
  };
}

/** Bytes of those sectors that are not all zeros: the others need no reading where the disk never had them written. */
export function nonZeroBytes(sectors: Sectors, image: Buffer): number {
  const zeros = Buffer.alloc(SECTOR_BYTES);
  let bytes = 0;
  for (let i = 0; i < sectors.length; i++) {
    const at = i * SECTOR_BYTES;
    if (sectors[i] === 1 && image.compare(zeros, 0, SECTOR_BYTES, at, at + SECTOR_BYTES) !== 0)
      bytes += SECTOR_BYTES;
  }
  return bytes;
}

/** Positions of the sectors in use that differ between the restored and the true disk. */
export function wrongSectors(inUse: Sectors, restored: Buffer, truth: Buffer): number[] {
  if (restored.length !== truth.length) return [0];
  const differ = (start: number, end: number): boolean =>
    restored.compare(truth, start, end, start, end) !== 0;
  const wrong: number[] = [];
  for (let grain = 0; grain < truth.length; grain += GRAIN_BYTES) {
    const end = Math.min(grain + GRAIN_BYTES, truth.length);
    if (!differ(grain, end)) continue;
    for (let at = grain; at < end; at += SECTOR_BYTES)
      if (inUse[at / SECTOR_BYTES] === 1 && differ(at, at + SECTOR_BYTES)) wrong.push(at);
  }
  return wrong;
}

/** Whether a disk hashes, volume by volume and in the gaps, to what the file-system tools saw. */
export function hasContentOf(state: DiskState, image: Buffer): boolean {
  const volumes = state.volumes.every((volume) => {
    const hash = createHash('sha256');
    for (const { start, length } of allocated(volume)) hash.update(image.subarray(start, start + length));
    return hash.digest('hex') === volume.allocatedSha256;
  });
  const gaps = state.outsideClusters.every(({ startBytes, lengthBytes, sha256 }) => {
    const bytes = image.subarray(startBytes, startBytes + lengthBytes);
    return createHash('sha256').update(bytes).digest('hex') === sha256;
  });
  return volumes && gaps;
}
