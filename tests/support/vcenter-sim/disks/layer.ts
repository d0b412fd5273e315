/**
 * One file of a disk's chain: a flat base, or a delta that holds only the grains written since a snapshot.
 * Delta data file (our own format, behind a descriptor that says vmfsSparse):
 *
 *   0     8   "SIMDELTA"
 *   8     8   capacity in bytes, little-endian
 *   4096  n   one bit per 64 KiB grain: set = the grain is here; n rounded up to 4096
 *   then      the grains, each at its own place (a sparse file)
 *
 * A grain that is not in the delta is read from the parent; a partial write copies the rest of the grain first.
 */
import { open, type FileHandle } from 'node:fs/promises';

export const GRAIN_BYTES = 65_536;
const HEADER_BYTES = 4096;

export interface Layer {
  /** File names in the VM's folder. */
  readonly descriptorName: string;
  readonly dataName: string;
  readonly dataPath: string;
  readonly kind: 'flat' | 'delta';
  cid: string;
  /** Fills `target` from byte `offset` of the disk. */
  read(offset: number, target: Buffer): Promise<void>;
  write(offset: number, bytes: Buffer): Promise<void>;
  resize(capacityBytes: number): Promise<void>;
  close(): Promise<void>;
}

export interface LayerNames {
  readonly descriptorName: string;
  readonly dataName: string;
  readonly dataPath: string;
  readonly cid: string;
}

/** Opens an existing raw file as the base of a chain. */
export async function openFlatLayer(names: LayerNames): Promise<Layer> {
  const file = await open(names.dataPath, 'r+');
  return {
    ...names,
    kind: 'flat',
    read: (offset, target) => readFully(file, offset, target),
    write: async (offset, bytes) => {
      await file.write(bytes, 0, bytes.length, offset);
    },
    resize: (capacityBytes) => file.truncate(capacityBytes),
    close: () => file.close(),
  };
}

async function readFully(file: FileHandle, offset: number, target: Buffer): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await file.read(target, done, target.length - done, offset + done);
    if (bytesRead === 0) {
      target.fill(0, done);
      return;
    }
    done += bytesRead;
  }
}

/** A delta over `parent`; the parent must not change while the delta is in use. */
export class DeltaLayer implements Layer {
  readonly descriptorName: string;
  readonly dataName: string;
  readonly dataPath: string;
  readonly kind = 'delta';
  cid: string;
  parent: Layer;
  readonly #file: FileHandle;
  readonly #present: Buffer;
  readonly #capacityBytes: number;

  private constructor(names: LayerNames, file: FileHandle, parent: Layer, capacityBytes: number) {
    this.descriptorName = names.descriptorName;
    this.dataName = names.dataName;
    this.dataPath = names.dataPath;
    this.cid = names.cid;
    this.parent = parent;
    this.#file = file;
    this.#capacityBytes = capacityBytes;
    const bits = Math.ceil(capacityBytes / GRAIN_BYTES);
    this.#present = Buffer.alloc(Math.ceil(bits / 8 / HEADER_BYTES) * HEADER_BYTES);
  }

  static async create(names: LayerNames, parent: Layer, capacityBytes: number): Promise<DeltaLayer> {
    const file = await open(names.dataPath, 'wx+');
    const header = Buffer.alloc(HEADER_BYTES);
    header.write('SIMDELTA', 'latin1');
    header.writeBigUInt64LE(BigInt(capacityBytes), 8);
    await file.write(header, 0, header.length, 0);
    const layer = new DeltaLayer(names, file, parent, capacityBytes);
    await file.truncate(HEADER_BYTES + layer.#present.length);
    return layer;
  }

  /** The numbers of the grains that lie here, ascending. */
  *grains(): Generator<number> {
    const count = Math.ceil(this.#capacityBytes / GRAIN_BYTES);
    for (let grain = 0; grain < count; grain++) if (this.#has(grain)) yield grain;
  }

  #has(grain: number): boolean {
    return (this.#present[grain >> 3]! & (1 << (grain & 7))) !== 0;
  }

  #place(offset: number): number {
    return HEADER_BYTES + this.#present.length + offset;
  }

  async read(offset: number, target: Buffer): Promise<void> {
    for (const [grain, from, to] of grainSpans(offset, target.length)) {
      const part = target.subarray(from - offset, to - offset);
      if (this.#has(grain)) await readFully(this.#file, this.#place(from), part);
      else await this.parent.read(from, part);
    }
  }

  async write(offset: number, bytes: Buffer): Promise<void> {
    for (const [grain, from, to] of grainSpans(offset, bytes.length)) {
      if (!this.#has(grain)) await this.#copyUp(grain);
      await this.#file.write(bytes, from - offset, to - from, this.#place(from));
    }
  }

  async #copyUp(grain: number): Promise<void> {
    const start = grain * GRAIN_BYTES;
    const whole = Buffer.alloc(Math.min(GRAIN_BYTES, this.#capacityBytes - start));
    await this.parent.read(start, whole);
    await this.#file.write(whole, 0, whole.length, this.#place(start));
    this.#present[grain >> 3]! |= 1 << (grain & 7);
    await this.#file.write(this.#present, grain >> 3, 1, HEADER_BYTES + (grain >> 3));
  }

  resize(): Promise<void> {
    return Promise.reject(new Error('A delta disk cannot be resized'));
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Cuts a byte range at grain borders: [grain, first byte, end byte]. */
export function* grainSpans(offset: number, length: number): Generator<readonly [number, number, number]> {
  for (let from = offset; from < offset + length;) {
    const grain = Math.floor(from / GRAIN_BYTES);
    const to = Math.min(offset + length, (grain + 1) * GRAIN_BYTES);
    yield [grain, from, to];
    from = to;
  }
}
