/**
 * Makes the disk that is measured, once per size: GPT, one NTFS volume from 1 MiB on, a third used by files of this machine, and
 * free space that files lay in which were deleted again. Kept and deleted folders alternate, as installing and removing does.
 *
 *   volume.img      the volume alone, for programs that know NTFS
 *   disk.img        the whole disk, for programs that do not, and for the simulated vCenter
 *   change-1.bin    what a guest then changed: about 1 % of what is used, and from there on 10 %
 *   change-10.bin
 *   disk.json       what it is; written last, so a disk that has it is whole
 */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { workAsGuest } from './disk/guest-work.ts';
import { readPatches, writePatches } from './disk/patches.ts';
import { contentOf, foldersOfFiles } from './disk/real-files.ts';
import { formatVolume, runTool, usedBytesOf, withVolume } from './disk/volume.ts';
import { say } from './progress.ts';

const VERSION = 1;
const GiB = 2 ** 30;
const MiB = 2 ** 20;
const STEP_BYTES = MiB;
const START_BYTES = MiB;
const FOLDER_FILES = 200;
const SPACE_FACTOR = 5;

interface Change {
  readonly percent: number;
  /** Bytes of the 64 KiB grains that are touched. */
  readonly grainBytes: number;
}

export interface BenchDisk {
  readonly version: number;
  readonly capacityBytes: number;
  /** As the file system counts it, its own records included. */
  readonly usedBytes: number;
  /** Content of the deleted files. */
  readonly deletedBytes: number;
  readonly files: number;
  readonly changes: readonly Change[];
}

export interface DiskFiles {
  readonly disk: BenchDisk;
  readonly image: string;
  readonly volume: string;
  change(percent: number): string;
}

/** The disk of this size in the work folder, made when it is not there. */
export async function prepareDisk(work: string, sizeGib: number, deletedGib: number): Promise<DiskFiles> {
  const folder = path.join(work, `disk-${sizeGib}-${deletedGib}`);
  const file = path.join(folder, 'disk.json');
  const kept = await readFile(file, 'utf8').catch(() => undefined);
  const known = kept === undefined ? undefined : (JSON.parse(kept) as BenchDisk);
  const disk = known?.version === VERSION ? known : await makeDisk(folder, sizeGib, deletedGib);
  await writeFile(file, JSON.stringify(disk, undefined, 2));
  return {
    disk,
    image: path.join(folder, 'disk.img'),
    volume: path.join(folder, 'volume.img'),
    change: (percent) => path.join(folder, `change-${percent}.bin`),
  };
}

async function makeDisk(folder: string, sizeGib: number, deletedGib: number): Promise<BenchDisk> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const capacityBytes = Math.round(sizeGib * 1024) * MiB;
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < capacityBytes * SPACE_FACTOR)
    throw new Error(
      `"${folder}" needs ${SPACE_FACTOR} times the size of the disk, ${sizeGib * SPACE_FACTOR} GiB`,
    );
  const volume = path.join(folder, 'volume.img');
  const volumeBytes = capacityBytes - 2 * START_BYTES;
  writeFileSync(volume, '');
  truncateSync(volume, volumeBytes);
  formatVolume(volume, START_BYTES / 512);
  const wanted = { kept: (sizeGib / 3) * GiB, gone: deletedGib * GiB };
  say(
    `Fill an NTFS volume with ${gib(wanted.kept)} of files, and ${gib(wanted.gone)} that are deleted again`,
  );
  const filled = await withVolume(volume, (root) => fill(root, wanted));
  await withVolume(volume, (root) => runTool('rm', ['-r', path.join(root, 'gone')]));
  const usedBytes = await withVolume(volume, usedBytesOf);
  say('Put it on a disk');
  makeImage(path.join(folder, 'disk.img'), volume, capacityBytes);
  const changes = await makeChanges(folder, { volume, volumeBytes, usedBytes });
  return {
    version: VERSION,
    capacityBytes,
    usedBytes,
    deletedBytes: filled.gone,
    files: filled.files,
    changes,
  };
}

