/**
 * The last step of a backup: from "the worker says the manifest is written" to a restore point. The order makes a crash
 * at any place decidable:
 *
 *   1. catalog: task and saveset are `sealing`           a crash here: the next start does 2 to 4, or gives the saveset up
 *   2. device: manifest is read back and compared with what was reported and with whom we gave the task
 *   3. device: seal.json is written, the attempt ends    a crash here: the next start seals once more, and does 4
 *   4. catalog: saveset is `sealed`, with its disks      only now it is a base, restorable, a success
 *      what it stands for is `removing`, its dependents build on the new one from here on
 *   5. device: what it stands for is removed             a crash here: the next start finishes the removal
 */
import { type Clock, isoTime } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import { type DeviceAccess } from '../../shared/contract/ipc.ts';
import { type Log } from '../../shared/base/log.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { chainOf } from '../jobs/chain.ts';
import { type SavesetKeeper, type StoredSaveset } from './ports.ts';

export interface SealingContext {
  readonly catalog: Catalog;
  readonly keeper: SavesetKeeper;
  readonly clock: Clock;
  readonly log: Log;
}

/** Whose saveset it must be. */
export interface SealClaim {
  readonly savesetId: string;
  readonly device: DeviceAccess;
  readonly taskId: number;
  readonly token: number;
  readonly manifestSha256: string;
}

/**
 * Steps 2 to 5; step 1 is the caller's. Can be repeated after a crash.
 * @throws AppError when the saveset cannot become a restore point; the catalog is as before then
 */
export async function sealSaveset(context: SealingContext, claim: SealClaim): Promise<StoredSaveset> {
  const { catalog, keeper, clock } = context;
  const { device, savesetId, token } = claim;
  const stored = await keeper.read(device, savesetId);
  checkClaim(stored, claim);
  for (const oldId of stored.standsFor) {
    if (catalog.savesets.point(oldId) !== undefined) await keeper.carryPin(device, oldId, savesetId);
  }
  // Also when it is sealed already: a crash may have come between the seal and the end of the attempt.
  await keeper.seal(device, savesetId, { token, sealedAt: isoTime(clock.nowMs()) });
  const readers = readersOf(catalog, stored.standsFor, claim.taskId);
  catalog.transact(() => {
    catalog.savesets.setSealed(stored.record, stored.disks);
    for (const oldId of stored.standsFor) {
      catalog.savesets.replace(oldId, savesetId);
      catalog.savesets.setRemoving(oldId);
    }
  });
  if (readers === 0) await removeReplaced(context, stored.standsFor, device);
  return stored;
}

/** Tasks that read one of these savesets now, so that it is removed later. */
function readersOf(catalog: Catalog, savesetIds: readonly string[], except: number): number {
  if (savesetIds.length === 0) return 0;
  return catalog.savesets.savesetUses().filter(({ taskId, savesetId }) => {
    const point = taskId === except ? undefined : catalog.savesets.point(savesetId);
    const chain = point === undefined ? [] : chainOf(point, catalog.savesets.point).points;
    return chain.some((link) => savesetIds.includes(link.savesetId));
  }).length;
}

/** What cannot be removed now is removed with the removals that retention could not finish. */
async function removeReplaced(
  { catalog, keeper, log }: SealingContext,
  savesetIds: readonly string[],
  device: DeviceAccess,
): Promise<void> {
  for (const savesetId of savesetIds) {
    if (catalog.savesets.stateOf(savesetId) !== 'removing') continue;
    try {
      await keeper.remove(device, savesetId);
      catalog.savesets.setGone(savesetId);
    } catch (error) {
      log.warn('cannot remove a point that was replaced', { savesetId, error });
    }
  }
}

function checkClaim(stored: StoredSaveset, claim: SealClaim): void {
  const { record, sha256 } = stored;
  const facts = { saveset: claim.savesetId, device: claim.device.name };
  const expected = [claim.savesetId, claim.device.deviceId, claim.taskId, claim.token].join(' ');
  const found = [record.savesetId, record.deviceId, record.taskId, record.token].join(' ');
  if (expected !== found) {
    throw new AppError(
      'FORMAT_INVALID',
      `Cannot seal saveset ${claim.savesetId}: its manifest is another one's`,
      facts,
    );
  }
  if (sha256 !== claim.manifestSha256) {
    throw new AppError(
      'FORMAT_INVALID',
      `Cannot seal saveset ${claim.savesetId}: its manifest changed`,
      facts,
    );
  }
}
