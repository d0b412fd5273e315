/** Devices that a run cannot use: tried again for a while, then given up, and in the end the run with them. */
import { errorTable } from '../../shared/base/error-table.ts';
import { type AppError } from '../../shared/base/errors.ts';
import { type ActiveRun } from './active-run.ts';
import { type Floor, slotsOf } from './floor.ts';

/** A device that could not be opened: tried again where that may help, else not used by this run any more. */
export function deviceFailed(floor: Floor, run: ActiveRun, deviceId: string, error: AppError): void {
  const device = run.devices.get(deviceId);
  if (device === undefined || run.stop !== undefined) return;
  const { config, clock } = floor.options;
  device.failures++;
  const mayHelp = errorTable[error.code].retry === 'again' || error.code === 'WORKER_START_FAILED';
  if (mayHelp && device.failures < config.taskAttempts) {
    device.notBeforeMs = clock.monotonicMs() + config.retryDelayMs;
    return;
  }
  device.dead = error;
  floor.runs.warn(run, error);
}

/** Without a device and a worker nothing of the queue will ever begin, and without its device a task that needs it. */
export function endHopeless(floor: Floor, run: ActiveRun): void {
  const devices = [...run.devices.values()];
  for (const [deviceId, { dead }] of run.devices) {
    const needIt = dead === undefined ? [] : run.queue.filter((task) => task.deviceId === deviceId);
    if (dead !== undefined && needIt.length > 0)
      floor.runs.endQueued(run, needIt, { outcome: 'failed', error: dead });
  }
  const error = devices.at(-1)?.dead;
  if (error === undefined || run.queue.length === 0 || slotsOf(floor, run).length > 0) return;
  if (devices.every((device) => device.dead !== undefined)) {
    floor.runs.endQueued(run, run.queue, { outcome: 'failed', error });
  }
}
