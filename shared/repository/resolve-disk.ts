/**
 * From a chain of disk indexes to what has to be read and written: each byte once, the newest point wins. Pure. Reads are
 * kept as numbers and made into objects one at a time, as a large disk has millions of them.
 *
 *   newest   data│same     │zero│same │free        the newest point that does not say `same` decides
 *   base         │data│free│data│zero │data
 *   disk     data│data│free│zero│zero │free
 */
import { AppError } from '../base/errors.ts';
import { type ExtentKind, select } from '../domain/extent-map.ts';
import {
  type Extent,
  type ExtentSet,
  endOf,
  intersect,
  slice,
  totalLength,
  wholeOf,
} from '../domain/extent.ts';
import { type ChunkAddress, type DiskIndex, refAt, refCount } from '../format/disk-index.ts';
import { sameBytes } from '../format/hash.ts';

/** One saveset of a chain. */
export interface ChainDisk {
  readonly savesetId: string;
  readonly deviceId: string;
  readonly index: DiskIndex;
}

/** Bytes of the disk, and where they are in the chunk. */
export interface ChunkWrite extends Extent {
  readonly offsetInChunk: number;
}

/** A chunk to be read once, and all that it gives to the disk. */
export interface ChunkRead extends ChunkAddress {
  readonly deviceId: string;
  /** Position in the chain, 0 the newest. */
  readonly layer: number;
  readonly writes: readonly ChunkWrite[];
}

/** What the disk is made of; `data` runs say from which layer. */
export interface ResolvedRun extends Extent {
  readonly kind: 'data' | 'zero' | 'free';
  readonly layer?: number;
}

export interface ResolvedDisk {
  readonly capacityBytes: number;
  /** The savesets of the chain that were needed, newest first; `layer` counts in it. */
  readonly layers: readonly { readonly savesetId: string; readonly deviceId: string }[];
  /** Cover the disk once, in order. */
  readonly runs: readonly ResolvedRun[];
  readonly readCount: number;
  /** By device, pack and offset. May be walked more than once. */
  readonly reads: Iterable<ChunkRead>;
}

export interface LayerSummary {
  readonly savesetId: string;
  readonly deviceId: string;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly chunks: number;
}

export interface ResolvedSummary {
  /** Stored bytes, without headers. */
  readonly readBytes: number;
  /** Plain bytes that come out of chunks. */
  readonly writeBytes: number;
  readonly packs: number;
  readonly chunks: number;
  readonly byLayer: readonly LayerSummary[];
}

/** What is needed of one layer: its bytes that no newer one hides, and the refs that hold its `data`. */
export interface NeededLayer {
  readonly disk: ChainDisk;
  readonly data: ExtentSet;
  readonly zero: ExtentSet;
  readonly free: ExtentSet;
  /** In the order of the disk. */
  readonly refs: readonly number[];
}

/**
 * What each link of a chain gives to the disk, newest first; links below the last one that is needed are not looked at.
 * @throws AppError `RESTORE_CHAIN_BROKEN` when a byte is in no link, or a link is of a disk of another size
 */
export function neededLayers(chain: readonly ChainDisk[]): NeededLayer[] {
  const capacityBytes = chain[0]?.index.capacityBytes ?? 0;
  const layers: NeededLayer[] = [];
  let open = wholeOf(capacityBytes);
  for (const disk of chain) {
    if (open.length === 0) break;
    if (disk.index.capacityBytes !== capacityBytes) throw broken(disk, 'it is of a disk of another size', 0);
    const visible = (kind: ExtentKind): ExtentSet => intersect(open, select(disk.index, kind));
    const data = visible('data');
    const refs = neededRefs(disk.index, data);
    layers.push({ disk, data, zero: visible('zero'), free: visible('free'), refs });
    open = visible('same');
  }
  const hole = open[0];
  if (hole !== undefined) throw broken(chain.at(-1), 'its base is missing', hole.start);
  return layers;
}

/** Resolves a chain, newest first. @throws AppError as `neededLayers` */
export function resolveDisk(chain: readonly ChainDisk[]): ResolvedDisk {
  const capacityBytes = chain[0]?.index.capacityBytes ?? 0;
  const layers = neededLayers(chain);
  const runs: ResolvedRun[] = [];
  layers.forEach(({ data, zero, free }, layer) => {
    for (const extent of data) runs.push({ kind: 'data', ...extent, layer });
    for (const extent of zero) runs.push({ kind: 'zero', ...extent });
    for (const extent of free) runs.push({ kind: 'free', ...extent });
  });
  const reads = orderReads(layers);
  return {
    capacityBytes,
    layers: layers.map(({ disk }) => ({ savesetId: disk.savesetId, deviceId: disk.deviceId })),
    runs: runs.sort((a, b) => a.start - b.start),
    readCount: reads.isJoined.filter((joined) => joined === 0).length,
    reads: { [Symbol.iterator]: () => walkReads(layers, reads) },
  };
}

/** Sums over the reads; walks them once. */
export function summarize(resolved: ResolvedDisk): ResolvedSummary {
  const byLayer = resolved.layers.map((layer) => ({ ...layer, readBytes: 0, writeBytes: 0, chunks: 0 }));
  let packs = 0;
  let last: ChunkRead | undefined;
  for (const read of resolved.reads) {
    const sum = byLayer[read.layer];
    if (sum === undefined) continue;
    sum.readBytes += read.storedLength;
    sum.writeBytes += totalLength(read.writes);
    sum.chunks++;
    if (read.packId !== last?.packId || read.deviceId !== last.deviceId) packs++;
    last = read;
  }
  const total = (field: 'readBytes' | 'writeBytes' | 'chunks'): number =>
    byLayer.reduce((sum, layer) => sum + layer[field], 0);
  return {
    readBytes: total('readBytes'),
    writeBytes: total('writeBytes'),
    packs,
    chunks: total('chunks'),
    byLayer,
  };
}

