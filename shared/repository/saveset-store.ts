/** The small objects of a saveset, in the order in which they must be written: docs/format/device.md §9. */
import { createHash } from 'node:crypto';
import { AppError, hasCode } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import { invalid } from '../format/byte-reader.ts';
import { decodeDiskIndex, encodeDiskIndex } from '../format/disk-index-codec.ts';
import { type DiskIndex } from '../format/disk-index.ts';
import { sameBytes, sha256Hex } from '../format/hash.ts';
import {
  type Manifest,
  type ManifestDisk,
  type StoredFile,
  decodeManifest,
  encodeManifest,
} from '../format/manifest.ts';
import {
  MANIFEST_NAME,
  SAVESETS_FOLDER,
  SEAL_NAME,
  diskIndexName,
  savesetFolder,
  sealedSavesetOf,
} from '../format/names.ts';
import { segmentCount } from '../format/segments.ts';
import { type Seal, decodeSeal, encodeSeal } from '../format/seal.ts';
import { endAttempt, listAttempts } from './attempts.ts';
import { type OpenDevice } from './device.ts';
import { type Storage } from './storage.ts';

const MAX_MANIFEST_BYTES = 64 * MiB;
const MAX_SEAL_BYTES = MiB;

/** Which index of a disk. */
export interface IndexPlace {
  /** 0 is the newest. */
  readonly layer: number;
  readonly segment: number;
}

