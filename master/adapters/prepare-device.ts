/** The first step of registering a device: the folder is one already, or is made one. */
import { type Clock } from '../../shared/base/clock.ts';
import { AppError, hasCode } from '../../shared/base/errors.ts';
import { type DeviceHeader, isEncrypted } from '../../shared/format/device-header.ts';
import { createDevice, readDeviceHeader } from '../../shared/repository/device.ts';
import { type Storage } from '../../shared/repository/storage.ts';
import { type DeviceKeys } from '../device-keys.ts';

export interface DeviceWish {
  /** A new device is encrypted; one that is there must be. */
  readonly encrypt?: boolean;
  /** Of an encrypted device, new or not. */
  readonly password?: string | undefined;
  readonly label?: string | undefined;
}

/**
 * The id of the device in the folder. The password of an encrypted one is kept from here on.
 * @throws AppError `REPO_DEVICE_LOCKED` when it is encrypted and no password is given, `REPO_KEY_WRONG`, `USAGE_CONFLICT`,
 *         `USAGE_PASSWORD_MISSING`, or what the device says
 */
export async function prepareDevice(
  storage: Storage,
  keys: DeviceKeys,
  clock: Clock,
  wish: DeviceWish,
): Promise<string> {
  const header = (await headerIfThere(storage)) ?? (await makeDevice(storage, clock, wish));
  const { deviceId } = header;
  if (isEncrypted(header)) await keys.use(storage, deviceId, neededPassword(storage, wish));
  else if (wish.encrypt === true) throw conflict(storage);
  return deviceId;
}

async function headerIfThere(storage: Storage): Promise<DeviceHeader | undefined> {
  try {
    return await readDeviceHeader(storage);
  } catch (error) {
    if (hasCode(error, 'REPO_NOT_A_DEVICE')) return undefined;
    throw error;
  }
}

async function makeDevice(storage: Storage, clock: Clock, wish: DeviceWish): Promise<DeviceHeader> {
  const { encrypt = false, password, label = 'first password' } = wish;
  if (!encrypt) return (await createDevice(storage, { clock })).header;
  if (password === undefined) {
    const message = `Cannot encrypt device "${storage.location}": no password was given`;
    throw new AppError('USAGE_PASSWORD_MISSING', message, { location: storage.location });
  }
  return (await createDevice(storage, { clock, encryption: { password, label } })).header;
}

function neededPassword({ location }: Storage, { password }: DeviceWish): string {
  if (password !== undefined) return password;
  throw new AppError('REPO_DEVICE_LOCKED', `Cannot use "${location}": it is encrypted`, { location });
}

function conflict({ location }: Storage): AppError {
  return new AppError(
    'USAGE_CONFLICT',
    `Cannot encrypt device "${location}": it is one in clear, and only a new one can be encrypted`,
    { location },
  );
}
