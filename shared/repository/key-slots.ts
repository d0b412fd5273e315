/**
 * The ways to the key of an encrypted device: `keys/<slot id>.json`. Slots come and go without touching anything else; there
 * is always one.
 */
import { randomBytes, scrypt } from 'node:crypto';
import { type Clock, isoTime } from '../base/clock.ts';
import { AppError, isAppError } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import { KEY_BYTES } from '../format/encryption.ts';
import {
  KDF_SALT_BYTES,
  type KeyDerivation,
  type KeySlot,
  MAX_KDF_MEMORY_BYTES,
  decodeKeySlot,
  encodeKeySlot,
  openMasterKey,
  sealMasterKey,
} from '../format/key-slot.ts';
import { KEYS_FOLDER, keySlotName, keySlotOf } from '../format/names.ts';
import { type Storage } from './storage.ts';

const SLOT_ID_BYTES = 8;
const MAX_SLOT_BYTES = MiB;
/** Half a second and 128 MiB for each guess. */
const COST = { n: 131_072, r: 8, p: 1 } as const;
/** Each is tried with a password: a folder full of them must not take hours. */
const MAX_SLOTS = 32;

/** Where slots lie, and of which device they are. */
export interface KeyPlace {
  readonly storage: Storage;
  readonly deviceId: string;
}

export type KeySlotSummary = Pick<KeySlot, 'slotId' | 'label' | 'createdAt'>;

/** A master key, and the slot that the password opened. */
export interface UnlockedKey {
  readonly key: Uint8Array;
  readonly slotId: string;
}

/**
 * Adds a way to the key; durable when this resolves.
 * @throws AppError `REPO_KEY_SLOTS_FULL` when there are as many as there may be
 */
export async function addKeySlot(
  place: KeyPlace & { readonly clock: Clock },
  key: Uint8Array,
  by: { readonly password: string; readonly label: string },
): Promise<KeySlotSummary> {
  const { storage, deviceId, clock } = place;
  if ((await slotIds(storage)).length >= MAX_SLOTS) {
    throw new AppError('REPO_KEY_SLOTS_FULL', `Cannot add a key slot: there are ${MAX_SLOTS} already`, {
      slots: MAX_SLOTS,
    });
  }
  const slotId = randomBytes(SLOT_ID_BYTES).toString('hex');
  const kdf: KeyDerivation = {
    name: 'scrypt',
    ...COST,
    salt: randomBytes(KDF_SALT_BYTES).toString('hex'),
  };
  const slot: KeySlot = {
    format: 'blockhouse-key-slot',
    version: 1,
    slotId,
    deviceId,
    label: by.label,
    createdAt: isoTime(clock.nowMs()),
    kdf,
    sealedKey: sealMasterKey(await passwordKey(by.password, kdf), { slotId, deviceId }, key),
  };
  await storage.put(keySlotName(slotId), encodeKeySlot(slot));
  return summaryOf(slot);
}

/**
 * The slots that can be read, oldest first, and the ids of those that cannot.
 * @throws AppError what the storage says
 */
export async function listKeySlots(
  place: KeyPlace,
): Promise<{ readonly slots: readonly KeySlot[]; readonly damaged: readonly string[] }> {
  const slots: KeySlot[] = [];
  const damaged: string[] = [];
  for (const slotId of (await slotIds(place.storage)).slice(0, MAX_SLOTS)) {
    const slot = await readSlot(place, slotId);
    if (slot === undefined) damaged.push(slotId);
    else slots.push(slot);
  }
  slots.sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  return { slots, damaged };
}

/**
 * The master key by a password; half a second for each slot.
 * @throws AppError `REPO_KEY_WRONG` when it opens no slot
 */
export async function unlock(place: KeyPlace, password: string): Promise<UnlockedKey> {
  const { slots, damaged } = await listKeySlots(place);
  for (const slot of slots) {
    const key = openMasterKey(await passwordKey(password, slot.kdf), slot);
    if (key !== undefined) return { key: new Uint8Array(key), slotId: slot.slotId };
  }
  const { location } = place.storage;
  const also = damaged.length > 0 ? `, and ${damaged.length} of them cannot be read` : '';
  throw new AppError(
    'REPO_KEY_WRONG',
    `Cannot open device "${location}": the password opens none of its key slots${also}`,
    { location, slots: slots.length, damaged: damaged.length },
  );
}

/**
 * Removes a slot, damaged or not. @param keep - a slot that is known to open the device, and so may not be removed
 * @throws AppError `USAGE_NOT_FOUND`; `REPO_KEY_SLOT_IN_USE` for the slot to keep, which may be the last
 */
export async function removeKeySlot(place: KeyPlace, slotId: string, keep: string): Promise<void> {
  if (slotId === keep) {
    throw new AppError(
      'REPO_KEY_SLOT_IN_USE',
      `Cannot remove key slot ${slotId}: its password is the one in use`,
      {
        slotId,
      },
    );
  }
  if (!(await slotIds(place.storage)).includes(slotId)) {
    throw new AppError('USAGE_NOT_FOUND', `Cannot find key slot ${slotId}`, { slotId });
  }
  await place.storage.remove(keySlotName(slotId));
}

async function slotIds(storage: Storage): Promise<string[]> {
  const ids: string[] = [];
  for await (const { name } of storage.list(KEYS_FOLDER)) {
    const slotId = keySlotOf(name);
    if (slotId !== undefined) ids.push(slotId);
  }
  return ids.sort();
}

/** Undefined for a slot that is damaged, of another device or name, or asks for too much. */
async function readSlot({ storage, deviceId }: KeyPlace, slotId: string): Promise<KeySlot | undefined> {
  try {
    const bytes = await storage.readWhole(keySlotName(slotId), MAX_SLOT_BYTES);
    const slot = decodeKeySlot(bytes, `key slot ${slotId}`);
    return slot.slotId === slotId && slot.deviceId === deviceId ? slot : undefined;
  } catch (error) {
    if (isAppError(error) && error.code !== 'DEVICE_OFFLINE') return undefined;
    throw error;
  }
}

/** The key that a password gives; in a thread of its own, for it takes half a second. */
async function passwordKey(password: string, { n, r, p, salt }: KeyDerivation): Promise<Uint8Array> {
  const cost = { N: n, r, p, maxmem: MAX_KDF_MEMORY_BYTES + MiB };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), Buffer.from(salt, 'hex'), KEY_BYTES, cost, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

const summaryOf = ({ slotId, label, createdAt }: KeySlot): KeySlotSummary => ({ slotId, label, createdAt });
