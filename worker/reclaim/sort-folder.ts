/** The sorts of one reclaiming and the folder that they may spill to; all of it goes when it ends. */
import { mkdir, rm, statfs } from 'node:fs/promises';
import { AppError } from '../../shared/base/errors.ts';
import { formatBytes } from '../../shared/base/units.ts';
import { ExternalSort, SORT_BUFFER_BYTES, type SortShape } from '../../shared/repository/external-sort.ts';
import { PLACE_BYTES } from './places.ts';

/** What lies there at the same time for each chunk that a point names: its place as it is named, and as it is in use. */
const BYTES_PER_REF = 2 * PLACE_BYTES;

export interface SortOptions {
  readonly bufferBytes?: number;
  /** Bytes that may still be written to a folder. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

export class SortFolder implements AsyncDisposable {
  readonly #folder: string;
  readonly #options: SortOptions;
  readonly #sorts: ExternalSort[] = [];

  private constructor(folder: string, options: SortOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** @param folder - of this work alone: what a crash left in it is removed */
  static async open(folder: string, options: SortOptions = {}): Promise<SortFolder> {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new SortFolder(folder, options);
  }

  /**
   * Makes sure, as far as that can be told before, that so many refs can be sorted.
   * @throws AppError `RECLAIM_NO_SORT_SPACE` with what is needed and what there is
   */
  async requireSpace(refs: number): Promise<void> {
    const { bufferBytes = SORT_BUFFER_BYTES, freeBytes = freeBytesOf } = this.#options;
    const neededBytes = refs * BYTES_PER_REF;
    if (refs * PLACE_BYTES <= bufferBytes) return;
    const left = await freeBytes(this.#folder);
    if (neededBytes <= left) return;
    throw new AppError(
      'RECLAIM_NO_SORT_SPACE',
      `Cannot sort ${refs} uses of chunks in "${this.#folder}": about ${formatBytes(neededBytes)} are needed, ${formatBytes(left)} are free`,
      { folder: this.#folder, refs, neededBytes, freeBytes: left },
    );
  }

  sort(shape: SortShape): ExternalSort {
    const { bufferBytes } = this.#options;
    const own = bufferBytes === undefined ? {} : { bufferBytes };
    const sort = new ExternalSort({ ...shape, ...own, folder: this.#folder });
    this.#sorts.push(sort);
    return sort;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const sort of this.#sorts) await sort[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
