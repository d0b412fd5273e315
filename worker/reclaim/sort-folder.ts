/** The sorts of one reclaiming and the folder that they may spill to; all of it goes when it ends. */
import { mkdir, rm } from 'node:fs/promises';
import { ExternalSort, type SortShape } from '../../shared/repository/external-sort.ts';

export class SortFolder implements AsyncDisposable {
  readonly #folder: string;
  readonly #bufferBytes: number | undefined;
  readonly #sorts: ExternalSort[] = [];

  private constructor(folder: string, bufferBytes: number | undefined) {
    this.#folder = folder;
    this.#bufferBytes = bufferBytes;
  }

  /** @param folder - of this work alone: what a crash left in it is removed */
  static async open(folder: string, bufferBytes?: number): Promise<SortFolder> {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new SortFolder(folder, bufferBytes);
  }

  sort(shape: SortShape): ExternalSort {
    const bufferBytes = this.#bufferBytes === undefined ? {} : { bufferBytes: this.#bufferBytes };
    const sort = new ExternalSort({ ...shape, ...bufferBytes, folder: this.#folder });
    this.#sorts.push(sort);
    return sort;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const sort of this.#sorts) await sort[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
