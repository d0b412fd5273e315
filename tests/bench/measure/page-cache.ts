/**
 * Cold reads: what was written is brought to the disk, then the page cache forgets the data that is about to be read. Programs
 * stay in it, as on a machine that backs up every night; else the start of whatever has the most files would be measured.
 */
import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const LEFT_SHARE = 0.01;

/** posix_fadvise forgets single files; drop_caches (root) forgets everything, programs too. */
export type CacheWay = 'posix_fadvise' | 'drop_caches';

/** The way that worked for these files and all files of these folders. @throws Error when none does */
export function emptyCache(places: readonly string[]): CacheWay {
  execFileSync('sync');
  const files = places.flatMap(filesAt);
  // dd with nocache and no block to copy is how coreutils offers posix_fadvise(DONTNEED) for a whole file
  for (const file of files) execFileSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none']);
  if (cachedShare(files) <= LEFT_SHARE) return 'posix_fadvise';
  writeFileSync('/proc/sys/vm/drop_caches', '3');
  return 'drop_caches';
}

function filesAt(place: string): string[] {
  if (lstatSync(place).isFile()) return [place];
  const entries = readdirSync(place, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

/** Of the largest file, where `fincore` of util-linux is there to tell. */
function cachedShare(files: readonly string[]): number {
  const [largest] = files.toSorted((a, b) => lstatSync(b).size - lstatSync(a).size);
  if (largest === undefined) return 0;
  try {
    const cached = Number(execFileSync('fincore', ['-b', '-n', '-o', 'RES', largest]).toString());
    return cached / Math.max(1, lstatSync(largest).blocks * 512);
  } catch {
    return 0;
  }
}
