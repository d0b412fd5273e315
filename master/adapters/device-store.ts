/** Savesets on devices, for the dispatcher and for restore plans: shared/repository behind the ports of the master. */
import { type Clock, isoTime } from '../../shared/base/clock.ts';
import { toAppError } from '../../shared/base/errors.ts';
import { type KeySlotView } from '../../shared/contract/device-keys.ts';
import { type DeviceAccess } from '../../shared/contract/ipc.ts';
import { isEncrypted } from '../../shared/format/device-header.ts';
import { type DiskIndex } from '../../shared/format/disk-index.ts';
import { toHex } from '../../shared/format/hash.ts';
import { type Manifest, type ManifestDisk } from '../../shared/format/manifest.ts';
import { type OpenDevice, readDeviceHeader } from '../../shared/repository/device.ts';
import {
  clearAttempts,
  discardAttempt,
  isSealed,
  readManifest,
  readSealedManifest,
  readSegment,
  removeSaveset,
  seal,
} from '../../shared/repository/saveset-store.ts';
import { type Pin, putPin, readPin, removePin } from '../../shared/repository/pins.ts';
import { type FoundSaveset, scanSavesets } from '../../shared/repository/scan-savesets.ts';
import { openLocalStorage } from '../../shared/repository/storage-local.ts';
import { type Storage } from '../../shared/repository/storage.ts';
import { type SavesetKeeper, type StoredSaveset } from '../dispatch/ports.ts';
import { type DeviceKeys } from '../device-keys.ts';
import { type DeviceWish, prepareDevice } from './prepare-device.ts';
import { disksOfManifest, pointOfManifest } from './point-of-manifest.ts';

/** What the services need of a device beside what the dispatcher does. */
export interface DeviceStore extends SavesetKeeper {
  /** The id of the device in the folder, which is made ready when it is empty; as `prepareDevice`. */
  prepare(path: string, wish?: DeviceWish): Promise<string>;
  freeBytes(device: DeviceAccess): Promise<number>;
  /** Told by its header and key slots, which need no password. */
  encryption(
    device: DeviceAccess,
  ): Promise<{ readonly encrypted: boolean; readonly keySlots: readonly KeySlotView[] }>;
  /** Every restore point of the device, sound or not: as `scanSavesets`. */
  scan(device: DeviceAccess, onFound: (saveset: FoundSaveset) => void, signal: AbortSignal): Promise<void>;
  readSealed(device: DeviceAccess, savesetId: string): Promise<Manifest>;
  /** Pins a point; a pin that it had is replaced. */
  putPin(device: DeviceAccess, pin: Pin & { readonly pinnedAt: string }): Promise<void>;
  removePin(device: DeviceAccess, savesetId: string): Promise<void>;
  readPin(device: DeviceAccess, savesetId: string): Promise<Pin | undefined>;
  /** All layers of one segment of a disk, newest first. */
  readSegment(
    device: DeviceAccess,
    savesetId: string,
    disk: ManifestDisk,
    segment: number,
  ): Promise<readonly DiskIndex[]>;
}

export function deviceStore(clock: Clock, keys: DeviceKeys): DeviceStore {
  const open = ({ path, deviceId }: DeviceAccess): Promise<OpenDevice> =>
    keys.open(openLocalStorage(path), deviceId);
  const storageOf = async (device: DeviceAccess): Promise<Storage> => (await open(device)).storage;
  return {
    prepare: (path, wish = {}) => prepareDevice(openLocalStorage(path), keys, clock, wish),
    async withKey(device) {
      const key = await keys.keyOf(openLocalStorage(device.path), device.deviceId);
      return { ...device, key: key === null ? null : toHex(key) };
    },
    async whyOffline(device) {
      try {
        await open(device);
        return undefined;
      } catch (error) {
        return toAppError(error).message;
      }
    },
    async encryption({ path, deviceId }) {
      const storage = openLocalStorage(path);
      const encrypted = isEncrypted(await readDeviceHeader(storage, deviceId));
      return { encrypted, keySlots: encrypted ? (await keys.list(storage, deviceId)).slots : [] };
    },
    freeBytes: async (device) => (await storageOf(device)).freeBytes(),
    read: async (device, savesetId) => readStored(await open(device), savesetId),
    isSealed: async (device, savesetId) => isSealed(await storageOf(device), savesetId),
    seal: async (device, savesetId, by) => seal(await open(device), savesetId, by),
    discard: async (device, savesetId) => discardAttempt(await storageOf(device), savesetId),
    clear: async (device, isOver) => clearAttempts(await storageOf(device), isOver),
    scan: async (device, onFound, signal) => scanSavesets(await open(device), onFound, signal),
    remove: async (device, savesetId) => removeSaveset(await storageOf(device), savesetId),
    putPin: async (device, pin) => putPin(await open(device), pin),
    removePin: async (device, savesetId) => removePin(await storageOf(device), savesetId),
    readPin: async (device, savesetId) => readPin(await open(device), savesetId),
    async carryPin(device, fromId, toId) {
      const place = await open(device);
      const pin = await readPin(place, fromId);
      if (pin === undefined || (await readPin(place, toId)) !== undefined) return;
      const pinnedAt = pin.pinnedAt ?? isoTime(clock.nowMs());
      await putPin(place, { ...pin, pinnedAt, savesetId: toId });
    },
    readSealed: async (device, savesetId) => readSealedManifest(await open(device), savesetId),
    readSegment: async (device, savesetId, disk, segment) =>
      readSegment(await open(device), savesetId, disk, segment),
  };
}

async function readStored(device: OpenDevice, savesetId: string): Promise<StoredSaveset> {
  const { manifest, sha256 } = await readManifest(device, savesetId);
  const { standsFor } = manifest;
  return { sha256, record: pointOfManifest(manifest, sha256), disks: disksOfManifest(manifest), standsFor };
}
