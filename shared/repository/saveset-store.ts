/** The small objects of a saveset, in the order in which they must be written: docs/format/device.md §8. */
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
  incomingFolder,
  savesetFolder,
  sealedSavesetOf,
} from '../format/names.ts';
import { type Seal, decodeSeal, encodeSeal } from '../format/seal.ts';
import { type Storage } from './storage.ts';

const MAX_MANIFEST_BYTES = 64 * MiB;
const MAX_SEAL_BYTES = MiB;

/** Stores a disk's index; its packs must be finished before. */
export async function putDiskIndex(
  storage: Storage,
  savesetId: string,
  diskKey: number,
  index: DiskIndex,
): Promise<StoredFile> {
  const name = diskIndexName(diskKey);
  const path = `${savesetFolder(savesetId)}/${name}`;
  const proof = createHash('sha256');
  const writer = await storage.create(path, `${path}.partial`);
  try {
    for (const part of encodeDiskIndex(index)) {
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
 * The index of a disk, proven by its manifest.
 * @throws AppError `REPO_OBJECT_MISSING`, `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`
 */
export async function readDiskIndex(
  storage: Storage,
  savesetId: string,
  disk: Pick<ManifestDisk, 'index' | 'capacityBytes'>,
): Promise<DiskIndex> {
  const what = `"${disk.index.name}" of saveset ${savesetId}`;
  const index = decodeDiskIndex(await readFile(storage, savesetId, disk.index), what);
  if (index.capacityBytes !== disk.capacityBytes) throw invalid(what, 'it is of a disk of another size');
  return index;
}

/** Stores a file of the saveset, such as its configuration. */
export async function putFile(
  storage: Storage,
  savesetId: string,
  name: string,
  bytes: Uint8Array,
): Promise<StoredFile> {
  await storage.put(`${savesetFolder(savesetId)}/${name}`, bytes);
  return { name, lengthBytes: bytes.length, sha256: sha256Hex(bytes) };
}

/**
 * A file of the saveset, proven by what the manifest says of it.
 * @throws AppError `REPO_OBJECT_MISSING`, `FORMAT_INVALID`
 */
export async function readFile(storage: Storage, savesetId: string, file: StoredFile): Promise<Uint8Array> {
  const path = `${savesetFolder(savesetId)}/${file.name}`;
  const bytes = await storage.readWhole(path, file.lengthBytes);
  if (bytes.length !== file.lengthBytes || sha256Hex(bytes) !== file.sha256) {
    throw invalid(`"${path}"`, 'it is not what the manifest names');
  }
  return bytes;
}

/** Stores the manifest and reads it back; everything that it names must be stored before. */
export async function putManifest(
  storage: Storage,
  manifest: Manifest,
): Promise<{ readonly sha256: string; readonly lengthBytes: number }> {
  const path = `${savesetFolder(manifest.savesetId)}/${MANIFEST_NAME}`;
  const bytes = encodeManifest(manifest);
  await storage.put(path, bytes);
  const back = await storage.readWhole(path, bytes.length);
  if (!sameBytes(back, bytes)) throw invalid(`"${path}"`, 'it reads back differently');
  return { sha256: sha256Hex(bytes), lengthBytes: bytes.length };
}

/** The manifest, sealed or not. */
export async function readManifest(storage: Storage, savesetId: string): Promise<Manifest> {
  return (await manifestAndHash(storage, savesetId)).manifest;
}

/**
 * The manifest of a restore point.
 * @throws AppError `REPO_OBJECT_MISSING` when it is not sealed, `FORMAT_INVALID` when the seal is of another manifest
 */
export async function readSealedManifest(storage: Storage, savesetId: string): Promise<Manifest> {
  const seal = await readSeal(storage, savesetId);
  const { manifest, sha256 } = await manifestAndHash(storage, savesetId);
  const isOfIt = seal.manifestSha256 === sha256 && seal.savesetId === savesetId;
  if (!isOfIt) throw invalid(`the seal of saveset ${savesetId}`, 'it is of another manifest');
  return manifest;
}

/**
 * Makes a saveset a restore point, after a last look at what the manifest names. Sealing twice is fine.
 * @throws AppError `IPC_FENCED` when the manifest is of another attempt; `FORMAT_INVALID`, `REPO_OBJECT_MISSING`
 */
export async function seal(
  storage: Storage,
  savesetId: string,
  by: { readonly token: number; readonly sealedAt: string },
): Promise<void> {
  const { manifest, sha256 } = await manifestAndHash(storage, savesetId);
  if (manifest.token !== by.token) {
    throw new AppError('IPC_FENCED', `Cannot seal saveset ${savesetId}: its manifest is of another attempt`, {
      savesetId,
      token: by.token,
      manifestToken: manifest.token,
    });
  }
  for (const file of [...manifest.files, ...manifest.disks.map((disk) => disk.index)]) {
    const path = `${savesetFolder(savesetId)}/${file.name}`;
    const lengthBytes = await storage.size(path);
    if (lengthBytes !== file.lengthBytes) throw invalid(`"${path}"`, `it has ${lengthBytes} bytes`);
  }
  await storage.removeFolder(incomingFolder(savesetId));
  await putSeal(storage, { format: 'blockhouse-seal', version: 1, savesetId, manifestSha256: sha256, ...by });
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
  await storage.removeFolder(incomingFolder(savesetId));
  await storage.removeFolder(savesetFolder(savesetId));
}

const sealPath = (savesetId: string): string => `${savesetFolder(savesetId)}/${SEAL_NAME}`;

async function readSeal(storage: Storage, savesetId: string): Promise<Seal> {
  const bytes = await storage.readWhole(sealPath(savesetId), MAX_SEAL_BYTES);
  return decodeSeal(bytes, `the seal of saveset ${savesetId}`);
}

async function manifestAndHash(
  storage: Storage,
  savesetId: string,
): Promise<{ readonly manifest: Manifest; readonly sha256: string }> {
  const path = `${savesetFolder(savesetId)}/${MANIFEST_NAME}`;
  const bytes = await storage.readWhole(path, MAX_MANIFEST_BYTES);
  const manifest = decodeManifest(bytes, `the manifest of saveset ${savesetId}`);
  if (manifest.savesetId !== savesetId) throw invalid(`"${path}"`, `it is of saveset ${manifest.savesetId}`);
  return { manifest, sha256: sha256Hex(bytes) };
}
