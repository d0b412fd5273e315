/**
 * Pins on a device: `pin.json` in the folder of a saveset, docs/format/device.md §10. Its presence keeps the point; one that
 * cannot be read is a pin all the same.
 */
import { hasCode } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import { toHex } from '../format/hash.ts';
import { PIN_NAME, savesetFolder } from '../format/names.ts';
import { decodePin, encodePin } from '../format/pin.ts';
import { type OpenDevice } from './device.ts';
import { type Storage } from './storage.ts';

/** An open device, as far as pins need it. */
export type PinPlace = Pick<OpenDevice, 'storage' | 'cipher'>;

export interface Pin {
  readonly savesetId: string;
  /** ISO time; null in a pin that cannot be read. */
  readonly pinnedAt: string | null;
  /** Empty when there is none, or none that can be read. */
  readonly note: string;
}

const MAX_PIN_BYTES = MiB;

/** Pins a point; a pin that it had is replaced. */
export async function putPin(
  { storage, cipher }: PinPlace,
  pin: Pin & { readonly pinnedAt: string },
): Promise<void> {
  const path = pinPath(pin.savesetId);
  const note = cipher.isEncrypting
    ? { sealed: toHex(cipher.sealObject(path, Buffer.from(pin.note))) }
    : pin.note;
  const bytes = encodePin({ format: 'blockhouse-pin', version: 1, ...pin, note });
  await storage.remove(path);
  await storage.put(path, bytes);
}

/** Takes the pin of a point away; none is no error. */
export async function removePin(storage: Storage, savesetId: string): Promise<void> {
  await storage.remove(pinPath(savesetId));
}

/** The pin of a point, or undefined. */
export async function readPin(device: PinPlace, savesetId: string): Promise<Pin | undefined> {
  const { storage } = device;
  try {
    const bytes = await storage.readWhole(pinPath(savesetId), MAX_PIN_BYTES);
    const { pinnedAt, note } = decodePin(bytes, `the pin of saveset ${savesetId}`);
    return { savesetId, pinnedAt, note: typeof note === 'string' ? note : openNote(device, savesetId, note) };
  } catch (error) {
    if (hasCode(error, 'REPO_OBJECT_MISSING')) return undefined;
    if (!hasCode(error, 'FORMAT_INVALID', 'FORMAT_VERSION_UNKNOWN', 'REPO_READ_FAILED')) throw error;
    return { savesetId, pinnedAt: null, note: '' };
  }
}

function openNote({ cipher }: PinPlace, savesetId: string, { sealed }: { readonly sealed: string }): string {
  if (!cipher.isEncrypting) return '';
  try {
    return Buffer.from(cipher.openObject(pinPath(savesetId), Buffer.from(sealed, 'hex'))).toString();
  } catch (error) {
    if (!hasCode(error, 'FORMAT_INVALID', 'FORMAT_VERSION_UNKNOWN')) throw error;
    return '';
  }
}

const pinPath = (savesetId: string): string => `${savesetFolder(savesetId)}/${PIN_NAME}`;
