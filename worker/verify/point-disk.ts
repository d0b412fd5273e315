/**
 * A disk of a restore point as the filter reads disks: any bytes, in any order, without restoring it. Asked only when something
 * of the point is lost, to say which files that was; what is lost gives `FS_STRUCTURE_INVALID`, as damage of the disk would.
 *
 *   read ─▶ layers of the segment, newest first: zero and free are zeros, data comes from its chunk, same is in the next layer
 */
import { hasCode } from '../../shared/base/errors.ts';
import { type Extent, type ExtentSet, endOf, firstEndingAfter, slice } from '../../shared/domain/extent.ts';
import { type Run } from '../../shared/domain/extent-map.ts';
import { type ChunkRef, type DiskIndex, refAt, refCount } from '../../shared/format/disk-index.ts';
import { type ChainDisk } from '../../shared/repository/resolve-disk.ts';
import { type DiskBytes } from '../filter/disk-bytes.ts';
import { volumeDamage } from '../filter/gate.ts';
import { type OpenChain } from '../restore/open-chain.ts';

/** Of at most 4 MiB each: a walk over a file system comes back to the same ones. */
const KEPT_CHUNKS = 16;

interface Disk {
  readonly key: number;
  readonly capacityBytes: number;
  /** What is known to be lost: it is not tried again. */
  readonly lost: ExtentSet;
}

/** Owns nothing: the chain stays open, and the caller's. */
export class PointDisk implements DiskBytes {
  readonly capacityBytes: number;
  readonly #chain: OpenChain;
  readonly #disk: Disk;
  readonly #segments: readonly Extent[];
  readonly #signal: AbortSignal;
  /** Null for what turned out to be lost. */
  readonly #chunks = new Map<string, Uint8Array | null>();
  #last: { readonly segment: Extent; readonly layers: readonly ChainDisk[] } | undefined;
  #readBytes = 0;

  private constructor(chain: OpenChain, disk: Disk, segments: readonly Extent[], signal: AbortSignal) {
    this.capacityBytes = disk.capacityBytes;
    this.#chain = chain;
    this.#disk = disk;
    this.#segments = segments;
    this.#signal = signal;
  }

  /** @throws AppError as `OpenChain.segments` */
  static async open(chain: OpenChain, disk: Disk, signal: AbortSignal): Promise<PointDisk> {
    return new PointDisk(chain, disk, await chain.segments(disk.key), signal);
  }

  fits(offset: number, lengthBytes: number): boolean {
    return Number.isSafeInteger(offset) && offset >= 0 && lengthBytes <= this.capacityBytes - offset;
  }

  readBytes(): number {
    return this.#readBytes;
  }

  /** @throws AppError `FS_STRUCTURE_INVALID` for lost bytes; what a device says that is away; the signal's reason */
  async readInto(offset: number, into: Uint8Array): Promise<void> {
    const [firstLost] = slice(this.#disk.lost, offset, offset + into.length);
    if (firstLost !== undefined) throw lostAt(firstLost.start);
    for (const [number, segment] of this.#segments.entries()) {
      for (const part of slice([segment], offset, offset + into.length)) {
        const layers = await this.#layers(number, segment);
        const target = into.subarray(part.start - offset, endOf(part) - offset);
        const inSegment = { start: part.start - segment.start, length: part.length };
        await this.#fill({ layers, segment }, inSegment, target);
      }
    }
    this.#readBytes += into.length;
  }

  async #layers(number: number, segment: Extent): Promise<readonly ChainDisk[]> {
    if (this.#last?.segment !== segment) {
      this.#last = undefined;
      this.#last = { segment, layers: await this.#chain.indexes(this.#disk.key, number) };
    }
    return this.#last.layers;
  }

  async #fill({ layers, segment }: Below, wanted: Extent, into: Uint8Array): Promise<void> {
    const [layer, ...older] = layers;
    if (layer === undefined) throw lostAt(segment.start + wanted.start);
    for (const run of runsIn(layer.index, wanted)) {
      this.#signal.throwIfAborted();
      const part = into.subarray(run.start - wanted.start, endOf(run) - wanted.start);
      if (run.kind === 'same') await this.#fill({ layers: older, segment }, run, part);
      else if (run.kind === 'data') await this.#fillFromChunks({ layer, segment }, run, part);
      else part.fill(0);
    }
  }

  async #fillFromChunks({ layer, segment }: Source, wanted: Extent, into: Uint8Array): Promise<void> {
    for (const ref of refsIn(layer.index, wanted)) {
      const chunk = await this.#chunk(layer.deviceId, ref);
      const start = Math.max(ref.start, wanted.start);
      if (chunk === null) throw lostAt(segment.start + start);
      const end = Math.min(ref.start + ref.plainLength, endOf(wanted));
      into.set(chunk.subarray(start - ref.start, end - ref.start), start - wanted.start);
    }
  }

  async #chunk(deviceId: string, ref: ChunkRef): Promise<Uint8Array | null> {
    const key = `${deviceId}/${ref.packId}/${ref.offset}`;
    const known = this.#chunks.get(key);
    if (known !== undefined) return known;
    const chunk = await this.#readChunk(deviceId, ref);
    const [oldest] = this.#chunks.keys();
    if (this.#chunks.size >= KEPT_CHUNKS && oldest !== undefined) this.#chunks.delete(oldest);
    this.#chunks.set(key, chunk);
    return chunk;
  }

  async #readChunk(deviceId: string, ref: ChunkRef): Promise<Uint8Array | null> {
    // threads fill it
    const into = new Uint8Array(new SharedArrayBuffer(ref.plainLength));
    try {
      await this.#chain.device(deviceId).reader.read(ref, into);
      return into;
    } catch (error) {
      if (hasCode(error, 'REPO_CHUNK_DAMAGED', 'REPO_CHUNK_MISSING', 'REPO_READ_FAILED')) return null;
      throw error;
    }
  }
}

interface Below {
  readonly layers: readonly ChainDisk[];
  readonly segment: Extent;
}

interface Source {
  readonly layer: ChainDisk;
  readonly segment: Extent;
}

const lostAt = (at: number): Error => volumeDamage('the disk', 'the restore point has lost it', at);

/** The runs of `wanted`, cut to it. */
function* runsIn({ runs }: DiskIndex, wanted: Extent): Generator<Run> {
  for (let i = firstEndingAfter(runs, wanted.start); i < runs.length; i++) {
    const run = runs[i];
    if (run === undefined || run.start >= endOf(wanted)) return;
    const start = Math.max(run.start, wanted.start);
    yield { kind: run.kind, start, length: Math.min(endOf(run), endOf(wanted)) - start };
  }
}

/** The refs with a byte of `wanted`, in the order of the disk; found by halving. */
function* refsIn(index: DiskIndex, wanted: Extent): Generator<ChunkRef> {
  let low = 0;
  for (let high = refCount(index); low < high;) {
    const middle = (low + high) >>> 1;
    const { start, plainLength } = refAt(index, middle);
    if (start + plainLength <= wanted.start) low = middle + 1;
    else high = middle;
  }
  for (let i = low; i < refCount(index); i++) {
    const ref = refAt(index, i);
    if (ref.start >= endOf(wanted)) return;
    yield ref;
  }
}
