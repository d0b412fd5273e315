/** Files inside a restored image: read by ntfs-3g's ntfscat where it is installed, and strings searched in the whole image. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { hasProgram } from '../../tests/support/ntfs-oracle.ts';
import { type DiskState, type FixtureFile, type LateFile } from '../../tests/support/fixtures.ts';

const AT_ONCE = 2;
/** Evenly spread over all; the hash over all clusters covers the others. */
const FILES_PER_VOLUME = 24;
const MARKER_HEAD = 'DELETED-';
const MAX_MARKER_BYTES = 64;

export const hasNtfscat = (): boolean => hasProgram('ntfscat');

/** Paths of files (of a sample) whose content is not what it was; `scratch` is a file name that may be used. */
export async function wrongFiles(state: DiskState, image: Buffer, scratch: string): Promise<string[]> {
  const wrong: string[] = [];
  for (const [i, volume] of state.volumes.entries()) {
    if (volume.fileSystem !== 'ntfs') continue;
    await writeFile(scratch, image.subarray(volume.startBytes, volume.startBytes + volume.lengthBytes));
    const queue = sample(state.files.filter((file) => file.volume === i));
    const lane = async (): Promise<void> => {
      for (let file = queue.pop(); file !== undefined; file = queue.pop())
        if (!(await isRight(file, scratch))) wrong.push(file.path);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    await rm(scratch);
  }
  return wrong;
}

function sample(files: readonly FixtureFile[]): FixtureFile[] {
  const step = Math.max(1, files.length / FILES_PER_VOLUME);
  const count = Math.min(files.length, FILES_PER_VOLUME);
  return Array.from({ length: count }, (_, i) => files[Math.floor(files.length - 1 - i * step)]!);
}

async function isRight(file: FixtureFile, volume: string): Promise<boolean> {
  const child = execFile('ntfscat', [volume, file.path], { encoding: 'buffer', maxBuffer: 2 ** 26 });
  const hash = createHash('sha256');
  let lengthBytes = 0;
  child.stdout!.on('data', (bytes: Buffer) => {
    hash.update(bytes);
    lengthBytes += bytes.length;
  });
  await once(child, 'close');
  return child.exitCode === 0 && lengthBytes === file.lengthBytes && hash.digest('hex') === file.sha256;
}

/** SHA-256 of the late file's content, taken from its clusters. */
export function lateContent(file: LateFile, state: DiskState, image: Buffer): string {
  const volume = state.volumes[file.volume]!;
  const pieces = file.runs.map(([first, clusters]) => {
    const start = volume.startBytes + first * volume.clusterBytes;
    return image.subarray(start, start + clusters * volume.clusterBytes);
  });
  const content = Buffer.concat(pieces).subarray(0, file.lengthBytes);
  return createHash('sha256').update(content).digest('hex');
}

/** Labels of deleted files that are found in an image, in one pass over it. */
export function foundMarkers(image: Buffer): ReadonlySet<string> {
  const found = new Set<string>();
  for (let at = image.indexOf(MARKER_HEAD); at >= 0; at = image.indexOf(MARKER_HEAD, at + 1)) {
    const label = image.toString('latin1', at, at + MAX_MARKER_BYTES);
    found.add(label.slice(0, label.indexOf(';') + 1));
  }
  return found;
}
