/**
 * The committed disks: real file systems made once by scripts/make-fixtures.ts, in states that follow each other.
 * What disk.json says about a state was told by the file-system tools themselves, never by this project's parsers;
 * tests/fixtures/README.md describes each disk.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { decompress } from 'zstd-napi';
import { decodePatches, type DiskPatch } from './disk-patches.ts';

const DISKS = new URL('../fixtures/disks/', import.meta.url);
const BLOCK_BYTES = 4096;
const MAX_WRITE_BYTES = 1024 * 1024;

/** First cluster (or block) of a run, and how many. */
export type ClusterRun = readonly [startCluster: number, clusters: number];

export interface VolumeState {
  readonly startBytes: number;
  /** Length of the partition. */
  readonly lengthBytes: number;
  readonly fileSystem: 'ntfs' | 'ext4';
  readonly clusterBytes: number;
  readonly clusters: number;
  readonly freeClusters: number;
  /** SHA-256 over the content of all allocated clusters, in ascending order. */
  readonly allocatedSha256: string;
  readonly allocatedRuns: readonly ClusterRun[];
}

export interface FixtureFile {
  /** Path inside the volume, with a leading slash. */
  readonly path: string;
  /** Position in the state's `volumes`. */
  readonly volume: number;
  readonly sha256: string;
  readonly lengthBytes: number;
}

/** A byte range of the disk in no cluster of any volume: it must always be kept. */
export interface OutsideRange {
  readonly startBytes: number;
  readonly lengthBytes: number;
  readonly sha256: string;
}

export interface DiskState {
  readonly name: string;
  /** The patch stream, beside disk.json. */
  readonly file: string;
  /** Of the whole raw image. */
  readonly sha256: string;
  readonly volumes: readonly VolumeState[];
  readonly outsideClusters: readonly OutsideRange[];
  readonly files: readonly FixtureFile[];
  /** ASCII strings found on the disk in free clusters and nowhere else. */
  readonly deletedMarkers: readonly string[];
}

/** The file of `late-metadata` whose content is on the disk one state before its metadata. */
export interface LateFile {
  readonly path: string;
  readonly volume: number;
  readonly sha256: string;
  readonly lengthBytes: number;
  readonly runs: readonly ClusterRun[];
}

export interface DiskFixture {
  readonly name: string;
  readonly description: string;
  readonly capacityBytes: number;
  readonly states: readonly DiskState[];
  readonly lateFile?: LateFile;
}

/** Names of all committed disks, sorted. */
export function listDisks(): string[] {
  return readdirSync(DISKS).sort();
}

/** What is known of a disk and its states. Throws when there is no such disk. */
export function loadDisk(name: string): DiskFixture {
  return JSON.parse(readFileSync(new URL(`${name}/disk.json`, DISKS), 'utf8')) as DiskFixture;
}

/**
 * Writes a state as a sparse raw image: a file of the disk's capacity that holds only the 4 KiB blocks which are not
 * all zero. Overwrites `targetPath`.
 */
export async function writeState(name: string, state: string, targetPath: string): Promise<void> {
  const disk = loadDisk(name);
  const image = Buffer.alloc(disk.capacityBytes);
  for (const { file } of disk.states.slice(0, stateIndex(disk, state) + 1)) {
    for (const { offset, bytes } of await readPatches(disk, file)) bytes.copy(image, offset);
  }
  await using target = await open(targetPath, 'w');
  for (const { offset, bytes } of nonZeroRuns(image)) await target.write(bytes, 0, bytes.length, offset);
  await target.truncate(disk.capacityBytes);
}

/**
 * What a guest wrote on the way from one state to a later one, in order: a sector changed in several states between
 * them occurs as often. Throws when `to` does not come after `from`.
 */
export async function patchesBetween(name: string, from: string, to: string): Promise<DiskPatch[]> {
  const disk = loadDisk(name);
  const first = stateIndex(disk, from) + 1;
  const end = stateIndex(disk, to) + 1;
  if (end <= first)
    throw new Error(`Cannot lead "${name}" from "${from}" to "${to}": it is not a later state`);
  const patches: DiskPatch[] = [];
  for (const { file } of disk.states.slice(first, end)) {
    for (const patch of await readPatches(disk, file)) patches.push(patch);
  }
  return patches;
}

function stateIndex(disk: DiskFixture, state: string): number {
  const index = disk.states.findIndex((candidate) => candidate.name === state);
  if (index < 0) throw new Error(`Cannot find the state "${state}" of the disk "${disk.name}"`);
  return index;
}

async function readPatches(disk: DiskFixture, file: string): Promise<DiskPatch[]> {
  const packed = await readFile(fileURLToPath(new URL(`${disk.name}/${file}`, DISKS)));
  return decodePatches(decompress(packed), disk.capacityBytes);
}

function* nonZeroRuns(image: Buffer): Generator<DiskPatch> {
  const zeros = Buffer.alloc(BLOCK_BYTES);
  let start = -1;
  for (let at = 0; at < image.length; at += BLOCK_BYTES) {
    const end = Math.min(at + BLOCK_BYTES, image.length);
    const isZero = image.compare(zeros, 0, end - at, at, end) === 0;
    if (start >= 0 && (isZero || at - start >= MAX_WRITE_BYTES)) {
      yield { offset: start, bytes: image.subarray(start, at) };
      start = -1;
    }
    if (!isZero && start < 0) start = at;
  }
  if (start >= 0) yield { offset: start, bytes: image.subarray(start) };
}
