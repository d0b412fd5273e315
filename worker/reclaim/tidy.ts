/** Small objects that nobody needs any more: lists of moved records, marks of packs that are gone, packs that were never finished. */
import {
  DAMAGED_FOLDER,
  INCOMING_FOLDER,
  damagedPlaceOf,
  movedName,
  packName,
} from '../../shared/format/names.ts';
import { listAttempts, readAttempt } from '../../shared/repository/attempts.ts';
import { type ReclaimContext } from './reclaim-context.ts';

const PACK_ID_DIGITS = 32;
const UNFINISHED_PACK = /^incoming\/([0-9a-f]{16})\/[0-9a-f]{32}\.partial$/;

/**
 * Whether somebody else may make a restore point of places that indexes name: a backup only uses packs that are there, but
 * consolidating copies refs whose packs have moved.
 */
export async function mayCopyRefs({ device, attemptId }: ReclaimContext): Promise<boolean> {
  for (const other of await listAttempts(device.storage)) {
    if (other === attemptId) continue;
    const attempt = await readAttempt(device.storage, other);
    if (attempt !== undefined && attempt.kind !== 'backup') return true;
  }
  return false;
}

/** @param needed - packs whose moved records restore points still follow */
export async function removeMoved(
  { device, signal }: ReclaimContext,
  moved: Iterable<string>,
  needed: ReadonlySet<string>,
): Promise<void> {
  for (const packId of moved) {
    signal.throwIfAborted();
    if (needed.has(packId) || (await device.storage.exists(packName(packId)))) continue;
    await device.storage.remove(movedName(packId));
  }
}

export async function removeMarks({ device, signal }: ReclaimContext): Promise<void> {
  for await (const { name } of device.storage.list(DAMAGED_FOLDER)) {
    signal.throwIfAborted();
    const packId = damagedPlaceOf(name)?.slice(0, PACK_ID_DIGITS);
    if (packId !== undefined && !(await device.storage.exists(packName(packId)))) {
      await device.storage.remove(name);
    }
  }
}

/** A pack is begun after its attempt, so one without its attempt is nobody's. */
export async function removeUnfinished({ device, signal }: ReclaimContext): Promise<void> {
  const found: { readonly name: string; readonly attemptId: string }[] = [];
  for await (const { name } of device.storage.listRest(INCOMING_FOLDER)) {
    const attemptId = UNFINISHED_PACK.exec(name)?.[1];
    if (attemptId !== undefined) found.push({ name, attemptId });
  }
  if (found.length === 0) return;
  const underWay = new Set(await listAttempts(device.storage));
  for (const { name, attemptId } of found) {
    signal.throwIfAborted();
    if (!underWay.has(attemptId)) await device.storage.removeAside(name);
  }
}
