/**
 * How many streams a run can use now: the least of what the job allows, what its devices have, and how many VMs are left.
 * Pure. The ceiling is not an order: a setting above what the devices offer is no fault, the rest waits.
 */

export interface DeviceStreams {
  readonly deviceId: string;
  /** Null for the streams of work that needs no device. */
  readonly name: string | null;
  /** Streams that nobody holds, and those that this run holds. */
  readonly usable: number;
}

export interface AdmissionInput {
  /** `maxParallelStreams` of the job. */
  readonly setting: number;
  readonly devices: readonly DeviceStreams[];
  /** Tasks that have not ended. */
  readonly tasksLeft: number;
  /** What a task works on, for the sentence: `VM`. */
  readonly noun: string;
}

export interface Admission {
  readonly effective: number;
  /** Which of the three bounds it, in words. */
  readonly why: string;
}

export function admit(input: AdmissionInput): Admission {
  const { setting, tasksLeft, noun } = input;
  const devices = distinct(input.devices);
  const streams = devices.reduce((sum, device) => sum + device.usable, 0);
  const effective = Math.min(setting, streams, tasksLeft);
  if (effective === tasksLeft && tasksLeft < setting) {
    return { effective, why: `${plural(tasksLeft, noun)} left, the setting allows ${setting}` };
  }
  if (effective === setting) return { effective, why: `the setting allows ${setting}` };
  return { effective, why: `${deviceText(devices, streams)}, the setting allows ${setting}` };
}

function distinct(devices: readonly DeviceStreams[]): readonly DeviceStreams[] {
  return [...new Map(devices.map((device) => [device.deviceId, device])).values()];
}

function deviceText(devices: readonly DeviceStreams[], streams: number): string {
  if (devices.length === 0) return 'no device can be used';
  if (devices.some(({ name }) => name === null))
    return `${plural(streams, 'stream')} without a device for this run`;
  const names = devices.map((device) => `"${device.name}"`).join(', ');
  const noun = devices.length === 1 ? 'device' : 'devices';
  return `${noun} ${names} ${devices.length === 1 ? 'has' : 'have'} ${plural(streams, 'stream')} for this run`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
