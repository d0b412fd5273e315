/**
 * Who holds which stream. A device has a fixed number of streams; a lease is one of them, held by one run and one worker
 * until it is given back. Leases live in memory: the workers that hold them do not outlive the master.
 */
import { invariant } from '../../shared/base/assert.ts';

/**
 * Stands in for a device where a task needs none. Its streams bound how many such tasks, each with a worker and a snapshot, there are at
 * a time.
 */
export const NO_DEVICE = '';
export const STREAMS_WITHOUT_DEVICE = 4;

export interface Lease {
  readonly leaseId: number;
  readonly deviceId: string;
  readonly runId: number;
  /** The task that is worked on, null between tasks. */
  taskId: number | null;
  pid: number | null;
}

interface DeviceState {
  streams: number;
  readonly leases: Set<Lease>;
  /** Run → turn in which it was last served. */
  readonly servedAt: Map<number, number>;
}

export class StreamRegistry {
  readonly #devices = new Map<string, DeviceState>();
  #leases = 0;
  #turn = 0;

  /** Adds a device or changes how many streams it has; held ones beyond that run to their end. */
  setDevice(deviceId: string, streams: number): void {
    const device = this.#devices.get(deviceId);
    if (device === undefined)
      this.#devices.set(deviceId, { streams, leases: new Set(), servedAt: new Map() });
    else device.streams = streams;
  }

  removeDevice(deviceId: string): void {
    invariant(this.leasesOf(deviceId).length === 0, 'a device is removed while its streams are held');
    this.#devices.delete(deviceId);
  }

  free(deviceId: string): number {
    const device = this.#devices.get(deviceId);
    return device === undefined ? 0 : Math.max(0, device.streams - device.leases.size);
  }

  held(deviceId: string, runId: number): number {
    return this.leasesOf(deviceId).filter((lease) => lease.runId === runId).length;
  }

  leasesOf(deviceId: string): readonly Lease[] {
    return [...(this.#devices.get(deviceId)?.leases ?? [])];
  }

  servedAt(deviceId: string, runId: number): number {
    return this.#devices.get(deviceId)?.servedAt.get(runId) ?? 0;
  }

  /** Lends one free stream. */
  lend(deviceId: string, runId: number): Lease {
    const device = this.#devices.get(deviceId);
    invariant(device !== undefined && this.free(deviceId) > 0, 'no stream is free', { deviceId, runId });
    const lease: Lease = { leaseId: ++this.#leases, deviceId, runId, taskId: null, pid: null };
    device.leases.add(lease);
    device.servedAt.set(runId, ++this.#turn);
    return lease;
  }

  /** The lease's next task: the run has had its turn. */
  serve(lease: Lease, taskId: number): void {
    lease.taskId = taskId;
    this.#devices.get(lease.deviceId)?.servedAt.set(lease.runId, ++this.#turn);
  }

  /** Giving back twice is harmless. */
  giveBack(lease: Lease): void {
    this.#devices.get(lease.deviceId)?.leases.delete(lease);
  }

  /** Forgets the turns of a run that is done. */
  forgetRun(runId: number): void {
    for (const device of this.#devices.values()) device.servedAt.delete(runId);
  }
}
