/** The way from what the master says of a device to the device itself. */
import { type DeviceAccess } from '../shared/contract/ipc.ts';
import { type OpenDevice, openDevice } from '../shared/repository/device.ts';
import { openLocalStorage } from '../shared/repository/storage-local.ts';

/** @throws AppError as `openDevice` */
export function openLocalDevice({ path, deviceId, key }: DeviceAccess): Promise<OpenDevice> {
  const masterKey = key === null ? null : Buffer.from(key, 'hex');
  return openDevice(openLocalStorage(path), { expectDeviceId: deviceId, key: masterKey });
}
