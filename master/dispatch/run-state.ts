/** What is said of an active run from outside: what admission gives it now, and why one of its tasks waits. Changes nothing. */
import { type Clock } from '../../shared/base/clock.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type Admission, admit } from '../registry/admission.ts';
import { NO_DEVICE, type StreamRegistry } from '../registry/stream-registry.ts';
import { type ActiveRun, type QueuedTask } from './active-run.ts';
import { type VmGuard } from './vm-guard.ts';
import { waitReason } from './wait-reason.ts';

export interface StateSources {
  readonly catalog: Catalog;
  readonly registry: StreamRegistry;
  readonly clock: Clock;
}

export function admissionOf(sources: StateSources, run: ActiveRun): Admission {
  const { registry } = sources;
  return admit({
    setting: run.setting,
    tasksLeft: run.tasksLeft,
    noun: run.record.kind === 'backup' ? 'VM' : 'task',
    devices: aliveDevices(sources, run).map(({ deviceId, name }) => ({
      deviceId,
      name,
      usable: registry.free(deviceId) + registry.held(deviceId, run.runId),
    })),
  });
}

/** @param inUse - streams that the run holds; `starting` of them have a worker that is not ready yet */
export function whyWaiting(
  sources: StateSources,
  run: ActiveRun,
  task: QueuedTask,
  how: { readonly guard: VmGuard; readonly inUse: number; readonly starting: number },
): string {
  const { registry, clock } = sources;
  return waitReason({
    runId: run.runId,
    attempt: task.attempts + 1,
    pauseMs: task.notBeforeMs - clock.monotonicMs(),
    busyWith: how.guard.busyWith(task),
    leftOver: how.guard.leftOver(task),
    setting: run.setting,
    inUse: how.inUse,
    starting: how.starting,
    ahead: run.queue.indexOf(task),
    devices: aliveDevices(sources, run).map(({ deviceId, name }) => ({
      name,
      free: registry.free(deviceId),
      holders: registry.leasesOf(deviceId),
    })),
  });
}

function aliveDevices(
  { catalog }: StateSources,
  run: ActiveRun,
): { deviceId: string; name: string | null }[] {
  const alive = [...run.devices].filter(([, device]) => device.dead === undefined);
  return alive.map(([deviceId]) => ({
    deviceId,
    name: deviceId === NO_DEVICE ? null : (catalog.devices.byId(deviceId)?.name ?? deviceId),
  }));
}
