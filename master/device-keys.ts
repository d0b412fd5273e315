/**
 * Keys of encrypted devices: the password lies with the other secrets, the master key is derived from it once per start and
 * stays in memory. A key goes to workers alone, and into no log, catalog or answer.
 */
import { type Clock } from '../shared/base/clock.ts';
import { AppError } from '../shared/base/errors.ts';
import { isEncrypted } from '../shared/format/device-header.ts';
import { type KeySlotView, type KeySlotsView } from '../shared/contract/device-keys.ts';
import { type OpenDevice, openDevice, readDeviceHeader } from '../shared/repository/device.ts';
import {
  type UnlockedKey,
  addKeySlot,
  listKeySlots,
  removeKeySlot,
  unlock,
} from '../shared/repository/key-slots.ts';
import { type Storage } from '../shared/repository/storage.ts';
import { type Secrets } from './secrets.ts';

/** A server's name has no such character. */
const secretName = (deviceId: string): string => `device/${deviceId}`;

export class DeviceKeys {
  readonly #secrets: Pick<Secrets, 'find' | 'put' | 'remove'>;
  readonly #clock: Clock;
  readonly #keys = new Map<string, Promise<UnlockedKey>>();

  constructor(secrets: Pick<Secrets, 'find' | 'put' | 'remove'>, clock: Clock) {
    this.#secrets = secrets;
    this.#clock = clock;
  }

  /** Opens a device with the key that is known of it. @throws AppError as `openDevice`; `REPO_KEY_WRONG` */
  async open(storage: Storage, deviceId: string): Promise<OpenDevice> {
    return openDevice(storage, { expectDeviceId: deviceId, key: await this.keyOf(storage, deviceId) });
  }

  /**
   * The master key; null when no password of the device is kept here.
   * @throws AppError `REPO_KEY_WRONG` when the password opens it no more, or what the device says
   */
  async keyOf(storage: Storage, deviceId: string): Promise<Uint8Array | null> {
    return (await this.#unlocked(storage, deviceId))?.key ?? null;
  }

  /**
   * Keeps a password, if it opens the device.
   * @throws AppError `REPO_KEY_WRONG`, `USAGE_INVALID` when it is not encrypted, or what the device says
   */
  async use(storage: Storage, deviceId: string, password: string): Promise<void> {
    await requireEncrypted(storage, deviceId);
    const unlocked = await derive(storage, deviceId, password);
    await this.#keep(deviceId, password, unlocked);
  }

  /** The device stays as it is; it is locked from now on. */
  async forget(deviceId: string): Promise<void> {
    this.#keys.delete(deviceId);
    await this.#secrets.remove(secretName(deviceId));
  }

  /** The slots; none on a device that is not encrypted. No password is needed. */
  async list(storage: Storage, deviceId: string): Promise<KeySlotsView> {
    const { slots, damaged } = await listKeySlots({ storage, deviceId });
    const inUse = (await this.#keys.get(deviceId))?.slotId;
    return { slots: slots.map((slot) => view(slot, inUse)), damaged: [...damaged] };
  }

  /** @throws AppError `REPO_DEVICE_LOCKED`, `USAGE_INVALID` when it is not encrypted */
  async add(storage: Storage, deviceId: string, by: NewPassword): Promise<KeySlotView> {
    const { key, slotId } = await this.#needed(storage, deviceId);
    return view(await addKeySlot({ storage, deviceId, clock: this.#clock }, key, by), slotId);
  }

  /** @throws AppError as `add`; `USAGE_NOT_FOUND`; `REPO_KEY_SLOT_IN_USE` for the slot in use, which may be the last */
  async remove(storage: Storage, deviceId: string, slotId: string): Promise<void> {
    const unlocked = await this.#needed(storage, deviceId);
    await removeKeySlot({ storage, deviceId }, slotId, unlocked.slotId);
  }

  /**
   * Takes a new password in place of the one in use. The old one opens the device until the new one is kept: a crash leaves
   * one of them that does, or both.
   * @throws AppError as `add`
   */
  async change(storage: Storage, deviceId: string, password: string): Promise<KeySlotView> {
    const { key, slotId } = await this.#needed(storage, deviceId);
    const { slots } = await listKeySlots({ storage, deviceId });
    const label = slots.find((slot) => slot.slotId === slotId)?.label ?? 'password';
    const added = await this.add(storage, deviceId, { password, label });
    await this.#keep(deviceId, password, { key, slotId: added.slotId });
    await removeKeySlot({ storage, deviceId }, slotId, added.slotId);
    return { ...added, inUse: true };
  }

  async #keep(deviceId: string, password: string, unlocked: UnlockedKey): Promise<void> {
    await this.#secrets.put(secretName(deviceId), password);
    this.#keys.set(deviceId, Promise.resolve(unlocked));
  }

  async #unlocked(storage: Storage, deviceId: string): Promise<UnlockedKey | undefined> {
    const known = this.#keys.get(deviceId);
    if (known !== undefined) return known;
    const password = this.#secrets.find(secretName(deviceId));
    if (password === undefined) return undefined;
    const deriving = derive(storage, deviceId, password);
    this.#keys.set(deviceId, deriving);
    deriving.catch(() => this.#keys.delete(deviceId));
    return deriving;
  }

  async #needed(storage: Storage, deviceId: string): Promise<UnlockedKey> {
    await requireEncrypted(storage, deviceId);
    const unlocked = await this.#unlocked(storage, deviceId);
    if (unlocked !== undefined) return unlocked;
    const facts = { location: storage.location, deviceId };
    throw new AppError('REPO_DEVICE_LOCKED', `Cannot use "${storage.location}": it is encrypted`, facts);
  }
}

async function requireEncrypted(storage: Storage, deviceId: string): Promise<void> {
  if (isEncrypted(await readDeviceHeader(storage, deviceId))) return;
  throw new AppError(
    'USAGE_INVALID',
    `Cannot use passwords with "${storage.location}": it is not encrypted`,
    {
      location: storage.location,
      deviceId,
    },
  );
}

interface NewPassword {
  readonly password: string;
  readonly label: string;
}

function view(slot: Omit<KeySlotView, 'inUse'>, inUse: string | undefined): KeySlotView {
  const { slotId, label, createdAt } = slot;
  return { slotId, label, createdAt, inUse: slotId === inUse };
}

/** The header is asked first: an empty mount point has no key slots either, and the password is not to blame. */
async function derive(storage: Storage, deviceId: string, password: string): Promise<UnlockedKey> {
  await readDeviceHeader(storage, deviceId);
  return unlock({ storage, deviceId }, password);
}
