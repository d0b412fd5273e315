/** Work on a device as a whole: a run of one task on one stream of it, one at a time. */
import { isoTime } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import { type DeviceRecord } from '../catalog/devices.ts';
import { type TaskTarget } from '../catalog/tasks.ts';
import { type ServiceContext } from './context.ts';

export type DeviceTarget = Extract<TaskTarget, { readonly deviceId: string }>;

/** @throws AppError `DEVICE_IN_USE` while another such task works on the device */
export function startDeviceTask(
  context: ServiceContext,
  device: DeviceRecord,
  target: DeviceTarget,
): { readonly runId: number } {
  const { catalog, dispatcher, clock } = context;
  const { kind } = target;
  const runId = catalog.transact(() => {
    refuseSecond(context, device, kind);
    const startedAt = isoTime(clock.nowMs());
    const run = { kind, job: null, requestedType: null, startedAt, streamSetting: 1, warnings: [] };
    const id = catalog.runs.insert(run);
    catalog.tasks.insert(id, `device ${device.name}`, target);
    return id;
  });
  dispatcher.add(runId, [device.deviceId]);
  return { runId };
}

/** Two of them would take each other's work for damage or leftovers. */
function refuseSecond({ catalog }: ServiceContext, device: DeviceRecord, kind: DeviceTarget['kind']): void {
  for (const run of catalog.runs.listOpen()) {
    for (const { target } of catalog.tasks.ofRun(run.runId)) {
      if (!('deviceId' in target) || target.deviceId !== device.deviceId) continue;
      const other = target.kind === kind ? 'does it already' : `works on it ("${target.kind}")`;
      const message = `Cannot begin "${kind}" of device "${device.name}": run ${run.runId} ${other}`;
      throw new AppError('DEVICE_IN_USE', message, { device: device.name, run: run.runId });
    }
  }
}