const gib = (bytes: number): string => `${(bytes / GiB).toFixed(2)} GiB`;

/** Whole folders go to the side that has less of what it shall get. */
function fill(root: string, wanted: { kept: number; gone: number }): { files: number; gone: number } {
  const bytes = { kept: 0, gone: 0 };
  const files = { kept: 0, gone: 0 };
  mkdirSync(path.join(root, 'gone'));
  for (const folder of foldersOfFiles()) {
    if (bytes.kept >= wanted.kept && bytes.gone >= wanted.gone) break;
    const side = bytes.kept / wanted.kept <= bytes.gone / Math.max(wanted.gone, 1) ? 'kept' : 'gone';
    for (const file of folder) {
      const content = bytes[side] < wanted[side] ? contentOf(file) : undefined;
      if (content === undefined) continue;
      const number = files[side]++;
      const place = path.join(root, side, String(Math.floor(number / FOLDER_FILES)));
      if (number % FOLDER_FILES === 0) mkdirSync(place, { recursive: true });
      writeFileSync(path.join(place, `${number}-${path.basename(file.source)}`), content);
      bytes[side] += content.length;
    }
  }
  return { files: files.kept, gone: bytes.gone };
}

function makeImage(image: string, volume: string, capacityBytes: number): void {
  writeFileSync(image, '');
  truncateSync(image, capacityBytes);
  const lastSector = (capacityBytes - START_BYTES) / 512 - 1;
  runTool('sgdisk', ['-o', '-n', `1:${START_BYTES / 512}:${lastSector}`, '-t', '1:0700', image]);
  copyInto(image, START_BYTES, volume);
}

/** Stretches of zeros stay holes. */
function copyInto(image: string, at: number, source: string): void {
  const from = openSync(source, 'r');
  const to = openSync(image, 'r+');
  const step = Buffer.alloc(STEP_BYTES);
  const zeros = Buffer.alloc(STEP_BYTES);
  for (let done = 0, length = -1; length !== 0; done += length) {
    length = readSync(from, step, 0, STEP_BYTES, done);
    if (step.compare(zeros, 0, length, 0, length) !== 0) writeSync(to, step, 0, length, at + done);
  }
  closeSync(from);
  closeSync(to);
}

interface Volume {
  readonly volume: string;
  readonly volumeBytes: number;
  readonly usedBytes: number;
}

async function makeChanges(folder: string, { volume, volumeBytes, usedBytes }: Volume): Promise<Change[]> {
  const working = path.join(folder, 'working.img');
  copySparse(volume, working, volumeBytes);
  const pair = { before: volume, after: working, lengthBytes: volumeBytes, startBytes: START_BYTES };
  const changes: Change[] = [];
  const file = (percent: number): string => path.join(folder, `change-${percent}.bin`);
  for (const percent of [1, 10]) {
    say(`Change ${percent} % as a guest does`);
    await withVolume(working, (root) => workAsGuest(root, (usedBytes * percent) / 100, `change-${percent}`));
    const known = changes.flatMap((change) => [...readPatches(file(change.percent))]);
    changes.push({ percent, grainBytes: writePatches(file(percent), pair, known) });
  }
  await rm(working);
  return changes;
}

function copySparse(from: string, to: string, lengthBytes: number): void {
  const fd = openSync(to, 'w');
  ftruncateSync(fd, lengthBytes);
  closeSync(fd);
  copyInto(to, 0, from);
}

/** A stretch of the disk as an image of its own, for a VM that shares nothing with its neighbours. */
export function cutImage(from: string, part: { at: number; lengthBytes: number }, to: string): void {
  const [skip, count] = [part.at / MiB, part.lengthBytes / MiB];
  runTool('dd', [`if=${from}`, `of=${to}`, 'bs=1M', `skip=${skip}`, `count=${count}`, 'conv=sparse']);
  truncateSync(to, part.lengthBytes);
}
