/**
 * The bytes of one plex: a volume as its file system sees it, on the disks where it lies. Here those whose partitions lie one behind the
 * other; stripes.ts and raid5.ts have the others.
 *
 * Source: docs/format/ldm.md, section 6.
 */
import { type Extent, type ExtentSet, endOf, normalize } from '../../../shared/domain/extent.ts';
import { type DiskBytes } from '../disk-bytes.ts';
import { volumeDamage } from '../gate.ts';
import { type VolumeBytes } from '../volume-bytes.ts';

/** Bytes of disks. */
export type DiskExtents = ReadonlyMap<DiskBytes, ExtentSet>;

export interface PlexBytes extends VolumeBytes {
  /** Of what it has on its disks, the part that is the volume's; the rest is parity. */
  readonly dataShare: number;
  /** What of the disks nobody needs when `free` of the volume is free. */
  dropOf(free: ExtentSet): DiskExtents;
}

/** Bytes in a row on a disk. */
export interface DiskPiece extends Extent {
  readonly disk: DiskBytes;
}

/** What makes one kind of plex. */
export interface PlexWork {
  readonly dataShare: number;
  /** Only asked for bytes of the volume. */
  readonly read: (offset: number, into: Uint8Array) => Promise<void>;
  readonly dropOf: (free: ExtentSet) => DiskExtents;
}

/** A plex that begins with the first of `pieces`. */
export function plexOf(
  pieces: readonly DiskPiece[],
  lengthBytes: number,
  { dataShare, read, dropOf }: PlexWork,
): PlexBytes {
  const startBytes = pieces[0]?.start ?? 0;
  return {
    startBytes,
    lengthBytes,
    dataShare,
    dropOf,
    async readInto(offset, into) {
      if (!(offset >= 0 && into.length <= lengthBytes - offset)) {
        throw volumeDamage('the volume', 'a structure leaves it', startBytes + offset);
      }
      if (into.length > 0) await read(offset, into);
    },
  };
}

/** The same bytes, disk by disk. */
export function byDisk(pieces: readonly DiskPiece[]): DiskExtents {
  const found = new Map<DiskBytes, Extent[]>();
  for (const { disk, start, length } of pieces) {
    const own = found.get(disk);
    if (own === undefined) found.set(disk, [{ start, length }]);
    else own.push({ start, length });
  }
  return new Map([...found].map(([disk, extents]) => [disk, normalize(extents)]));
}

/** Pieces one behind the other; at least one. */
export function spannedPlex(pieces: readonly DiskPiece[]): PlexBytes {
  let lengthBytes = 0;
  const places = pieces.map((piece) => {
    const from = lengthBytes;
    lengthBytes += piece.length;
    return { from, piece };
  });
  /** Calls `take` with the parts of `[start, end)`, each on its disk. */
  function forEachPart(start: number, end: number, take: (part: DiskPiece, at: number) => void): void {
    for (const { from, piece } of places) {
      const first = Math.max(start, from);
      const last = Math.min(end, from + piece.length);
      if (first >= last) continue;
      take({ disk: piece.disk, start: piece.start + first - from, length: last - first }, first);
    }
  }
  return plexOf(pieces, lengthBytes, {
    dataShare: 1,
    async read(offset, into) {
      const parts: { part: DiskPiece; at: number }[] = [];
      forEachPart(offset, offset + into.length, (part, at) => parts.push({ part, at: at - offset }));
      for (const { part, at } of parts)
        await part.disk.readInto(part.start, into.subarray(at, at + part.length));
    },
    dropOf(free) {
      const dropped: DiskPiece[] = [];
      for (const extent of free) forEachPart(extent.start, endOf(extent), (part) => dropped.push(part));
      return byDisk(dropped);
    },
  });
}
