/**
 * The disk indexes of every restore point, one after the other. Points may be sealed and removed meanwhile: the list is read
 * again until it brings nothing new.
 */
import { AppError, hasCode, toAppError } from '../../shared/base/errors.ts';
import { type DiskIndex } from '../../shared/format/disk-index.ts';
import { SAVESETS_FOLDER } from '../../shared/format/names.ts';
import {
  isSealed,
  listSealed,
  readDiskIndex,
  readSealedManifest,
} from '../../shared/repository/saveset-store.ts';
import { type ReclaimContext } from './reclaim-context.ts';

/** Points that were read, over all looks. */
export class PointsReader {
  readonly #context: ReclaimContext;
  readonly #read = new Set<string>();
  #doneBytes = 0;
  #totalBytes = 0;

  constructor(context: ReclaimContext) {
    this.#context = context;
  }

  /** Restore points that were read and were still there then. */
  get points(): number {
    return this.#read.size;
  }

  /**
   * Gives `take` the indexes of all points that were not read before.
   * @throws AppError `RECLAIM_POINT_UNREADABLE`: what that point uses is not known
   */
  async readNew(take: (index: DiskIndex) => Promise<void>): Promise<void> {
    const { signal } = this.#context;
    for (let fresh = await this.#listNew(); fresh.length > 0; fresh = await this.#listNew()) {
      this.#totalBytes = await this.indexBytes();
      for (const savesetId of fresh) {
        signal.throwIfAborted();
        await this.#readPoint(savesetId, take);
        this.#read.add(savesetId);
      }
    }
  }

  async #listNew(): Promise<string[]> {
    const fresh: string[] = [];
    for await (const savesetId of listSealed(this.#context.device.storage)) {
      if (!this.#read.has(savesetId)) fresh.push(savesetId);
    }
    return fresh;
  }

  /** Bytes of all disk indexes that are there now. */
  async indexBytes(): Promise<number> {
    let sum = 0;
    for await (const { name, lengthBytes } of this.#context.device.storage.list(SAVESETS_FOLDER)) {
      if (name.endsWith('.index')) sum += lengthBytes;
    }
    return sum;
  }

  async #readPoint(savesetId: string, take: (index: DiskIndex) => Promise<void>): Promise<void> {
    const { device } = this.#context;
    try {
      await this.#readIndexes(savesetId, take);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      // removed since it was listed: it uses nothing any more
      if (!(await isSealed(device.storage, savesetId))) return;
      throw unreadable(savesetId, error);
    }
  }

  async #readIndexes(savesetId: string, take: (index: DiskIndex) => Promise<void>): Promise<void> {
    const { device, signal } = this.#context;
    const manifest = await readSealedManifest(device, savesetId);
    for (const disk of manifest.disks) {
      for (const [layer, { segments }] of disk.layers.entries()) {
        for (const [segment, file] of segments.entries()) {
          signal.throwIfAborted();
          await take(await readDiskIndex(device, savesetId, disk, { layer, segment }));
          this.#report(`${manifest.vm.name} (${manifest.createdAt})`, file.lengthBytes);
        }
      }
    }
  }

  #report(what: string, bytes: number): void {
    this.#doneBytes += bytes;
    this.#totalBytes = Math.max(this.#totalBytes, this.#doneBytes);
    this.#context.progress('mark', what, this.#doneBytes, this.#totalBytes);
  }
}

function isUnreadable(error: unknown): boolean {
  return hasCode(
    error,
    'FORMAT_INVALID',
    'FORMAT_VERSION_UNKNOWN',
    'REPO_OBJECT_MISSING',
    'REPO_READ_FAILED',
  );
}

function unreadable(savesetId: string, cause: unknown): AppError {
  return new AppError(
    'RECLAIM_POINT_UNREADABLE',
    `Cannot tell what restore point ${savesetId} uses, so nothing was removed: ${toAppError(cause).message}`,
    { savesetId },
    cause,
  );
}
