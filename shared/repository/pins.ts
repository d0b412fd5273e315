/**
 * Pins on a device: `pin.json` in the folder of a saveset, docs/format/device.md §10. Its presence keeps the point; one that
 * cannot be read is a pin all the same.
 */
import { hasCode } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import { PIN_NAME, SAVESETS_FOLDER, pinnedSavesetOf, savesetFolder } from '../format/names.ts';
import { decodePin, encodePin } from '../format/pin.ts';
import { type Storage } from './storage.ts';

export interface Pin {
  readonly savesetId: string;
  /** ISO time; null in a pin that cannot be read. */
  readonly pinnedAt: string | null;
  /** Empty when there is none, or none that can be read. */
  readonly note: string;
}

const MAX_PIN_BYTES = MiB;

/** Pins a point; a pin that it had is replaced. */
export async function putPin(storage: Storage, pin: Pin & { readonly pinnedAt: string }): Promise<void> {
  await storage.remove(pinPath(pin.savesetId));
  await storage.put(pinPath(pin.savesetId), encodePin({ format: 'blockhouse-pin', version: 1, ...pin }));
}

/** Takes the pin of a point away; none is no error. */
export async function removePin(storage: Storage, savesetId: string): Promise<void> {
  await storage.remove(pinPath(savesetId));
}

/** The pin of a point, or undefined. */
export async function readPin(storage: Storage, savesetId: string): Promise<Pin | undefined> {
  try {
    const bytes = await storage.readWhole(pinPath(savesetId), MAX_PIN_BYTES);
    const { pinnedAt, note } = decodePin(bytes, `the pin of saveset ${savesetId}`);
    return { savesetId, pinnedAt, note: typeof note === 'string' ? note : '' };
  } catch (error) {
    if (hasCode(error, 'REPO_OBJECT_MISSING')) return undefined;
    if (!hasCode(error, 'FORMAT_INVALID', 'FORMAT_VERSION_UNKNOWN')) throw error;
    return { savesetId, pinnedAt: null, note: '' };
  }
}

/** All pins of a device, in any order. */
export async function* readPins(storage: Storage): AsyncGenerator<Pin> {
  for await (const { name } of storage.list(SAVESETS_FOLDER)) {
    const savesetId = pinnedSavesetOf(name);
    const pin = savesetId === undefined ? undefined : await readPin(storage, savesetId);
    if (pin !== undefined) yield pin;
  }
}

const pinPath = (savesetId: string): string => `${savesetFolder(savesetId)}/${PIN_NAME}`;
