/**
 * A small disk as its guest knows it, and what must come back of it: the model that the engine is held to. It knows grains of
 * 4 KiB, one flag and one number for each, and nothing of extents, maps or chunks.
 */
import { KiB } from '../../shared/base/units.ts';
import { type ExtentSet, normalize } from '../../shared/domain/extent.ts';

export const GRAIN = 4 * KiB;

/** Grains `first` to `first + count`, cut at the end of the disk. */
export interface Grains {
  readonly first: number;
  readonly count: number;
}

/** What a grain is to the guest: `copy` holds what an older state of the volume had, which a job may leave out. */
export type Use = 'free' | 'file' | 'copy';

/** The disk at one moment. */
export interface FrozenDisk {
  readonly key: number;
  readonly bytes: Buffer;
  readonly uses: readonly Use[];
  /** The moment of the last write of each grain; 0 for one that was never written. */
  readonly writtenAt: readonly number[];
  readonly at: number;
  readonly changeId: string;
}

/** What a restore of one disk must give. */
export interface ExpectedDisk {
  readonly bytes: Buffer;
  /** Grains that are what the guest had, whether it used them or not; the others are zeros. */
  readonly isRight: readonly boolean[];
}

export class GuestDisk {
  readonly key: number;
  readonly #bytes: Buffer;
  readonly #uses: Use[];
  readonly #writtenAt: number[];
  #epoch = 1;

  /** All zeros, never written, and nothing of it in use. */
  constructor(key: number, capacityBytes: number) {
    const grains = Math.ceil(capacityBytes / GRAIN);
    this.key = key;
    this.#bytes = Buffer.alloc(capacityBytes);
    this.#uses = Array.from({ length: grains }, () => 'free');
    this.#writtenAt = Array.from({ length: grains }, () => 0);
  }

  get grains(): number {
    return this.#uses.length;
  }

  /** Grains of equal `kind` are equal, on every disk; kind 0 is zeros. */
  write(grains: Grains, kind: number, how: { readonly at: number; readonly onlyAllocated: boolean }): void {
    for (const grain of this.#within(grains)) {
      if (how.onlyAllocated && this.#uses[grain] === 'free') continue;
      this.#put(grain, grainBytes(kind), how.at);
    }
  }

  /** Before a file is written anew, what it had goes to a copy, where something is free; the guest does it on its own. */
  writeWithCopies(grains: Grains, kind: number, at: number): void {
    for (const grain of this.#within(grains)) {
      const copy = this.#uses.indexOf('free');
      if (this.#uses[grain] === 'file' && copy >= 0) {
        this.#put(copy, Buffer.from(this.#bytes.subarray(grain * GRAIN, (grain + 1) * GRAIN)), at);
        this.#uses[copy] = 'copy';
      }
      if (this.#uses[grain] === 'file') this.#put(grain, grainBytes(kind), at);
    }
  }

  /** All copies go: their grains are free, or belong to a file that nothing was written to; change tracking sees nothing. */
  forgetCopies(use: 'free' | 'file'): void {
    for (const [grain, now] of this.#uses.entries()) if (now === 'copy') this.#uses[grain] = use;
  }

  #put(grain: number, bytes: Buffer, at: number): void {
    bytes.copy(this.#bytes, grain * GRAIN, 0, this.#bytes.length - grain * GRAIN);
    this.#writtenAt[grain] = at;
  }

  /** What the guest uses; no byte changes, and change tracking sees nothing. */
  allocate(grains: Grains, isAllocated: boolean): void {
    for (const grain of this.#within(grains)) this.#uses[grain] = isAllocated ? 'file' : 'free';
  }

  /** From now on changes cannot be compared with what was before. */
  startTrackingAnew(): void {
    this.#epoch++;
  }

  freeze(at: number): FrozenDisk {
    const epoch = `${String(this.#epoch).padStart(2, '0')} de c0 d9 b9 43 9d 10-61 d5 4c 1b e9 7b 65 63`;
    return {
      key: this.key,
      bytes: Buffer.from(this.#bytes),
      uses: [...this.#uses],
      writtenAt: [...this.#writtenAt],
      at,
      changeId: `${epoch}/${at}`,
    };
  }

  *#within({ first, count }: Grains): Generator<number> {
    for (let grain = first; grain < Math.min(first + count, this.grains); grain++) yield grain;
  }
}

/** The extents of all grains for which `test` holds. */
export function extentsWhere({ bytes }: FrozenDisk, test: (grain: number) => boolean): ExtentSet {
  const grains = Array.from({ length: Math.ceil(bytes.length / GRAIN) }, (_, grain) => grain);
  return normalize(
    grains.filter(test).map((grain) => {
      const start = grain * GRAIN;
      return { start, length: Math.min(GRAIN, bytes.length - start) };
    }),
  );
}

/**
 * What a backup must give: what was kept, and what was right before and did not change.
 * @param base - what the point that it builds on gives; undefined for a disk that stands alone
 */
export function expectedOf(
  now: FrozenDisk,
  isKept: (grain: number) => boolean,
  base: { readonly disk: ExpectedDisk; readonly at: number } | undefined,
): ExpectedDisk {
  const isRight = now.uses.map((_, grain) => {
    const stayed = base !== undefined && Number(now.writtenAt[grain]) <= base.at;
    return isKept(grain) || (stayed && base.disk.isRight[grain] === true);
  });
  const bytes = Buffer.from(now.bytes);
  for (const [grain, right] of isRight.entries())
    if (!right) bytes.subarray(grain * GRAIN, (grain + 1) * GRAIN).fill(0);
  return { bytes, isRight };
}

const kinds = new Map<number, Buffer>();

/** Every third kind shrinks, the others are noise. */
function grainBytes(kind: number): Buffer {
  const known = kinds.get(kind);
  if (known !== undefined) return known;
  const bytes = Buffer.alloc(GRAIN, kind % 3 === 0 ? `grain ${kind}; ` : 0);
  let state = Math.imul(kind, 2_654_435_761);
  for (let i = 0; kind % 3 !== 0 && i < GRAIN; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  if (kind === 0) bytes.fill(0);
  kinds.set(kind, bytes);
  return bytes;
}
