/**
 * Lending: free streams go to the runs whose turn it is (fair-share.ts), and a worker is started for each. A task is bound to it
 * only when the worker has opened its stream, so that a task that waits holds nothing.
 */
import { invariant } from '../../shared/base/assert.ts';
import { toAppError } from '../../shared/base/errors.ts';
import { type DeviceRecord } from '../catalog/devices.ts';
import { chooseClaim } from '../registry/fair-share.ts';
import { NO_DEVICE } from '../registry/stream-registry.ts';
import { type ActiveRun } from './active-run.ts';
import { claimsFor } from './claims.ts';
import { deviceFailed, endHopeless } from './device-trouble.ts';
import { type Floor, claimInput } from './floor.ts';
import { type SavesetKeeper } from './ports.ts';
import { admissionOf } from './run-state.ts';
import { type Slot } from './slot.ts';
import { deviceAccess, deviceMaybeLocked } from './task-spec.ts';
import { type LentDevice, type LinkEvents, WorkerLink } from './worker-link.ts';

/** What hears the worker at a slot. */
export type Listen = (slot: () => Slot) => LinkEvents;

/** One round over all devices, and over all that runs wait for. */
export function lendRound(floor: Floor, listen: Listen): void {
  const { runs, guard, options } = floor;
  guard.refresh();
  for (const run of runs.all()) runs.noteStreams(run, admissionOf(options, run));
  const devices = new Set(runs.all().flatMap((run) => [...run.devices.keys()]));
  for (const deviceId of devices) lendAll(floor, deviceId, listen);
  for (const run of runs.all()) {
    clearWays(floor, run);
    endHopeless(floor, run);
  }
}

function lendAll(floor: Floor, deviceId: string, listen: Listen): void {
  while (floor.options.registry.free(deviceId) > 0) {
    const claim = chooseClaim(claimsFor(claimInput(floor, deviceId, undefined)));
    const run = claim && floor.runs.get(claim.runId);
    if (run === undefined) return;
    start(floor, run, deviceId, listen);
  }
}

function start(floor: Floor, run: ActiveRun, deviceId: string, listen: Listen): void {
  const { registry, forge, keeper, catalog, config, clock, log } = floor.options;
  const device = catalog.devices.byId(deviceId);
  invariant(device !== undefined || deviceId === NO_DEVICE, 'a run names devices of the catalog', {
    deviceId,
  });
  const lease = registry.lend(deviceId, run.runId);
  try {
    const process = forge.fork();
    const link = new WorkerLink({
      process,
      open: async () => ({
        ...(await lentDevice(keeper, device, run)),
        threads: threadsFor(floor, run),
      }),
      heartbeatMs: config.heartbeatMs,
      silenceMs: config.workerSilenceMs,
      startMs: config.workerStartMs,
      clock,
      log: log.child({ run: run.runId }),
      events: listen(() => slot),
    });
    lease.pid = process.pid;
    const slot: Slot = {
      lease,
      run,
      link,
      state: 'starting',
      task: null,
      group: null,
      openError: undefined,
      promisedTo: undefined,
    };
    floor.slots.add(slot);
  } catch (error) {
    registry.giveBack(lease);
    deviceFailed(floor, run, deviceId, toAppError(error));
  }
}

async function lentDevice(
  keeper: SavesetKeeper,
  device: DeviceRecord | undefined,
  { record }: ActiveRun,
): Promise<Pick<LentDevice, 'device' | 'mayBeLocked'>> {
  if (device === undefined) return { device: null };
  if (record.kind === 'check') return { device: await deviceMaybeLocked(keeper, device), mayBeLocked: true };
  return { device: await keeper.withKey(deviceAccess(device)) };
}

function threadsFor({ options }: Floor, run: ActiveRun): number {
  const { config, processors } = options;
  if (config.threadsPerStream > 0) return config.threadsPerStream;
  return Math.max(1, Math.floor(processors / Math.max(1, admissionOf(options, run).effective)));
}

/** Has VMs freed that wait for it; a task whose VM cannot be freed fails in the end. */
function clearWays(floor: Floor, run: ActiveRun): void {
  for (const task of floor.guard.blocked(run.queue)) {
    const work = floor.guard.clear(task).then((error) => {
      if (error !== undefined && run.queue.includes(task)) {
        floor.runs.endQueued(run, [task], { outcome: 'failed', error });
      }
      floor.pump();
    });
    floor.background.track(work);
  }
}
