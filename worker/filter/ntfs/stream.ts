/** The content of a non-resident attribute, joined from its pieces. */
import { type ClusterRun } from './data-runs.ts';
import { type NonResidentAttribute } from './attribute.ts';
import { type NtfsVolume } from './ntfs-volume.ts';
import { ntfsDamage } from './units.ts';

export interface Stream {
  /** For messages: `$Bitmap`. */
  readonly what: string;
  /** Where its first piece is described on the disk. */
  readonly at: number;
  readonly runs: readonly ClusterRun[];
  readonly sizeBytes: number;
  /** Bytes past this read as zeros. */
  readonly initialisedBytes: number;
  readonly isCoded: boolean;
}

/**
 * Joins the pieces that follow each other from VCN 0 on; what comes behind a gap is left out.
 * @throws AppError `FS_STRUCTURE_INVALID` when there is no first piece or the initialised size is above the size
 */
export function joinPrefix(pieces: readonly NonResidentAttribute[], what: string, at: number): Stream {
  const sorted = [...pieces].sort((a, b) => a.firstVcn - b.firstVcn);
  const first = sorted[0];
  if (first?.firstVcn !== 0) throw ntfsDamage(what, 'its first clusters are nowhere', at);
  if (first.initialisedBytes > first.sizeBytes) throw ntfsDamage(what, 'its sizes contradict', first.at);
  const runs: ClusterRun[] = [];
  let vcn = 0;
  for (const piece of sorted) {
    if (piece.firstVcn !== vcn) break;
    for (const run of piece.runs) runs.push(run);
    vcn += piece.clusters;
  }
  const { sizeBytes, initialisedBytes } = first;
  return { what, at: first.at, runs, sizeBytes, initialisedBytes, isCoded: pieces.some((p) => p.isCoded) };
}

/** Clusters that the runs map, holes included. */
export function mappedClusters(stream: Stream): number {
  return stream.runs.reduce((sum, run) => sum + run.clusters, 0);
}

/**
 * Joins all of the pieces.
 * @throws AppError `FS_STRUCTURE_INVALID` when one is missing
 */
export function joinPieces(
  volume: NtfsVolume,
  pieces: readonly NonResidentAttribute[],
  what: string,
  at: number,
): Stream {
  const stream = joinPrefix(pieces, what, at);
  const wanted = pieces.reduce((sum, piece) => sum + piece.clusters, 0);
  const mapped = mappedClusters(stream);
  if (mapped !== wanted || mapped * volume.boot.clusterBytes < stream.sizeBytes) {
    throw ntfsDamage(what, 'a piece of it is missing', stream.at);
  }
  return stream;
}

/**
 * The same stream, if every byte of it lies on the disk as it is; it is then no longer than the volume.
 * @throws AppError `FS_STRUCTURE_INVALID` when it is compressed, encrypted, has holes or maps clusters twice
 */
export function requirePlain(volume: NtfsVolume, stream: Stream): Stream {
  const isPlain =
    !stream.isCoded &&
    stream.runs.every(({ lcn }) => lcn !== null) &&
    mappedClusters(stream) <= volume.boot.clusters;
  if (!isPlain)
    throw ntfsDamage(stream.what, 'it is compressed, encrypted, has holes or is too long', stream.at);
  return stream;
}

/** Where byte `offset` of the stream lies on the disk; the stream's description where it lies nowhere. */
export function placeOf(volume: NtfsVolume, stream: Stream, offset: number): number {
  for (const piece of locate(volume, stream, offset, 1)) {
    if (piece.place !== null) return volume.bytes.startBytes + piece.place;
  }
  return stream.at;
}

/**
 * Fills `into` from byte `offset` of the stream: zeros for holes and past the initialised size.
 * @throws AppError `FS_STRUCTURE_INVALID` when the stream does not reach that far
 */
export async function readStream(
  volume: NtfsVolume,
  stream: Stream,
  offset: number,
  into: Uint8Array,
): Promise<void> {
  let filled = 0;
  for (const { place, lengthBytes } of locate(volume, stream, offset, into.length)) {
    const part = into.subarray(filled, filled + lengthBytes);
    if (place === null) part.fill(0);
    else await volume.bytes.readInto(place, part);
    filled += lengthBytes;
  }
  if (filled < into.length)
    throw ntfsDamage(stream.what, `it ends before byte ${offset + into.length}`, stream.at);
  const initialised = Math.max(0, stream.initialisedBytes - offset);
  if (initialised < into.length) into.fill(0, initialised);
}

interface Located {
  /** Byte of the volume, or null in a hole. */
  readonly place: number | null;
  readonly lengthBytes: number;
}

function* locate(
  volume: NtfsVolume,
  stream: Stream,
  offset: number,
  lengthBytes: number,
): Generator<Located> {
  const { clusterBytes } = volume.boot;
  let runStart = 0;
  for (const { lcn, clusters } of stream.runs) {
    const runEnd = runStart + clusters * clusterBytes;
    const from = Math.max(offset, runStart);
    const to = Math.min(offset + lengthBytes, runEnd);
    if (from < to) {
      const place = lcn === null ? null : lcn * clusterBytes + (from - runStart);
      yield { place, lengthBytes: to - from };
    }
    if (runEnd >= offset + lengthBytes) return;
    runStart = runEnd;
  }
}
