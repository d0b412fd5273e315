/**
 * What a task is given, and what it gives back. A task owns nothing of this: the stream (device, threads) outlives it and
 * serves the next task.
 */
import {
  type DeviceAccess,
  type KnownState,
  type ServerAccess,
  type TaskOutcome,
  type TaskProgress,
} from '../shared/contract/ipc.ts';
import { type AppError } from '../shared/base/errors.ts';
import { type ChunkLookup } from '../shared/repository/chunk-lookup.ts';
import { type Clock } from '../shared/base/clock.ts';
import { type Log } from '../shared/base/log.ts';
import { type OpenDevice } from '../shared/repository/device.ts';
import { type VsphereSession } from '../shared/vsphere/session.ts';
import { type ProvenRecords } from './verify/proven-records.ts';
import { type CodePool } from './pipeline/thread-pool.ts';

/** One open stream on a device: its storage, and the threads that serve whatever task comes next. */
export interface OpenStream extends OpenDevice {
  readonly access: DeviceAccess;
  readonly pool: CodePool;
  /** What the device holds, read once per stream. A task that gives up packs must call `forgetLookup`. */
  lookup(signal: AbortSignal): Promise<ChunkLookup>;
  forgetLookup(): void;
  /** What another device holds, read anew with each call, as far as it is not remembered in the state folder. */
  lookupElsewhere(device: OpenDevice, signal: AbortSignal): Promise<ChunkLookup>;
  /** What was proven in the tasks of this run. */
  readonly proven: ProvenRecords;
}

/** Intents that must be undone after a crash. Each call resolves when the master has it on disk. */
export interface SnapshotLedger {
  intent(snapshot: { vmMoref: string; vmName: string; snapshotName: string }): Promise<void>;
  created(snapshot: { snapshotName: string; snapshotMoref: string }): Promise<void>;
  removed(snapshot: { snapshotName: string }): Promise<void>;
}

/** What a task that needs no device is given. */
export interface SourceContext {
  /** Aborted by a cancel, or when the master is gone. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
  readonly ledger: SnapshotLedger;
  /** The worker's one session; a new one when the server is another. Closed by the worker. */
  vsphere(server: ServerAccess): Promise<VsphereSession>;
  /** What the catalog knows of attempts and savesets, at most `MAX_ASKED_STATES` at once. */
  statesOf(ids: readonly string[]): Promise<ReadonlyMap<string, KnownState>>;
  /** Lossy and throttled by the receiver of the call; cheap to call often. */
  report(progress: TaskProgress): void;
}

export interface TaskContext extends SourceContext {
  readonly stream: OpenStream;
}

/** What a task that did not fail gives back; the outcome's status follows from the warnings. */
export type TaskResult = Pick<TaskOutcome, 'warnings' | 'counters' | 'phases' | 'saveset'> &
  Partial<Pick<TaskOutcome, 'report'>> & {
    /** The task did all it should, and what it found is no success. */
    readonly failure?: AppError | undefined;
  };
