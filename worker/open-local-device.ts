/** The way from what the master says of a device to the device itself. */
import { type DeviceAccess } from '../shared/contract/ipc.ts';
import { cipherOf } from '../shared/repository/device-cipher.ts';
import { type OpenDevice, openDevice, readDeviceHeader } from '../shared/repository/device.ts';
import { openLocalStorage } from '../shared/repository/storage-local.ts';

/** @throws AppError as `openDevice` */
export function openLocalDevice({ path, deviceId, key }: DeviceAccess): Promise<OpenDevice> {
  const masterKey = key === null ? null : Buffer.from(key, 'hex');
  return openDevice(openLocalStorage(path), { expectDeviceId: deviceId, key: masterKey });
}

/**
 * A device whose key is not known, encrypted or not: what is in clear on it can be checked.
 * @throws AppError as `readDeviceHeader`
 */
export async function openLocalLocked({ path, deviceId }: DeviceAccess): Promise<OpenDevice> {
  const storage = openLocalStorage(path);
  return { storage, header: await readDeviceHeader(storage, deviceId), cipher: cipherOf(null) };
}
