/**
 * A file that is filled at any place and stays sparse where nothing is written. It grows under a name of its own and takes
 * its final one by rename, so that a file with the final name is always whole.
 */
import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { DirectFile } from '../../shared/base/direct-file.ts';
import { AppError, isAppError, systemCode } from '../../shared/base/errors.ts';

/** The one writer of its file; calls of `write` may run at the same time for different ranges. */
export class SparseFile implements AsyncDisposable {
  readonly path: string;
  readonly #lengthBytes: number;
  readonly #aside: string;
  readonly #file: DirectFile;
  #open = true;

  private constructor(target: string, lengthBytes: number, aside: string, file: DirectFile) {
    this.path = target;
    this.#lengthBytes = lengthBytes;
    this.#aside = aside;
    this.#file = file;
  }

  /** @throws AppError `RESTORE_TARGET_FAILED` naming `target` */
  static async create(target: string, lengthBytes: number): Promise<SparseFile> {
    const aside = path.join(
      path.dirname(target),
      `.${path.basename(target)}.${randomBytes(4).toString('hex')}.partial`,
    );
    const file = await attempt('create', target, () => DirectFile.open(aside, 'create', 0o600));
    try {
      await attempt('size', target, () => file.plain.truncate(lengthBytes));
    } catch (error) {
      await file.close();
      await rm(aside, { force: true });
      throw error;
    }
    return new SparseFile(target, lengthBytes, aside, file);
  }

  /** Writes all of `bytes`; they may be reused when the promise has resolved. */
  async write(offset: number, bytes: Uint8Array): Promise<void> {
    if (offset < 0 || offset + bytes.length > this.#lengthBytes) {
      throw new AppError('BUG_INVARIANT', `Cannot write beyond the end of "${this.path}"`, {
        offset,
        length: bytes.length,
        lengthBytes: this.#lengthBytes,
      });
    }
    await attempt('write', this.path, () => this.#file.writeFully(offset, bytes));
  }

  /** Makes the content durable; the file still has its own name. */
  sync(): Promise<void> {
    return attempt('sync', this.path, () => this.#file.plain.sync());
  }

  /** Closes the file and gives it its final name, in place of whatever had it. The folder is not synced. */
  async publish(): Promise<void> {
    await this.#close();
    await attempt('rename', this.path, () => rename(this.#aside, this.path));
  }

  /** Removes what was written, unless it has its final name already. May be called twice. */
  async abort(): Promise<void> {
    await this.#close();
    await attempt('remove', this.path, () => rm(this.#aside, { force: true }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort();
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await attempt('close', this.path, () => this.#file.close());
  }
}

/** Runs one call of the file system; its failure names the target and the system's reason. */
export async function attempt<T>(verb: string, target: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isAppError(error)) throw error;
    const code = systemCode(error) ?? null;
    const reason = reasons.get(code ?? '') ?? (error instanceof Error ? error.message : String(error));
    throw new AppError(
      'RESTORE_TARGET_FAILED',
      `Cannot ${verb} the file "${target}": ${reason}`,
      { path: target, system: code },
      error,
    );
  }
}

const reasons = new Map([
  ['ENOSPC', 'the file system is full'],
  ['EDQUOT', 'the quota is used up'],
  ['EFBIG', 'the file system cannot hold so large a file'],
  ['ENOENT', 'its folder does not exist'],
  ['ENOTDIR', 'its folder does not exist'],
  ['EACCES', 'there is no right to write'],
  ['EPERM', 'there is no right to write'],
  ['EROFS', 'the file system is read-only'],
  ['EIO', 'the file system reports an error'],
]);
