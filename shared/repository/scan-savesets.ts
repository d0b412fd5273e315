/**
 * All restore points of a device, from the device alone: seals, manifests and pins, read in lanes and each manifest once. What
 * is damaged is told beside what is sound, so that one saveset does not hide the others.
 */
import { type AppError, hasCode, isAppError } from '../base/errors.ts';
import { type Manifest } from '../format/manifest.ts';
import { SAVESETS_FOLDER, isSavesetId } from '../format/names.ts';
import { type OpenDevice } from './device.ts';
import { forEachLimit } from './lanes.ts';
import { type Pin, readPin } from './pins.ts';
import { readIfSealed } from './saveset-store.ts';

/** Small reads are bound by their number: enough to keep the threads of the system calls busy. */
const LANES = 16;

export type FoundSaveset =
  | {
      readonly savesetId: string;
      readonly error: null;
      readonly manifest: Manifest;
      readonly sha256: string;
      readonly pin: Pin | undefined;
    }
  | { readonly savesetId: string; readonly error: AppError };

/**
 * Calls `onFound` for each sealed saveset, in any order; calls do not overlap unless it is asynchronous.
 * @throws AppError when the device cannot be read at all; the signal's reason
 */
export async function scanSavesets(
  device: OpenDevice,
  onFound: (saveset: FoundSaveset) => void,
  signal: AbortSignal,
): Promise<void> {
  await forEachLimit(device.storage.listFolders(SAVESETS_FOLDER), LANES, async (savesetId) => {
    signal.throwIfAborted();
    if (!isSavesetId(savesetId)) return;
    const found = await readFound(device, savesetId);
    if (found !== undefined) onFound(found);
  });
}

/** Undefined without a seal: it is no restore point. */
async function readFound(device: OpenDevice, savesetId: string): Promise<FoundSaveset | undefined> {
  try {
    const sealed = await readIfSealed(device, savesetId);
    if (sealed === undefined) return undefined;
    return { savesetId, error: null, ...sealed, pin: await readPin(device, savesetId) };
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { savesetId, error };
  }
}

function isDamage(error: unknown): error is AppError {
  return (
    isAppError(error) &&
    hasCode(error, 'FORMAT_INVALID', 'FORMAT_VERSION_UNKNOWN', 'REPO_OBJECT_MISSING', 'REPO_READ_FAILED')
  );
}