/** Stores the index of one segment; its packs must be visible before. */
export async function putDiskIndex(
  device: OpenDevice,
  savesetId: string,
  place: IndexPlace & { readonly diskKey: number },
  index: DiskIndex,
): Promise<StoredFile> {
  const name = diskIndexName(place);
  const path = `${savesetFolder(savesetId)}/${name}`;
  const proof = createHash('sha256');
  const writer = await device.storage.create(path, `${path}.partial`);
  try {
    for (const part of device.cipher.sealParts(path, encodeDiskIndex(index))) {
      proof.update(part);
      await writer.append(part);
    }
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return { name, lengthBytes: writer.lengthBytes, sha256: proof.digest('hex') };
}

/**
 * The index of one segment of a disk, proven by its manifest.
 * @throws AppError `REPO_OBJECT_MISSING`, `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`
 */
export async function readDiskIndex(
  device: OpenDevice,
  savesetId: string,
  disk: Pick<ManifestDisk, 'key' | 'layers' | 'capacityBytes'>,
  { layer, segment }: IndexPlace,
): Promise<DiskIndex> {
  const { segmentBytes } = device.header;
  const segments = disk.layers[layer]?.segments ?? [];
  const file = segments[segment];
  if (file === undefined || segments.length !== segmentCount(disk.capacityBytes, segmentBytes)) {
    const whose = `disk ${disk.key} of saveset ${savesetId}`;
    throw invalid(whose, `layer ${layer} has ${segments.length} segments`, { layer, segment });
  }
  const what = `"${file.name}" of saveset ${savesetId}`;
  const index = decodeDiskIndex(await readFile(device, savesetId, file), what);
  const lengthBytes = Math.min(segmentBytes, disk.capacityBytes - segment * segmentBytes);
  if (index.capacityBytes !== lengthBytes) throw invalid(what, 'it is of a disk of another size');
  return index;
}

/** All layers of one segment of a disk, newest first; as `readDiskIndex`. */
export async function readSegment(
  device: OpenDevice,
  savesetId: string,
  disk: Pick<ManifestDisk, 'key' | 'layers' | 'capacityBytes'>,
  segment: number,
): Promise<DiskIndex[]> {
  const indexes: DiskIndex[] = [];
  for (let layer = 0; layer < disk.layers.length; layer++) {
    indexes.push(await readDiskIndex(device, savesetId, disk, { layer, segment }));
  }
  return indexes;
}

/** Every index that a manifest names. */
export function indexFilesOf(manifest: Manifest): readonly StoredFile[] {
  return manifest.disks.flatMap(({ layers }) => layers.flatMap(({ segments }) => segments));
}

/** Stores a file of the saveset, such as its configuration. */
export async function putFile(
  device: OpenDevice,
  savesetId: string,
  name: string,
  bytes: Uint8Array,
): Promise<StoredFile> {
  const path = `${savesetFolder(savesetId)}/${name}`;
  const stored = device.cipher.sealObject(path, bytes);
  await device.storage.put(path, stored);
  return { name, lengthBytes: stored.length, sha256: sha256Hex(stored) };
}

/**
 * A file of the saveset, proven by what the manifest says of it.
 * @throws AppError `REPO_OBJECT_MISSING`, `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`
 */
export async function readFile(device: OpenDevice, savesetId: string, file: StoredFile): Promise<Uint8Array> {
  const path = `${savesetFolder(savesetId)}/${file.name}`;
  const stored = await device.storage.readWhole(path, file.lengthBytes);
  if (stored.length !== file.lengthBytes || sha256Hex(stored) !== file.sha256) {
    throw invalid(`"${path}"`, 'it is not what the manifest names');
  }
  return device.cipher.openObject(path, stored);
}

/** Stores the manifest and reads it back; everything that it names must be stored before. */
export async function putManifest(
  device: OpenDevice,
  manifest: Manifest,
): Promise<{ readonly sha256: string; readonly lengthBytes: number }> {
  const path = `${savesetFolder(manifest.savesetId)}/${MANIFEST_NAME}`;
  const stored = device.cipher.sealObject(path, encodeManifest(manifest));
  await device.storage.put(path, stored);
  const back = await device.storage.readWhole(path, stored.length);
  if (!sameBytes(back, stored)) throw invalid(`"${path}"`, 'it reads back differently');
  return { sha256: sha256Hex(stored), lengthBytes: stored.length };
}

/** The manifest, sealed or not, and the hash of its stored bytes. */
export async function readManifest(
  device: OpenDevice,
  savesetId: string,
): Promise<{ readonly manifest: Manifest; readonly sha256: string }> {
  const path = `${savesetFolder(savesetId)}/${MANIFEST_NAME}`;
  const stored = await device.storage.readWhole(path, MAX_MANIFEST_BYTES);
  const sha256 = sha256Hex(stored);
  const bytes = device.cipher.openObject(path, stored);
  const manifest = decodeManifest(bytes, `the manifest of saveset ${savesetId}`);
  if (manifest.savesetId !== savesetId) throw invalid(`"${path}"`, `it is of saveset ${manifest.savesetId}`);
  return { manifest, sha256 };
}

/**
 * The manifest of a restore point.
 * @throws AppError `REPO_OBJECT_MISSING` when it is not sealed, `FORMAT_INVALID` when the seal is of another manifest
 */
export async function readSealedManifest(device: OpenDevice, savesetId: string): Promise<Manifest> {
  return (await proven(device, savesetId, await readSeal(device.storage, savesetId))).manifest;
}

/** As `readSealedManifest`, with the hash of the manifest; undefined when it is not sealed. */
export async function readIfSealed(
  device: OpenDevice,
  savesetId: string,
): Promise<{ readonly manifest: Manifest; readonly sha256: string } | undefined> {
  let seal: Seal;
  try {
    seal = await readSeal(device.storage, savesetId);
  } catch (error) {
    if (hasCode(error, 'REPO_OBJECT_MISSING')) return undefined;
    throw error;
  }
  return proven(device, savesetId, seal);
}

async function proven(device: OpenDevice, savesetId: string, seal: Seal) {
  const found = await readManifest(device, savesetId);
  const isOfIt = seal.manifestSha256 === found.sha256 && seal.savesetId === savesetId;
  if (!isOfIt) throw invalid(`the seal of saveset ${savesetId}`, 'it is of another manifest');
  return found;
}

/**
 * Makes a saveset a restore point, after a last look at what the manifest names, and ends its attempt. Sealing twice is
 * fine, and finishes what a crash left undone.
 * @throws AppError `IPC_FENCED` when the manifest is of another attempt; `FORMAT_INVALID`, `REPO_OBJECT_MISSING`
 */
export async function seal(
  device: OpenDevice,
  savesetId: string,
  by: { readonly token: number; readonly sealedAt: string },
): Promise<void> {
  const { storage } = device;
  const { manifest, sha256 } = await readManifest(device, savesetId);
  if (manifest.token !== by.token) {
    throw new AppError('IPC_FENCED', `Cannot seal saveset ${savesetId}: its manifest is of another attempt`, {
      savesetId,
      token: by.token,
      manifestToken: manifest.token,
    });
  }
  for (const file of [...manifest.files, ...indexFilesOf(manifest)]) {
    const path = `${savesetFolder(savesetId)}/${file.name}`;
    const lengthBytes = await storage.size(path);
    if (lengthBytes !== file.lengthBytes) throw invalid(`"${path}"`, `it has ${lengthBytes} bytes`);
  }
  await putSeal(storage, { format: 'blockhouse-seal', version: 1, savesetId, manifestSha256: sha256, ...by });
  await endAttempt(storage, savesetId);
}

async function putSeal(storage: Storage, seal: Seal): Promise<void> {
  try {
    await storage.put(sealPath(seal.savesetId), encodeSeal(seal));
  } catch (error) {
    if (!hasCode(error, 'REPO_OBJECT_EXISTS')) throw error;
    const there = await readSeal(storage, seal.savesetId);
    if (there.manifestSha256 !== seal.manifestSha256 || there.token !== seal.token) throw error;
  }
}

/** Whether there is a seal; `readSealedManifest` proves it. */
export async function isSealed(storage: Storage, savesetId: string): Promise<boolean> {
  return storage.exists(sealPath(savesetId));
}

/** The ids of all savesets with a seal, in any order. */
export async function* listSealed(storage: Storage): AsyncGenerator<string> {
  for await (const { name } of storage.list(SAVESETS_FOLDER)) {
    const savesetId = sealedSavesetOf(name);
    if (savesetId !== undefined) yield savesetId;
  }
}

/**
 * Removes what an attempt left that was given up: packs in the making, and its saveset. Visible packs stay.
 * @throws AppError `REPO_OBJECT_EXISTS` when the saveset is sealed
 */
export async function discardAttempt(storage: Storage, savesetId: string): Promise<void> {
  if (await isSealed(storage, savesetId)) {
    throw new AppError('REPO_OBJECT_EXISTS', `Cannot discard saveset ${savesetId}: it is sealed`, {
      savesetId,
    });
  }
  await storage.removeFolder(savesetFolder(savesetId));
  await endAttempt(storage, savesetId);
}

/**
 * Ends attempts that are over although their folders are there: of a crash, or of a time when the device was away. Gives
 * their ids.
 */
export async function clearAttempts(
  storage: Storage,
  isOver: (attemptId: string) => boolean,
): Promise<readonly string[]> {
  const over = (await listAttempts(storage)).filter(isOver);
  for (const attemptId of over) {
    if (await isSealed(storage, attemptId)) await endAttempt(storage, attemptId);
    else await discardAttempt(storage, attemptId);
  }
  return over;
}

/** Removes a saveset, the seal first: from then on it is no restore point. Its packs stay. Can be repeated after a crash. */
export async function removeSaveset(storage: Storage, savesetId: string): Promise<void> {
  await storage.remove(sealPath(savesetId));
  await discardAttempt(storage, savesetId);
}

const sealPath = (savesetId: string): string => `${savesetFolder(savesetId)}/${SEAL_NAME}`;

async function readSeal(storage: Storage, savesetId: string): Promise<Seal> {
  const bytes = await storage.readWhole(sealPath(savesetId), MAX_SEAL_BYTES);
  return decodeSeal(bytes, `the seal of saveset ${savesetId}`);
}
