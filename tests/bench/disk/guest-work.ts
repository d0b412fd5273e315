/** What a guest does between two backups: nine tenths overwrite stretches of files it has, one tenth is new files. */
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { seededRandom } from '../../../scripts/fixtures/content.ts';
import { flipped } from './real-files.ts';

const STRETCH_BYTES = 512 * 1024;
const SMALLEST_BYTES = 64 * 1024;
const NEW_SHARE = 0.1;
const PATTERN = 0x55;

/** Changes about `bytes` of the files below `root`; the same seed on the same files does the same. */
export function workAsGuest(root: string, bytes: number, seed: string): void {
  const files = largeFiles(root);
  const random = seededRandom(seed);
  const fresh = path.join(root, `new-${seed}`);
  mkdirSync(fresh);
  let left = bytes;
  for (let number = 0; left > 0; number++) {
    const file = files[random(files.length)]!;
    const content = stretchOf(file, random(Math.max(1, file.lengthBytes - STRETCH_BYTES)));
    if (random(1000) < NEW_SHARE * 1000) writeFileSync(path.join(fresh, String(number)), content.bytes);
    else overwrite(file.path, content);
    left -= content.bytes.length;
  }
  for (const small of smallFiles(root).slice(0, 50)) rmSync(small);
}

interface KnownFile {
  readonly path: string;
  readonly lengthBytes: number;
}

interface Stretch {
  readonly at: number;
  readonly bytes: Buffer;
}

function allFiles(root: string): KnownFile[] {
  const names = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = names.map((entry) => path.join(entry.parentPath, entry.name)).sort();
  return paths.map((each) => ({ path: each, lengthBytes: statSync(each).size }));
}

const largeFiles = (root: string): KnownFile[] =>
  allFiles(root).filter(({ lengthBytes }) => lengthBytes >= SMALLEST_BYTES);

const smallFiles = (root: string): string[] =>
  allFiles(root).flatMap((file) => (file.lengthBytes < SMALLEST_BYTES ? [file.path] : []));

function stretchOf(file: KnownFile, at: number): Stretch {
  const bytes = Buffer.alloc(Math.min(STRETCH_BYTES, file.lengthBytes));
  const fd = openSync(file.path, 'r');
  const length = readSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
  return { at, bytes: flipped(bytes.subarray(0, length), PATTERN) };
}

function overwrite(file: string, { at, bytes }: Stretch): void {
  const fd = openSync(file, 'r+');
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}
