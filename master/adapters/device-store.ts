/** Savesets on devices, for the dispatcher and for restore plans: shared/repository behind the ports of the master. */
import { type Clock } from '../../shared/base/clock.ts';
import { hasCode, toAppError } from '../../shared/base/errors.ts';
import { MiB } from '../../shared/base/units.ts';
import { type DeviceAccess } from '../../shared/contract/ipc.ts';
import { type DiskIndex } from '../../shared/format/disk-index.ts';
import { sha256Hex } from '../../shared/format/hash.ts';
import { type Manifest, type ManifestDisk, decodeManifest } from '../../shared/format/manifest.ts';
import { MANIFEST_NAME, savesetFolder } from '../../shared/format/names.ts';
import { createDevice, openDevice } from '../../shared/repository/device.ts';
import {
  discardAttempt,
  isSealed,
  listSealed,
  readDiskIndex,
  readSealedManifest,
  seal,
} from '../../shared/repository/saveset-store.ts';
import { openLocalStorage } from '../../shared/repository/storage-local.ts';
import { type Storage } from '../../shared/repository/storage.ts';
import { type SavesetKeeper, type StoredSaveset } from '../dispatch/ports.ts';
import { disksOfManifest, pointOfManifest } from './point-of-manifest.ts';

const MAX_MANIFEST_BYTES = 64 * MiB;

/** What the services need of a device beside what the dispatcher does. */
export interface DeviceStore extends SavesetKeeper {
  /** The id of the device in the folder, which is made ready when it is empty. */
  prepare(path: string): Promise<string>;
  freeBytes(device: DeviceAccess): Promise<number>;
  listSealed(device: DeviceAccess): AsyncIterable<string>;
  readSealed(device: DeviceAccess, savesetId: string): Promise<Manifest>;
  readIndex(device: DeviceAccess, savesetId: string, disk: ManifestDisk): Promise<DiskIndex>;
}

export function deviceStore(clock: Clock): DeviceStore {
  return {
    async prepare(path) {
      const storage = openLocalStorage(path);
      try {
        return (await openDevice(storage)).deviceId;
      } catch (error) {
        if (!hasCode(error, 'REPO_NOT_A_DEVICE')) throw error;
        return (await createDevice(storage, { clock })).deviceId;
      }
    },
    async whyOffline(device) {
      try {
        await open(device);
        return undefined;
      } catch (error) {
        return toAppError(error).message;
      }
    },
    freeBytes: async (device) => (await open(device)).freeBytes(),
    read: async (device, savesetId) => readStored(await open(device), savesetId),
    isSealed: async (device, savesetId) => isSealed(await open(device), savesetId),
    seal: async (device, savesetId, by) => seal(await open(device), savesetId, by),
    discard: async (device, savesetId) => discardAttempt(await open(device), savesetId),
    async *listSealed(device) {
      yield* listSealed(await open(device));
    },
    readSealed: async (device, savesetId) => readSealedManifest(await open(device), savesetId),
    readIndex: async (device, savesetId, disk) => readDiskIndex(await open(device), savesetId, disk),
  };
}

async function open(device: DeviceAccess): Promise<Storage> {
  const storage = openLocalStorage(device.path);
  await openDevice(storage, device.deviceId);
  return storage;
}

async function readStored(storage: Storage, savesetId: string): Promise<StoredSaveset> {
  const bytes = await storage.readWhole(`${savesetFolder(savesetId)}/${MANIFEST_NAME}`, MAX_MANIFEST_BYTES);
  const manifest = decodeManifest(bytes, `the manifest of saveset ${savesetId}`);
  const sha256 = sha256Hex(bytes);
  return { sha256, record: pointOfManifest(manifest, sha256), disks: disksOfManifest(manifest) };
}
