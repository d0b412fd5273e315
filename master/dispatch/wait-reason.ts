/** Why a queued task does not run, in one sentence that names what it waits for. Pure. */
import { formatDuration } from '../../shared/base/units.ts';

export interface DeviceOccupancy {
  /** Null for the streams of work that needs no device. */
  readonly name: string | null;
  readonly free: number;
  readonly holders: readonly { readonly runId: number; readonly taskId: number | null }[];
}

export interface WaitInput {
  /** The run of the task. */
  readonly runId: number;
  /** Of the attempt that comes next, from 1. */
  readonly attempt: number;
  readonly pauseMs: number;
  /** The task that works on the same VM now. */
  readonly busyWith: { readonly runId: number; readonly taskId: number } | undefined;
  /** A snapshot of ours is still on the VM. */
  readonly leftOver: string | undefined;
  readonly setting: number;
  /** Streams that the run holds. */
  readonly inUse: number;
  /** Streams of the run whose workers start, and tasks of the run that are nearer to getting one. */
  readonly starting: number;
  readonly ahead: number;
  readonly devices: readonly DeviceOccupancy[];
}

export function waitReason(input: WaitInput): string {
  const { pauseMs, attempt, busyWith, leftOver } = input;
  if (pauseMs > 0) return `waits ${pauseText(pauseMs)} before attempt ${attempt}`;
  if (busyWith !== undefined) {
    return `waits for run ${busyWith.runId}, task ${busyWith.taskId}, which works on the same VM`;
  }
  if (leftOver !== undefined)
    return `waits until the snapshot "${leftOver}" of an earlier attempt is removed`;
  if (input.ahead < input.starting) return 'waits for a worker to start';
  return turnText(input) ?? deviceText(input);
}

/** Undefined when it is not the run itself that uses all that the task could have. */
function turnText({ runId, setting, inUse, devices }: WaitInput): string | undefined {
  if (inUse >= setting) return `waits for its turn: ${inUse} of ${setting} streams of this run are in use`;
  const holders = devices.flatMap((device) => device.holders);
  const isFree = devices.some((device) => device.free > 0);
  if (isFree || holders.length === 0 || holders.some((holder) => holder.runId !== runId)) return undefined;
  return `waits for its turn: this run uses every stream ${namesOf(devices)}`;
}

function deviceText(input: WaitInput): string {
  const device = input.devices[0];
  if (device === undefined) return 'waits for a device';
  if (input.devices.some((other) => other.free > 0)) return 'waits for a worker to start';
  return `waits for a stream ${namesOf(input.devices)}, ${holderText(device)}`;
}

function namesOf(devices: readonly DeviceOccupancy[]): string {
  if (devices.some(({ name }) => name === null)) return 'without a device';
  return `of device ${devices.map(({ name }) => `"${name}"`).join(' or ')}`;
}

function pauseText(ms: number): string {
  return ms < 10_000 ? `${Math.ceil(ms / 1000)} s` : formatDuration(ms);
}

function holderText(device: DeviceOccupancy): string {
  const holder = device.holders[0];
  if (holder === undefined) return 'which has none';
  const task = holder.taskId === null ? '' : `, task ${holder.taskId}`;
  const more = device.holders.length > 1 ? ` and ${device.holders.length - 1} more` : '';
  return `held by run ${holder.runId}${task}${more}`;
}
