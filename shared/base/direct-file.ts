/**
 * A file whose large reads and writes pass by the page cache (`O_DIRECT`): the disk moves whole pages between itself and our
 * buffers, and no processor copies them. A backup reads and writes each byte once, so a cache of it is only memory that
 * others lose. docs/decisions/0012-direct-io.md has the figures.
 *
 *   | whole pages, page memory, page offset | the rest |
 *      direct handle                           plain handle, through the cache
 *
 * The two never touch the same page of one call, and are the same file whatever happens to its name: the direct handle is opened by
 * the plain one. Where the file system does not offer it (told by its type, or by its first refusal), everything goes the plain way.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, statfs } from 'node:fs/promises';
import { systemCode } from './errors.ts';
import { readEnv } from './env.ts';
import { isPageAligned, wholePages } from './page-memory.ts';

/** Types of `statfs` (linux/magic.h) on which a direct call moves bytes at once; on others the cache may do better. */
const DIRECT_TYPES: ReadonlySet<number> = new Set([0xef53 /* ext2, 3, 4 */, 0x58465342 /* XFS */]);

type Access = 'read' | 'create';

const flags: Readonly<Record<Access, { readonly plain: number; readonly direct: number }>> = {
  read: { plain: constants.O_RDONLY, direct: constants.O_RDONLY },
  create: { plain: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, direct: constants.O_WRONLY },
};

/** Owns its handles. Errors are those of the system. Calls for different ranges may overlap. */
export class DirectFile implements AsyncDisposable {
  readonly #plain: FileHandle;
  #direct: FileHandle | undefined;
  /** The file system has refused a direct call: no other is tried. */
  #isRefused = false;

  private constructor(plain: FileHandle, direct: FileHandle | undefined) {
    this.#plain = plain;
    this.#direct = direct;
  }

  /** @param access - `create` fails with `EEXIST` when there is a file; `mode` is for a new one */
  static async open(path: string, access: Access, mode = 0o666): Promise<DirectFile> {
    const plain = await open(path, flags[access].plain, mode);
    return new DirectFile(plain, await openDirect(plain, flags[access].direct));
  }

  /** Whether large calls are direct. */
  get isDirect(): boolean {
    return this.#direct !== undefined && !this.#isRefused;
  }

  /** The handle for everything else: size, truncation, syncing. A sync covers what was written both ways. */
  get plain(): FileHandle {
    return this.#plain;
  }

  /** Reads once; gives the bytes read, zero only at the end of the file. */
  async read(offset: number, into: Uint8Array): Promise<number> {
    const whole = this.#directLength(offset, into);
    if (whole > 0) {
      const done = await this.#tryDirect((direct) => direct.read(into, 0, whole, offset));
      if (done !== undefined) return done.bytesRead;
    }
    return (await this.#plain.read(into, 0, into.length, offset)).bytesRead;
  }

  /** Reads until `into` is full or the file ends; gives the bytes read. */
  async readFully(offset: number, into: Uint8Array): Promise<number> {
    for (let done = 0; done < into.length;) {
      const bytesRead = await this.read(offset + done, into.subarray(done));
      if (bytesRead === 0) return done;
      done += bytesRead;
    }
    return into.length;
  }

  /** Writes all of `bytes`. */
  async writeFully(offset: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      done += await this.#write(offset + done, bytes.subarray(done));
    }
  }

  async close(): Promise<void> {
    const direct = this.#direct;
    this.#direct = undefined;
    try {
      await direct?.close();
    } finally {
      await this.#plain.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Writes once; gives the bytes written. */
  async #write(offset: number, bytes: Uint8Array): Promise<number> {
    const whole = this.#directLength(offset, bytes);
    if (whole > 0) {
      const done = await this.#tryDirect((direct) => direct.write(bytes, 0, whole, offset));
      if (done !== undefined) return done.bytesWritten;
    }
    return (await this.#plain.write(bytes, 0, bytes.length, offset)).bytesWritten;
  }

  #directLength(offset: number, bytes: Uint8Array): number {
    return this.isDirect && isPageAligned(bytes, offset) ? wholePages(bytes.length) : 0;
  }

  /** Undefined when the file system refuses: the plain handle does this call then, and all that follow. */
  async #tryDirect<T>(call: (direct: FileHandle) => Promise<T>): Promise<T | undefined> {
    if (this.#direct === undefined) return undefined;
    try {
      return await call(this.#direct);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#isRefused = true;
      return undefined;
    }
  }
}

async function openDirect(plain: FileHandle, flag: number): Promise<FileHandle | undefined> {
  if (readEnv('BLOCKHOUSE_DIRECT_IO') === 'off' || !('O_DIRECT' in constants)) return undefined;
  // Linux: opens the very file of the handle anew, also when its name is another file's by now
  const path = `/proc/self/fd/${plain.fd}`;
  try {
    if (!DIRECT_TYPES.has((await statfs(path)).type)) return undefined;
    return await open(path, flag | constants.O_DIRECT);
  } catch {
    return undefined;
  }
}

function isRefusal(error: unknown): boolean {
  return ['EINVAL', 'EOPNOTSUPP', 'ENOTSUP'].includes(systemCode(error) ?? '');
}
