/**
 * The last step of a backup: from "the worker says the manifest is written" to a restore point. The order makes a crash
 * at any place decidable:
 *
 *   1. catalog: task and saveset are `sealing`           a crash here: the next start does 2 to 4, or gives the saveset up
 *   2. device: manifest is read back and compared with what was reported and with whom we gave the task
 *   3. device: seal.json is written, the attempt ends    a crash here: the next start seals once more, and does 4
 *   4. catalog: saveset is `sealed`, with its disks      only now it is a base, restorable, a success
 */
import { type Clock, isoTime } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import { type DeviceAccess } from '../../shared/contract/ipc.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type SavesetKeeper, type StoredSaveset } from './ports.ts';

export interface SealingContext {
  readonly catalog: Catalog;
  readonly keeper: SavesetKeeper;
  readonly clock: Clock;
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
 * Steps 2 to 4; step 1 is the caller's. Can be repeated after a crash.
 * @throws AppError when the saveset cannot become a restore point; the catalog is as before then
 */
export async function sealSaveset(context: SealingContext, claim: SealClaim): Promise<StoredSaveset> {
  const { catalog, keeper, clock } = context;
  const { device, savesetId, token } = claim;
  const stored = await keeper.read(device, savesetId);
  checkClaim(stored, claim);
  // Also when it is sealed already: a crash may have come between the seal and the end of the attempt.
  await keeper.seal(device, savesetId, { token, sealedAt: isoTime(clock.nowMs()) });
  catalog.transact(() => catalog.savesets.setSealed(stored.record, stored.disks));
  return stored;
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
