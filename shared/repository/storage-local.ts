/**
 * A device in a folder of this host or of a mounted share. Objects are written aside, synced, and then given their name;
 * folders are synced after every change of names.
 */
import { randomBytes } from 'node:crypto';
import { type Dirent } from 'node:fs';
import { type FileHandle, open, readdir, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { invariant } from '../base/assert.ts';
import { DirectFile } from '../base/direct-file.ts';
import { isPageAligned } from '../base/page-memory.ts';
import { systemCode } from '../base/errors.ts';
import { inFolder, publish, readFully, removeDurably, removeIfEmpty } from './local-files.ts';
import { ASIDE_SUFFIX, checkAsideName, checkName, isAside, isName } from './object-name.ts';
import { type ObjectEntry, type ObjectWriter, type Storage } from './storage.ts';
import { existing, missing, readError, tooLarge, writeError } from './storage-errors.ts';

/** What file systems keep in their top folder; it is none of ours, and often closed to us. */
const FOREIGN = ['lost+found', 'System Volume Information', '$RECYCLE.BIN'];

/** The device below `root`; nothing is touched yet. */
export function openLocalStorage(root: string): Storage {
  return new LocalStorage(path.resolve(root));
}

class LocalStorage implements Storage {
  readonly location: string;

  constructor(root: string) {
    this.location = root;
  }

  async readRange(name: string, offset: number, into: Uint8Array): Promise<number> {
    if (!isPageAligned(into, offset))
      return this.#withFile(name, (handle) => readFully(handle, offset, into));
    try {
      await using file = await DirectFile.open(this.#path(checkName(name)), 'read');
      return await file.readFully(offset, into);
    } catch (error) {
      throw readError(error, this.location, name);
    }
  }

  async readWhole(name: string, maxBytes: number): Promise<Uint8Array> {
    return this.#withFile(name, async (handle) => {
      const { size: lengthBytes } = await handle.stat();
      if (lengthBytes > maxBytes) throw tooLarge(this.location, name, { lengthBytes, maxBytes });
      const bytes = new Uint8Array(lengthBytes);
      return bytes.subarray(0, await readFully(handle, 0, bytes));
    });
  }

  async size(name: string): Promise<number> {
    try {
      const found = await stat(this.#path(checkName(name)));
      if (found.isFile()) return found.size;
    } catch (error) {
      throw readError(error, this.location, name);
    }
    throw missing(this.location, name);
  }

  async exists(name: string): Promise<boolean> {
    try {
      return (await stat(this.#path(checkName(name)))).isFile();
    } catch (error) {
      const known = readError(error, this.location, name);
      if (known.code === 'REPO_OBJECT_MISSING') return false;
      throw known;
    }
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const writer = await this.create(name, `${name}.${randomBytes(6).toString('hex')}${ASIDE_SUFFIX}`);
    try {
      await writer.append(bytes);
      await writer.finish();
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }

  async create(name: string, asideName: string): Promise<ObjectWriter> {
    const aside = this.#path(checkAsideName(asideName));
    const file = this.#path(checkName(name));
    if (await this.exists(name)) throw existing(this.location, name);
    try {
      const opened = await inFolder(path.dirname(aside), () => DirectFile.open(aside, 'create'));
      return new LocalWriter(opened, { aside, file, name, location: this.location });
    } catch (error) {
      throw writeError(error, this.location, name);
    }
  }

  async *list(folder: string): AsyncGenerator<ObjectEntry> {
    const prefix = folder === '' ? '' : `${checkName(folder)}/`;
    for (const entry of await this.#children(folder)) {
      const name = `${prefix}${entry.name}`;
      if (!isName(name)) continue;
      if (entry.isDirectory()) {
        if (folder !== '' || !FOREIGN.includes(entry.name)) yield* this.list(name);
      } else if (entry.isFile() && !isAside(name)) {
        const lengthBytes = await this.#sizeIfThere(name);
        if (lengthBytes !== undefined) yield { name, lengthBytes };
      }
    }
  }

  async *listFolders(folder: string): AsyncGenerator<string> {
    if (folder !== '') checkName(folder);
    for (const entry of await this.#children(folder)) {
      const isForeign = folder === '' && FOREIGN.includes(entry.name);
      if (entry.isDirectory() && isName(entry.name) && !isForeign) yield entry.name;
    }
  }

  async *listRest(folder: string): AsyncGenerator<ObjectEntry> {
    const prefix = folder === '' ? '' : `${checkName(folder)}/`;
    for (const entry of await this.#children(folder)) {
      const name = `${prefix}${entry.name}`;
      if (folder === '' && FOREIGN.includes(entry.name)) continue;
      if (entry.isDirectory() && isName(name)) yield* this.listRest(name);
      else if (!entry.isFile() || isAside(name) || !isName(name)) {
        const lengthBytes = await this.#sizeIfThere(name);
        if (lengthBytes !== undefined) yield { name, lengthBytes };
      }
    }
  }

  async remove(name: string): Promise<void> {
    await this.#removeAt(checkName(name));
  }

  async removeAside(asideName: string): Promise<void> {
    await this.#removeAt(checkAsideName(asideName));
  }

  async removeFolder(folder: string): Promise<void> {
    await this.#removeAt(checkName(folder));
  }

  async removeEmptyFolder(folder: string): Promise<void> {
    try {
      await removeIfEmpty(this.#path(checkName(folder)));
    } catch (error) {
      throw writeError(error, this.location, folder);
    }
  }

  async freeBytes(): Promise<number> {
    try {
      const { bavail, bsize } = await statfs(this.location);
      return bavail * bsize;
    } catch (error) {
      throw readError(error, this.location, '.');
    }
  }

  #path(name: string): string {
    return path.join(this.location, ...name.split('/'));
  }

  async #withFile<T>(name: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
    try {
      await using handle = await open(this.#path(checkName(name)), 'r');
      return await work(handle);
    } catch (error) {
      throw readError(error, this.location, name);
    }
  }

  async #children(folder: string): Promise<Dirent[]> {
    try {
      return await readdir(this.#path(folder), { withFileTypes: true });
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw readError(error, this.location, folder);
    }
  }

  /** The name may have gone since it was listed; a name that is not ours is not looked at. */
  async #sizeIfThere(name: string): Promise<number | undefined> {
    try {
      return (await stat(this.#path(name))).size;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw readError(error, this.location, name);
    }
  }

  async #removeAt(name: string): Promise<void> {
    try {
      await removeDurably(this.#path(name));
    } catch (error) {
      throw writeError(error, this.location, name);
    }
  }
}

interface WriterPlace {
  readonly aside: string;
  readonly file: string;
  readonly name: string;
  readonly location: string;
}

class LocalWriter implements ObjectWriter {
  readonly #file: DirectFile;
  readonly #place: WriterPlace;
  #lengthBytes = 0;
  #isOpen = true;

  constructor(file: DirectFile, place: WriterPlace) {
    this.#file = file;
    this.#place = place;
  }

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  async append(bytes: Uint8Array): Promise<void> {
    invariant(this.#isOpen, 'an object is not written after its end', { name: this.#place.name });
    await this.#mapped(() => this.#file.writeFully(this.#lengthBytes, bytes));
    this.#lengthBytes += bytes.length;
  }

  async finish(): Promise<void> {
    invariant(this.#isOpen, 'an object is finished once', { name: this.#place.name });
    await this.#mapped(async () => {
      await this.#file.plain.sync();
      await this.#close();
      await publish(this.#place.aside, this.#place.file);
    });
  }

  async abort(): Promise<void> {
    await this.#mapped(async () => {
      await this.#close();
      await rm(this.#place.aside, { force: true });
    });
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#file.close();
  }

  async #mapped(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw writeError(error, this.#place.location, this.#place.name);
    }
  }
}
