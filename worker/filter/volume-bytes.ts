/**
 * One volume as its file system sees it: bytes counted from its first one, wherever they lie. Of a partition that is one
 * extent of a disk; of a logical volume several, in the order of the volume.
 */
import {
  type Extent,
  type ExtentSet,
  endOf,
  firstEndingAfter,
  normalize,
} from '../../shared/domain/extent.ts';
import { type DiskBytes } from './disk-bytes.ts';
import { volumeDamage } from './gate.ts';

/** What a file system sees. */
export interface VolumeBytes {
  /** Where the first byte lies on its disk; for messages. */
  readonly startBytes: number;
  readonly lengthBytes: number;
  /**
   * Fills `into` from byte `offset` of the volume.
   * @throws AppError `FS_STRUCTURE_INVALID` outside the volume, and what the transport throws
   */
  readInto(offset: number, into: Uint8Array): Promise<void>;
}

/** A volume that lies on one disk. */
export interface PlacedVolume extends VolumeBytes {
  /** Where bytes of the volume lie on the disk. */
  toDisk(extents: ExtentSet): ExtentSet;
}

/** The partition `[startBytes, startBytes + lengthBytes)`, which must lie on the disk. */
export function volumeBytesOf(disk: DiskBytes, startBytes: number, lengthBytes: number): PlacedVolume {
  return assembledVolume(disk, [{ start: startBytes, length: lengthBytes }]);
}

/** A volume made of `pieces` of the disk, which must lie on it, in the order of the volume. */
export function assembledVolume(disk: DiskBytes, pieces: readonly Extent[]): PlacedVolume {
  const places: Piece[] = [];
  let lengthBytes = 0;
  for (const { start, length } of pieces) {
    places.push({ start: lengthBytes, length, disk: start });
    lengthBytes += length;
  }
  const startBytes = pieces[0]?.start ?? 0;
  return {
    startBytes,
    lengthBytes,
    async readInto(offset, into) {
      if (!(offset >= 0 && into.length <= lengthBytes - offset)) {
        throw volumeDamage('the volume', 'a structure leaves it', startBytes + offset);
      }
      for (const part of overlapping(places, { start: offset, length: into.length })) {
        const at = part.start - offset;
        await disk.readInto(part.disk, into.subarray(at, at + part.length));
      }
    },
    toDisk: (extents) =>
      normalize(
        extents.flatMap((extent) =>
          overlapping(places, extent).map(({ disk: start, length }) => ({ start, length })),
        ),
      ),
  };
}

/** An extent of the volume, and where it begins on the disk. */
interface Piece extends Extent {
  readonly disk: number;
}

/** A volume may have thousands of pieces, and as many free runs as a bitmap. */
function overlapping(places: readonly Piece[], extent: Extent): Piece[] {
  const found: Piece[] = [];
  for (let i = firstEndingAfter(places, extent.start); i < places.length; i++) {
    const piece = places[i];
    if (piece === undefined || piece.start >= endOf(extent)) break;
    const start = Math.max(piece.start, extent.start);
    const length = Math.min(endOf(piece), endOf(extent)) - start;
    if (length > 0) found.push({ start, length, disk: piece.disk + start - piece.start });
  }
  return found;
}
