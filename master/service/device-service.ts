/** Devices: what is registered, who holds their streams, and what is on them. */
import path from 'node:path';
import { AppError, toAppError } from '../../shared/base/errors.ts';
import {
  type CheckBody,
  type DeviceView,
  type RunStarted,
  checkBody,
  deviceBody,
  reclaimBody,
  repairBody,
} from '../../shared/contract/api.ts';
import { parse } from '../../shared/contract/schema.ts';
import { type DeviceRecord } from '../catalog/devices.ts';
import { clearOver } from '../dispatch/recovery.ts';
import { deviceAccess } from '../dispatch/task-spec.ts';
import { type DeviceService } from '../services.ts';
import { type ServiceContext, deviceNamed } from './context.ts';
import { startDeviceTask } from './device-task.ts';
import { rebuildCatalog } from './rebuild.ts';

export function deviceService(context: ServiceContext): DeviceService {
  const { catalog, devices, registry } = context;
  return {
    async add(body, signal) {
      const { encrypt, password, label, ...device } = parse(deviceBody, body, 'USAGE_INVALID', 'the device');
      refuseTaken(context, device.name, device.path);
      const deviceId = await devices.prepare(device.path, { encrypt, password, label });
      const known = catalog.devices.byId(deviceId);
      if (known?.registered === true) {
        throw new AppError(
          'USAGE_CONFLICT',
          `Cannot add device "${device.name}": it is "${known.name}" already`,
        );
      }
      catalog.devices.register({ ...device, deviceId });
      registry.setDevice(deviceId, device.streams);
      const record = deviceNamed(catalog, device.name);
      const options = { dryRun: false, withJobs: false };
      const brought = await rebuildCatalog(context, [record], options, signal ?? AbortSignal.any([]));
      return { ...(await view(context, record)), brought };
    },
    list: () => Promise.all(catalog.devices.list().map((device) => view(context, device))),
    show: async (name) => view(context, deviceNamed(catalog, name)),
    async reclaim(name, body) {
      const asked = parse(reclaimBody, body, 'USAGE_INVALID', 'the request');
      const device = deviceNamed(catalog, name);
      const target = { kind: 'reclaim', deviceId: device.deviceId, ...asked } as const;
      await clearOver({ catalog, keeper: devices, log: context.log }, device);
      return startDeviceTask(context, device, target);
    },
    check: async (name, body) => startCheck(context, name, { ...checkOf(body), repair: null }),
    async repair(name, body) {
      const { dryRun, payloads } = parse(repairBody, body, 'USAGE_INVALID', 'the request');
      return startCheck(context, name, { payloads, repair: dryRun ? 'dry-run' : 'done' });
    },
    async remove(name) {
      const device = deviceNamed(catalog, name);
      const job = catalog.jobs.list().find((candidate) => candidate.devices.includes(name));
      if (job !== undefined) {
        throw new AppError('USAGE_CONFLICT', `Cannot remove device "${name}": job "${job.name}" uses it`);
      }
      const busy =
        registry.leasesOf(device.deviceId).length + context.dispatcher.waiting(device.deviceId).length;
      if (busy > 0) throw new AppError('DEVICE_IN_USE', `Cannot remove device "${name}": a run uses it`);
      registry.removeDevice(device.deviceId);
      catalog.devices.forget(device.deviceId);
      await context.keys.forget(device.deviceId);
    },
  };
}

const checkOf = (body: CheckBody) => parse(checkBody, body, 'USAGE_INVALID', 'the request');

async function startCheck(
  context: ServiceContext,
  name: string,
  asked: { readonly payloads: boolean; readonly repair: 'dry-run' | 'done' | null },
): Promise<RunStarted> {
  const device = deviceNamed(context.catalog, name);
  return Promise.resolve(
    startDeviceTask(context, device, { kind: 'check', deviceId: device.deviceId, ...asked }),
  );
}

function refuseTaken(context: ServiceContext, name: string, folder: string): void {
  const devices = context.catalog.devices.list();
  if (devices.some((device) => device.name === name)) {
    throw new AppError('USAGE_CONFLICT', `Cannot add device "${name}": there is one of that name`);
  }
  if (!path.isAbsolute(folder)) {
    throw new AppError('USAGE_INVALID', `Cannot add device "${name}": its path "${folder}" is not absolute`);
  }
}

async function view(context: ServiceContext, device: DeviceRecord): Promise<DeviceView> {
  const { catalog, registry, dispatcher } = context;
  const { name, deviceId, streams } = device;
  const leases = registry.leasesOf(deviceId);
  return {
    name,
    deviceId,
    path: device.path,
    streams,
    streamsInUse: leases.length,
    ...(await condition(context, device)),
    points: catalog.savesets.countOnDevice(deviceId),
    ...(await encryption(context, device)),
    holders: leases.map(({ runId, taskId, pid }) => ({ runId, taskId, pid })),
    waiting: [...dispatcher.waiting(deviceId)],
  };
}

async function encryption(
  { devices }: ServiceContext,
  device: DeviceRecord,
): Promise<Pick<DeviceView, 'encrypted' | 'keySlots'>> {
  try {
    const { encrypted, keySlots } = await devices.encryption(deviceAccess(device));
    return { encrypted, keySlots: [...keySlots] };
  } catch {
    return { encrypted: null, keySlots: [] };
  }
}

async function condition(
  context: ServiceContext,
  device: DeviceRecord,
): Promise<Pick<DeviceView, 'online' | 'offlineReason' | 'freeBytes'>> {
  try {
    const freeBytes = await context.devices.freeBytes(deviceAccess(device));
    return { online: true, offlineReason: null, freeBytes };
  } catch (error) {
    return { online: false, offlineReason: toAppError(error).message, freeBytes: null };
  }
}
