/** Durable file operations under one root, with raw system errors. What must survive a power cut is synced here. */
import { type FileHandle, link, lstat, mkdir, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../base/atomic-file.ts';
import { systemCode } from '../base/errors.ts';

/** Or not there, or in use. */
const NOT_EMPTY = ['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EBUSY', 'ENOTDIR'];
const NO_HARD_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/** Somebody would have to remove the folder so often, each time just between two calls. */
const MAX_TRIES = 100;

/** Makes a folder with its parents, each name synced into the folder above it. */
async function ensureFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  const top = path.dirname(first);
  for (let at = path.dirname(folder); at.length >= top.length; at = path.dirname(at)) {
    await syncFolder(at);
    if (at === path.dirname(at)) return;
  }
}

/**
 * Gives a synced file its name, never over another one: by a hard link, which fails when the name is taken; where the file
 * system has no hard links by a rename after a look.
 */
export async function publish(aside: string, file: string): Promise<void> {
  await inFolder(path.dirname(file), () => linkOrRename(aside, file));
  await rm(aside, { force: true });
  await syncFolder(path.dirname(file));
}

async function linkOrRename(aside: string, file: string): Promise<void> {
  try {
    await link(aside, file);
  } catch (error) {
    if (!NO_HARD_LINKS.includes(systemCode(error) ?? '')) throw error;
    await renameToNew(aside, file);
  }
}

/**
 * Makes a folder and then something in it. Between the two another program may remove the folder, which is empty then: it is made again,
 * a bounded number of times, as `ENOENT` may also be the thing's own. Making it finds it and then misses it in the same way.
 */
export async function inFolder<T>(folder: string, make: () => Promise<T>): Promise<T> {
  for (let left = MAX_TRIES; ; left--) {
    try {
      await ensureFolder(folder);
      return await make();
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || left === 1) throw error;
    }
  }
}

/** Renames to a name that is not taken; of two at once the later wins, so it is only for where `link` is missing. */
export async function renameToNew(aside: string, file: string): Promise<void> {
  const isTaken = await lstat(file).then(
    () => true,
    () => false,
  );
  if (isTaken) throw Object.assign(new Error(`"${file}" is there already`), { code: 'EEXIST' });
  await rename(aside, file);
}

/** Writes all of `bytes` behind what was written before. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, null);
    done += bytesWritten;
  }
}

/** Reads until `into` is full or the file ends; returns the bytes read. */
export async function readFully(handle: FileHandle, offset: number, into: Uint8Array): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await handle.read(into, done, into.length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Removes a file or a folder with its content, durably; nothing there is fine. */
export async function removeDurably(target: string): Promise<void> {
  await rm(target, { recursive: true, force: true });
  try {
    await syncFolder(path.dirname(target));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

/** Removes a folder, durably, if nothing is in it; the system looks and removes in one step. */
export async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (NOT_EMPTY.includes(systemCode(error) ?? '')) return;
    throw error;
  }
  await syncFolder(path.dirname(folder));
}
