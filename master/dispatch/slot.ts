/** A slot: one lent stream, and the worker at it. */
import { type AppError } from '../../shared/base/errors.ts';
import { type Lease } from '../registry/stream-registry.ts';
import { type ActiveRun, type QueuedTask } from './active-run.ts';
import { type LiveAttempt } from './settlement.ts';
import { type WorkerLink } from './worker-link.ts';

export interface BusyTask extends LiveAttempt {
  readonly queued: QueuedTask;
  /** It has reported: its token is worth nothing any more. */
  reported: boolean;
}

export interface Slot {
  readonly lease: Lease;
  readonly run: ActiveRun;
  readonly link: WorkerLink;
  state: 'starting' | 'idle' | 'busy' | 'closing';
  task: BusyTask | null;
  /** Of its last task. */
  group: string | null;
  openError: AppError | undefined;
  /** The run that gets the stream when this worker has gone. */
  promisedTo: number | undefined;
}
