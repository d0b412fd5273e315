/**
 * Pinning a point: the device first, so that the pin outlives the catalog, then the catalog, which retention asks. A point that is
 * deleted in between wins: what was written of the pin goes with it.
 */
import { isoTime } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import { type DeviceAccess } from '../../shared/contract/ipc.ts';
import { type SavesetRecord } from '../catalog/saveset-rows.ts';
import { deviceAccess } from '../dispatch/task-spec.ts';
import { type ServiceContext } from './context.ts';

type PinContext = Pick<ServiceContext, 'catalog' | 'clock'> & {
  readonly devices: Pick<ServiceContext['devices'], 'putPin' | 'removePin' | 'remove'>;
};

/** @throws AppError `DEVICE_OFFLINE` and others of the device; `USAGE_NOT_FOUND` when the point was deleted meanwhile */
export async function pinPoint(context: PinContext, point: SavesetRecord, note: string): Promise<void> {
  const { catalog, devices, clock } = context;
  const { savesetId } = point;
  const device = deviceOf(context, point);
  const pinnedAt = isoTime(clock.nowMs());
  await devices.putPin(device, { savesetId, pinnedAt, note });
  const isPinned = catalog.transact(() => {
    if (catalog.savesets.point(savesetId) === undefined) return false;
    catalog.savesets.setPin(savesetId, { pinnedAt, note });
    return true;
  });
  if (isPinned) return;
  await devices.remove(device, savesetId);
  throw new AppError('USAGE_NOT_FOUND', `Cannot pin restore point "${savesetId}": it was deleted meanwhile`, {
    kind: 'restore point',
    name: savesetId,
  });
}

/** @throws AppError `DEVICE_OFFLINE` and others of the device; the point stays pinned then */
export async function unpinPoint(context: PinContext, point: SavesetRecord): Promise<void> {
  await context.devices.removePin(deviceOf(context, point), point.savesetId);
  context.catalog.savesets.clearPin(point.savesetId);
}

function deviceOf({ catalog }: PinContext, { deviceId }: SavesetRecord): DeviceAccess {
  const device = catalog.devices.byId(deviceId);
  if (device?.registered === true) return deviceAccess(device);
  const name = device?.name ?? deviceId;
  throw new AppError('DEVICE_OFFLINE', `Cannot use device "${name}": it is not registered`, { device: name });
}
