/**
 * The end of a restore point, in an order that a crash at any place leaves decidable:
 *
 *   1. catalog: `removing`      no query shows it any more      a crash here: the next start does 2 and 3
 *   2. device: the seal, then the rest of the saveset           a crash here: the same, what is gone already is no error
 *   3. catalog: `gone`          only now its base may follow
 *
 * A saveset that another one builds on is never removed, neither here nor after a crash, so a device holds whole chains
 * at every moment.
 */
import { type Clock, isoTime } from '../../shared/base/clock.ts';
import { AppError, toAppError } from '../../shared/base/errors.ts';
import { type DeviceAccess } from '../../shared/contract/ipc.ts';
import { type Log } from '../../shared/base/log.ts';
import { type Pin } from '../../shared/repository/pins.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type Removing } from '../catalog/removals.ts';
import { deviceAccess } from '../dispatch/task-spec.ts';
import { runReading, runUsing } from './in-use.ts';

/** What removals need of devices. */
export interface PointRemover {
  /** Why the device cannot be used now, within a bound; undefined when it can. */
  whyOffline(device: DeviceAccess): Promise<string | undefined>;
  readPin(device: DeviceAccess, savesetId: string): Promise<Pin | undefined>;
  /** Removes a saveset, the seal first; what is gone already is no error. */
  remove(device: DeviceAccess, savesetId: string): Promise<void>;
}

export interface RemovalContext {
  readonly catalog: Catalog;
  readonly devices: PointRemover;
  readonly clock: Clock;
  readonly log: Log;
}

/** What was known when it was decided. */
export interface Decided {
  readonly savesetId: string;
  readonly deviceId: string;
  readonly verifiedAt: string | null;
}

/** Removes a point; otherwise says why it stays. @throws AppError of the device: the removal is finished later then */
export async function removePoint(context: RemovalContext, point: Decided): Promise<string | undefined> {
  const { catalog, devices } = context;
  const device = accessOf(catalog, point.deviceId);
  if (await isPinnedOn(context, device, point.savesetId)) return 'pinned';
  const whyNot = catalog.transact(() => {
    const reason = whyItStays(catalog, point);
    if (reason === undefined) catalog.savesets.setRemoving(point.savesetId);
    return reason;
  });
  if (whyNot !== undefined) return whyNot;
  await devices.remove(device, point.savesetId);
  catalog.savesets.setGone(point.savesetId);
  return undefined;
}

/** A pin that only the device has, of another catalog or of one that was lost, counts and is taken up. */
async function isPinnedOn(
  context: RemovalContext,
  device: DeviceAccess,
  savesetId: string,
): Promise<boolean> {
  const { catalog, devices, clock } = context;
  const pin = await devices.readPin(device, savesetId);
  if (pin === undefined) return false;
  const { note, pinnedAt } = pin;
  catalog.savesets.setPin(savesetId, { note, pinnedAt: pinnedAt ?? isoTime(clock.nowMs()) });
  return true;
}

/** What may have changed since it was decided. */
function whyItStays(catalog: Catalog, { savesetId, verifiedAt }: Decided): string | undefined {
  const point = catalog.savesets.point(savesetId);
  if (point === undefined) return 'it is being deleted already';
  const dependent = catalog.savesets.dependentOf(savesetId);
  if (dependent !== undefined) return `needed by point ${dependent}`;
  if (catalog.savesets.pinOf(savesetId) !== null) return 'it was pinned meanwhile';
  if (point.verifiedAt !== verifiedAt) return 'it was verified meanwhile';
  const run = runUsing(catalog, point);
  return run === undefined ? undefined : `in use by run ${run}`;
}

/**
 * Finishes removals that a crash or a device that was away cut short, what builds on others first. What cannot be finished now
 * stays for the next time, as does what is still read.
 */
export async function finishRemovals(context: RemovalContext): Promise<void> {
  const { catalog, log } = context;
  const away = new Map<string, boolean>();
  for (const { savesetId, deviceId } of dependentsFirst(catalog.savesets.listRemoving())) {
    if (catalog.savesets.dependentOf(savesetId) !== undefined) continue;
    if (runReading(catalog, savesetId) !== undefined) continue;
    if (!away.has(deviceId)) away.set(deviceId, await isAway(context, deviceId));
    if (away.get(deviceId) === true) continue;
    try {
      await context.devices.remove(accessOf(catalog, deviceId), savesetId);
      catalog.savesets.setGone(savesetId);
      log.info('finished the removal of a restore point', { savesetId });
    } catch (error) {
      log.warn('cannot finish the removal of a restore point', { savesetId, error: toAppError(error) });
    }
  }
}

async function isAway({ catalog, devices }: RemovalContext, deviceId: string): Promise<boolean> {
  const device = catalog.devices.byId(deviceId);
  if (device?.registered !== true) return true;
  return (await devices.whyOffline(deviceAccess(device))) !== undefined;
}

/** An order in which no saveset comes before one that builds on it. */
export function dependentsFirst<T extends Pick<Removing, 'savesetId' | 'baseId'>>(
  savesets: readonly T[],
): readonly T[] {
  const byId = new Map(savesets.map((saveset) => [saveset.savesetId, saveset]));
  const waiting = new Map<string, number>();
  for (const { baseId } of savesets) if (baseId !== null) waiting.set(baseId, (waiting.get(baseId) ?? 0) + 1);
  const ready = savesets.filter(({ savesetId }) => !waiting.has(savesetId)).reverse();
  const ordered: T[] = [];
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    ordered.push(next);
    const base = byId.get(next.baseId ?? '');
    if (base === undefined) continue;
    const left = (waiting.get(base.savesetId) ?? 0) - 1;
    waiting.set(base.savesetId, left);
    if (left === 0) ready.push(base);
  }
  return ordered;
}

function accessOf(catalog: Catalog, deviceId: string): DeviceAccess {
  const device = catalog.devices.byId(deviceId);
  if (device?.registered === true) return deviceAccess(device);
  throw new AppError(
    'DEVICE_OFFLINE',
    `Cannot use device "${device?.name ?? deviceId}": it is not registered`,
  );
}