/** The sums of several segments; a pack counts in each of them. */
export function addSummaries(parts: readonly ResolvedSummary[]): ResolvedSummary {
  const byLayer = new Map<string, LayerSummary>();
  for (const layer of parts.flatMap((part) => part.byLayer)) {
    const key = `${layer.deviceId}/${layer.savesetId}`;
    const sum = byLayer.get(key) ?? { ...layer, readBytes: 0, writeBytes: 0, chunks: 0 };
    byLayer.set(key, {
      ...layer,
      readBytes: sum.readBytes + layer.readBytes,
      writeBytes: sum.writeBytes + layer.writeBytes,
      chunks: sum.chunks + layer.chunks,
    });
  }
  const total = (field: 'readBytes' | 'writeBytes' | 'packs' | 'chunks'): number =>
    parts.reduce((sum, part) => sum + part[field], 0);
  return {
    readBytes: total('readBytes'),
    writeBytes: total('writeBytes'),
    packs: total('packs'),
    chunks: total('chunks'),
    byLayer: [...byLayer.values()],
  };
}

/** The refs whose span has a part in `data`. */
function neededRefs(index: DiskIndex, data: ExtentSet): number[] {
  const needed: number[] = [];
  let cursor = 0;
  for (let i = 0; i < refCount(index); i++) {
    const { start, plainLength } = refAt(index, i);
    let extent = data[cursor];
    while (extent !== undefined && endOf(extent) <= start) extent = data[++cursor];
    if (extent === undefined) break;
    if (extent.start < start + plainLength) needed.push(i);
  }
  return needed;
}

/** The needed refs of all layers as numbers, sorted by place. */
interface ReadOrder {
  readonly layer: Uint32Array;
  readonly ref: Uint32Array;
  /** 1: the same chunk at the same place as the one before, so the same read. */
  readonly isJoined: Uint32Array;
}

function orderReads(layers: readonly NeededLayer[]): ReadOrder {
  const total = layers.reduce((sum, { refs }) => sum + refs.length, 0);
  const rankOf = rankPacks(layers);
  const layer = new Uint32Array(total);
  const ref = new Uint32Array(total);
  /** Rank of device and pack times 2^32, plus the offset. */
  const keys = new Float64Array(total);
  let at = 0;
  layers.forEach(({ disk, refs }, i) => {
    for (const refNo of refs) {
      const { packId, offset } = refAt(disk.index, refNo);
      layer[at] = i;
      ref[at] = refNo;
      keys[at] = (rankOf.get(`${disk.deviceId}/${packId}`) ?? 0) * 2 ** 32 + offset;
      at++;
    }
  });
  // Stable: equal places stay in the order of layers and of the disk.
  const order = Uint32Array.from({ length: total }, (_, i) => i).sort(
    (a, b) => Number(keys[a]) - Number(keys[b]),
  );
  const sorted = { layer: order.map((i) => Number(layer[i])), ref: order.map((i) => Number(ref[i])) };
  return { ...sorted, isJoined: order.map((_, i) => (isSameRead(layers, sorted, i) ? 1 : 0)) };
}

/** Whether read number `i` is the one before it once more: equal chunks of a layer are read once. */
function isSameRead(layers: readonly NeededLayer[], sorted: Omit<ReadOrder, 'isJoined'>, i: number): boolean {
  const layer = layers[Number(sorted.layer[i])];
  if (i === 0 || layer === undefined || sorted.layer[i] !== sorted.layer[i - 1]) return false;
  const before = refAt(layer.disk.index, Number(sorted.ref[i - 1]));
  const ref = refAt(layer.disk.index, Number(sorted.ref[i]));
  return before.offset === ref.offset && before.packId === ref.packId && sameBytes(before.id, ref.id);
}

function rankPacks(layers: readonly NeededLayer[]): ReadonlyMap<string, number> {
  const names = layers.flatMap(({ disk }) => disk.index.packs.map((packId) => `${disk.deviceId}/${packId}`));
  return new Map([...new Set(names)].sort().map((name, rank) => [name, rank]));
}

function* walkReads(layers: readonly NeededLayer[], reads: ReadOrder): Generator<ChunkRead, undefined> {
  for (let i = 0; i < reads.ref.length;) {
    const layerNo = Number(reads.layer[i]);
    const layer = layers[layerNo];
    if (layer === undefined) return undefined;
    const { start, id, packId, offset, storedLength, plainLength } = refAt(
      layer.disk.index,
      Number(reads.ref[i]),
    );
    const writes = writesOf(layer, start, plainLength);
    while (reads.isJoined[++i] === 1) {
      const next = refAt(layer.disk.index, Number(reads.ref[i]));
      for (const write of writesOf(layer, next.start, next.plainLength)) writes.push(write);
    }
    const { deviceId } = layer.disk;
    yield { id, packId, offset, storedLength, plainLength, deviceId, layer: layerNo, writes };
  }
  return undefined;
}

/** The parts of a chunk's span that the disk takes from it. */
function writesOf(layer: NeededLayer, start: number, plainLength: number): ChunkWrite[] {
  return slice(layer.data, start, start + plainLength).map((part) => ({
    start: part.start,
    length: part.length,
    offsetInChunk: part.start - start,
  }));
}

function broken(disk: ChainDisk | undefined, reason: string, at: number): AppError {
  const savesetId = disk?.savesetId ?? 'none';
  return new AppError('RESTORE_CHAIN_BROKEN', `Cannot build on saveset ${savesetId}: ${reason}`, {
    savesetId,
    at,
  });
}
