/**
 * Never two of our snapshots on one VM. A task of a VM may begin only when no other task works on that VM and the ledger
 * names no snapshot there that may exist; the guard knows both, and has left-overs removed that stand in the way.
 */
import { type Clock } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import { fromWireError } from '../../shared/contract/wire-error.ts';
import { type LedgerEntry, type LedgerTable } from '../catalog/snapshot-ledger.ts';
import { type QueuedTask, vmKeyOf } from './active-run.ts';
import { type RetryLimits } from './retry-policy.ts';

export interface GuardOptions {
  readonly ledger: LedgerTable;
  readonly isLive: (token: number) => boolean;
  readonly clean: (server: string, vmMoref: string) => Promise<void>;
  readonly clock: Clock;
  readonly limits: RetryLimits;
}

export interface TaskRef {
  readonly runId: number;
  readonly taskId: number;
}

export class VmGuard {
  readonly #options: GuardOptions;
  readonly #busy = new Map<string, TaskRef>();
  readonly #clearing = new Set<QueuedTask>();
  #leftOver = new Map<string, LedgerEntry>();

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** Reads the ledger anew: which VMs have a snapshot that may exist and that no live attempt owns. */
  refresh(): void {
    const { ledger, isLive } = this.#options;
    const entries = ledger.open().filter((entry) => entry.absentAt === null && !isLive(entry.token));
    this.#leftOver = new Map(entries.map((entry) => [vmKeyOf(entry.server, entry.vmMoref), entry]));
  }

  isReady(task: QueuedTask): boolean {
    if (task.notBeforeMs > this.#options.clock.monotonicMs()) return false;
    return task.vmKey === null || !(this.#busy.has(task.vmKey) || this.#leftOver.has(task.vmKey));
  }

  occupy(task: QueuedTask, owner: TaskRef): void {
    if (task.vmKey !== null) this.#busy.set(task.vmKey, owner);
  }

  release(task: QueuedTask): void {
    if (task.vmKey !== null) this.#busy.delete(task.vmKey);
  }

  busyWith(task: QueuedTask): TaskRef | undefined {
    return task.vmKey === null ? undefined : this.#busy.get(task.vmKey);
  }

  /** The name of the snapshot that the task waits for. */
  leftOver(task: QueuedTask): string | undefined {
    return task.vmKey === null ? undefined : this.#leftOver.get(task.vmKey)?.snapshotName;
  }

  /** Tasks that could begin, were it not for a snapshot on their VM, and for which nobody removes it yet. */
  blocked(queue: readonly QueuedTask[]): readonly QueuedTask[] {
    if (this.#leftOver.size === 0) return [];
    const now = this.#options.clock.monotonicMs();
    return queue.filter(
      (task) =>
        task.notBeforeMs <= now &&
        this.leftOver(task) !== undefined &&
        this.busyWith(task) === undefined &&
        !this.#clearing.has(task),
    );
  }

  /** Has the VM freed; after as many failures as a task has attempts, the error to fail it with. */
  async clear(task: QueuedTask): Promise<AppError | undefined> {
    const { clean, clock, limits } = this.#options;
    const entry = task.vmKey === null ? undefined : this.#leftOver.get(task.vmKey);
    if (entry === undefined) return undefined;
    this.#clearing.add(task);
    await clean(entry.server, entry.vmMoref).finally(() => this.#clearing.delete(task));
    this.refresh();
    const left = this.#leftOver.get(vmKeyOf(entry.server, entry.vmMoref));
    if (left === undefined) return undefined;
    task.cleanFailures++;
    task.notBeforeMs = clock.monotonicMs() + limits.retryDelayMs;
    return task.cleanFailures < limits.taskAttempts ? undefined : notFreed(left);
  }
}

function notFreed(entry: LedgerEntry): AppError {
  const cause = entry.error === null ? undefined : fromWireError(entry.error);
  const facts = { vm: entry.vmName, snapshot: entry.snapshotName };
  return new AppError(
    'SNAPSHOT_LEFT_OVER',
    `Cannot make a snapshot of "${entry.vmName}": an old one stays on it`,
    facts,
    cause,
  );
}
