/**
 * What the parts of the dispatcher share: the runs, the slots, and how to have the next round of lending. One thread works on
 * it, and nobody awaits between looking at it and changing it.
 */
import { type Clock } from '../../shared/base/clock.ts';
import { type Log } from '../../shared/base/log.ts';
import { type Config } from '../../shared/contract/config.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type StreamRegistry } from '../registry/stream-registry.ts';
import { type ActiveRun, type QueuedTask } from './active-run.ts';
import { type Background } from './background.ts';
import { type ClaimInput } from './claims.ts';
import { type SavesetKeeper, type WorkerForge } from './ports.ts';
import { type ProgressTracker } from './progress-tracker.ts';
import { type RunBook } from './run-book.ts';
import { type Slot } from './slot.ts';
import { type SpecSources } from './task-spec.ts';
import { type VmGuard } from './vm-guard.ts';

export interface DispatcherOptions {
  readonly catalog: Catalog;
  readonly keeper: SavesetKeeper;
  readonly forge: WorkerForge;
  readonly registry: StreamRegistry;
  readonly accessOf: SpecSources['accessOf'];
  /** Frees a VM of snapshots that nobody works with; never rejects. */
  readonly cleanVm: (server: string, vmMoref: string) => Promise<void>;
  readonly config: Config;
  /** Of this host, to be shared among streams. */
  readonly processors: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Floor {
  readonly options: DispatcherOptions;
  readonly runs: RunBook;
  readonly guard: VmGuard;
  readonly slots: Set<Slot>;
  readonly progress: ProgressTracker;
  readonly background: Background;
  /** No new work any more. */
  isStopped: boolean;
  /** Lends what is free to those whose turn it is. */
  pump(): void;
}

export function slotsOf(floor: Floor, run: ActiveRun): readonly Slot[] {
  return [...floor.slots].filter((slot) => slot.run === run);
}

/** True while the attempt under this token may use its snapshot. */
export function isLive(slots: Iterable<Slot>, token: number): boolean {
  return [...slots].some((slot) => slot.task?.token === token && !slot.task.reported);
}

/** Whether a task can begin on a stream of the device; what shares a group with a task of another worker waits for that one. */
export function readyFor(
  { slots, guard }: Floor,
  deviceId: string,
  slot: Slot | undefined,
): (task: QueuedTask) => boolean {
  const others = [...slots].filter((other) => other !== slot && other.state !== 'closing');
  const groups = new Set(others.map(({ group }) => group));
  return (task) =>
    (task.deviceId === null || task.deviceId === deviceId) &&
    (task.group === null || !groups.has(task.group)) &&
    guard.isReady(task);
}

/** Who asks for a stream of the device; `offered` is the slot whose stream it is, undefined for a free one. */
export function claimInput(floor: Floor, deviceId: string, offered: Slot | undefined): ClaimInput {
  const { options, runs, slots } = floor;
  return {
    deviceId,
    offered,
    runs: runs.all(),
    slots: [...slots],
    registry: options.registry,
    isReady: readyFor(floor, deviceId, offered),
    nowMs: options.clock.monotonicMs(),
  };
}
