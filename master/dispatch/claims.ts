/** Who asks for a stream of a device now: the input of fair-share.ts, from the state of runs and slots. */
import { type Claim } from '../registry/fair-share.ts';
import { type StreamRegistry } from '../registry/stream-registry.ts';
import { type ActiveRun, type QueuedTask, countReady } from './active-run.ts';
import { type Slot } from './slot.ts';

export interface ClaimInput {
  readonly deviceId: string;
  /** The slot whose stream is on offer; undefined for a free stream. */
  readonly offered: Slot | undefined;
  readonly runs: readonly ActiveRun[];
  readonly slots: readonly Slot[];
  readonly registry: StreamRegistry;
  readonly isReady: (task: QueuedTask) => boolean;
  readonly nowMs: number;
}

export function claimsFor(input: ClaimInput): readonly Claim[] {
  return input.runs.filter((run) => wants(run, input)).map((run) => claimOf(run, input));
}

function wants(run: ActiveRun, input: ClaimInput): boolean {
  const device = run.devices.get(input.deviceId);
  if (run.stop !== undefined || device === undefined) return false;
  if (input.offered?.run === run) return countReady(run, input.isReady, 1) > 0;
  if (device.dead !== undefined || device.notBeforeMs > input.nowMs) return false;
  if (streamsOf(run, input.slots) >= run.setting) return false;
  const coming = input.slots.filter(
    (slot) => (slot.run === run && slot.state === 'starting') || slot.promisedTo === run.runId,
  ).length;
  return countReady(run, input.isReady, coming + 1) > coming;
}

function claimOf(run: ActiveRun, input: ClaimInput): Claim {
  const { deviceId, slots, registry, offered } = input;
  const held = slots.filter(
    (slot) => slot !== offered && slot.lease.deviceId === deviceId && nextOwner(slot) === run.runId,
  ).length;
  return { runId: run.runId, held, servedAt: registry.servedAt(deviceId, run.runId) };
}

/** A closing stream is no longer its run's; it counts for the run that it was promised to. */
function nextOwner(slot: Slot): number | undefined {
  return slot.state === 'closing' ? slot.promisedTo : slot.run.runId;
}

/** Streams that a run holds, those included that are on their way back. */
export function streamsOf(run: ActiveRun, slots: readonly Slot[]): number {
  return slots.filter((slot) => slot.run === run).length;
}
