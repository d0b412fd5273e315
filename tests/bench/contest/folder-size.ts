/** What a folder takes on the disk. */
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

const BLOCK_BYTES = 512;

/** Blocks of all files below; holes count for nothing. Zero when it is not there. */
export async function storedBytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries)
    if (entry.isFile()) bytes += (await lstat(path.join(entry.parentPath, entry.name))).blocks * BLOCK_BYTES;
  return bytes;
}
