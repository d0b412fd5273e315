/**
 * What must come out of a backup of a committed disk, told by what disk.json says of it: which bytes a guest needs, what a
 * restored image must hold, what an increment has to read.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  type ExtentSet,
  complement,
  normalize,
  subtract,
  totalLength,
  widen,
} from '../../shared/domain/extent.ts';
import { CHUNK_HEADER_BYTES } from '../../shared/format/pack.ts';
import { readDirectory } from '../../shared/repository/pack-directories.ts';
import { clearCipher } from './open-devices.ts';
import { decodeRecord } from '../../shared/repository/decode-record.ts';
import { type Storage } from '../../shared/repository/storage.ts';
import { type DiskFixture, type DiskState, type VolumeState, loadDisk, patchesBetween } from './fixtures.ts';

const GRAIN_BYTES = 64 * 1024;
const MAX_PACK_BYTES = 2 ** 30;

function stateOf(disk: DiskFixture, name: string): DiskState {
  const state = disk.states.find((candidate) => candidate.name === name);
  if (state === undefined) throw new Error(`"${disk.name}" has no state "${name}"`);
  return state;
}

function clusterExtents(volume: VolumeState, runs: ExtentSet): ExtentSet {
  const { startBytes, clusterBytes } = volume;
  return runs.map(({ start, length }) => ({
    start: startBytes + start * clusterBytes,
    length: length * clusterBytes,
  }));
}

const allocatedRuns = (volume: VolumeState): ExtentSet =>
  normalize(volume.allocatedRuns.map(([start, length]) => ({ start, length })));

/** Bytes in free clusters of a disk in a state. */
export function freeOf(name: string, state: string): ExtentSet {
  const { volumes } = stateOf(loadDisk(name), state);
  return normalize(
    volumes.flatMap((volume) => clusterExtents(volume, complement(allocatedRuns(volume), volume.clusters))),
  );
}

/** What change tracking says that a guest wrote between two states: whole grains. */
export async function changedBetween(name: string, from: string, to: string): Promise<ExtentSet> {
  const patches = await patchesBetween(name, from, to);
  const written = normalize(patches.map(({ offset, bytes }) => ({ start: offset, length: bytes.length })));
  return widen(written, GRAIN_BYTES, loadDisk(name).capacityBytes);
}

/**
 * What is wrong with an image of a disk, by the oracle of a state; nothing when it is right. Free clusters may hold
 * anything; a disk without volumes must be right to the byte.
 */
export async function whatIsWrong(path: string, name: string, stateName: string): Promise<readonly string[]> {
  const disk = loadDisk(name);
  const state = stateOf(disk, stateName);
  const image = await readFile(path);
  if (image.length !== disk.capacityBytes) return [`it has ${image.length} bytes`];
  const { volumes } = state;
  if (volumes.length === 0) return sha256(image) === state.sha256 ? [] : ['the image differs'];
  const wrong: string[] = [];
  for (const volume of volumes) {
    const found = hashOf(image, clusterExtents(volume, allocatedRuns(volume)));
    if (found !== volume.allocatedSha256) wrong.push(`the volume at ${volume.startBytes} differs`);
  }
  for (const { startBytes, lengthBytes, sha256: wanted } of state.outsideClusters) {
    const found = hashOf(image, [{ start: startBytes, length: lengthBytes }]);
    if (found !== wanted) wrong.push(`the bytes outside clusters at ${startBytes} differ`);
  }
  return wrong;
}

/** SHA-256 of the late file's content, taken from its clusters in an image. */
export async function lateFileHash(path: string, name: string): Promise<string> {
  const disk = loadDisk(name);
  const volume = disk.states.at(-1)!.volumes[disk.lateFile!.volume]!;
  const runs = disk.lateFile!.runs.map(([start, length]) => ({ start, length }));
  const image = await readFile(path);
  const content = Buffer.concat(clusterExtents(volume, runs).map((extent) => partOf(image, extent)));
  return sha256(content.subarray(0, disk.lateFile!.lengthBytes));
}

/** Markers of deleted files (`DELETED-…;`) that occur in the bytes. */
export function markersIn(bytes: Buffer): ReadonlySet<string> {
  const found = new Set<string>();
  for (let at = bytes.indexOf('DELETED-'); at >= 0; at = bytes.indexOf('DELETED-', at + 1)) {
    const marker = /^DELETED-[a-z0-9-]+;/.exec(bytes.toString('latin1', at, at + 64))?.[0];
    if (marker !== undefined) found.add(marker);
  }
  return found;
}

/** Markers of deleted files in all chunks of a device, unpacked. */
export async function markersOnDevice(storage: Storage): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for await (const { name, lengthBytes } of storage.list('packs')) {
    const packId = /([0-9a-f]{32})\.pack$/.exec(name)![1]!;
    const pack = await storage.readWhole(name, MAX_PACK_BYTES);
    for (const entry of await readDirectory(storage, { packId, lengthBytes })) {
      const end = entry.offset + CHUNK_HEADER_BYTES + entry.storedLength;
      const plain = Buffer.alloc(entry.plainLength);
      decodeRecord(clearCipher, pack.subarray(entry.offset, end), entry, plain);
      for (const marker of markersIn(plain)) found.add(marker);
    }
  }
  return found;
}

/** Bytes of the disk that the guest uses, in a state. */
export function usedBytes(name: string, state: string): number {
  return loadDisk(name).capacityBytes - totalLength(freeOf(name, state));
}

/** What the rule of the increments wants: what is read, and what stays dropped after it. */
export function expectedRead(input: {
  readonly capacityBytes: number;
  readonly free: ExtentSet;
  readonly changed: ExtentSet;
  readonly droppedBefore: ExtentSet;
}): { readonly read: ExtentSet; readonly dropped: ExtentSet } {
  const { capacityBytes, free, changed, droppedBefore } = input;
  const read = subtract(normalize([...changed, ...droppedBefore]), free);
  const stillRight = subtract(complement(droppedBefore, capacityBytes), changed);
  const right = normalize([...stillRight, ...read]);
  return { read, dropped: complement(right, capacityBytes) };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const partOf = (image: Buffer, { start, length }: { start: number; length: number }): Buffer =>
  image.subarray(start, start + length);

function hashOf(image: Buffer, extents: ExtentSet): string {
  const hash = createHash('sha256');
  for (const extent of extents) hash.update(partOf(image, extent));
  return hash.digest('hex');
}
