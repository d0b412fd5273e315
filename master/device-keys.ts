/**
 * Keys of encrypted devices: the password lies with the other secrets, the master key is derived from it once per start and
 * stays in memory. A key goes to workers alone, and into no log, catalog or answer.
 */
import { type OpenDevice, openDevice, readDeviceHeader } from '../shared/repository/device.ts';
import { unlock } from '../shared/repository/key-slots.ts';
import { type Storage } from '../shared/repository/storage.ts';
import { type Secrets } from './secrets.ts';

/** A server's name has no such character. */
const secretName = (deviceId: string): string => `device/${deviceId}`;

export class DeviceKeys {
  readonly #secrets: Pick<Secrets, 'find' | 'put' | 'remove'>;
  readonly #keys = new Map<string, Promise<Uint8Array>>();

  constructor(secrets: Pick<Secrets, 'find' | 'put' | 'remove'>) {
    this.#secrets = secrets;
  }

  /** Opens a device with the key that is known of it. @throws AppError as `openDevice`; `REPO_KEY_WRONG` */
  async open(storage: Storage, deviceId: string): Promise<OpenDevice> {
    const key = await this.keyOf(storage, deviceId);
    return openDevice(storage, { expectDeviceId: deviceId, key });
  }

  /**
   * The master key; null when no password of the device is kept here.
   * @throws AppError `REPO_KEY_WRONG` when the password opens it no more, or what the device says
   */
  async keyOf(storage: Storage, deviceId: string): Promise<Uint8Array | null> {
    const known = this.#keys.get(deviceId);
    if (known !== undefined) return known;
    const password = this.#secrets.find(secretName(deviceId));
    if (password === undefined) return null;
    const deriving = derive(storage, deviceId, password);
    this.#keys.set(deviceId, deriving);
    deriving.catch(() => this.#keys.delete(deviceId));
    return deriving;
  }

  /** Keeps a password that was found to open the device. */
  async keep(deviceId: string, password: string, key: Uint8Array): Promise<void> {
    await this.#secrets.put(secretName(deviceId), password);
    this.#keys.set(deviceId, Promise.resolve(key));
  }

  /** The device stays as it is; it is locked from now on. */
  async forget(deviceId: string): Promise<void> {
    this.#keys.delete(deviceId);
    await this.#secrets.remove(secretName(deviceId));
  }
}

/** The header is asked first: an empty mount point has no key slots either, and the password is not to blame. */
async function derive(storage: Storage, deviceId: string, password: string): Promise<Uint8Array> {
  await readDeviceHeader(storage, deviceId);
  return (await unlock({ storage, deviceId }, password)).key;
}
