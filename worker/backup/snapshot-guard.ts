/**
 * A snapshot that cannot be forgotten: the ledger hears of the intent before CreateSnapshot, of the moref after it, and of the
 * removal last. Disposing removes it, whatever happened in between, also when the task was cancelled. What cannot
 * be removed here stays in the ledger, and the janitor goes on with it.
 */
import { AppError, hasCode, isAppError } from '../../shared/base/errors.ts';
import { withDeadline } from '../../shared/base/abort.ts';
import { type Warning } from '../../shared/contract/ipc.ts';
import { type Consistency, consistencyLadder } from '../../shared/domain/consistency.ts';
import { createSnapshot, findSnapshotsByName, removeSnapshot } from '../../shared/vsphere/snapshots.ts';
import { type VsphereSession } from '../../shared/vsphere/session.ts';
import { type VmDetails } from '../../shared/vsphere/virtual-machine.ts';
import { type SourceContext } from '../task-context.ts';

export interface SnapshotWish {
  readonly session: VsphereSession;
  readonly vm: VmDetails;
  /** Unique for ever. */
  readonly name: string;
  readonly description: string;
  readonly consistency: Consistency;
  readonly mayFallBack: boolean;
}

export interface ReachedConsistency {
  readonly asked: Consistency;
  readonly reached: Consistency;
  readonly reason: string | null;
}

/** Consolidation of a busy VM may take hours; the janitor takes over after that. */
const REMOVE_DEADLINE_MS = 6 * 3_600_000;

export class SnapshotGuard implements AsyncDisposable {
  readonly moref: string;
  readonly consistency: ReachedConsistency;
  readonly #wish: SnapshotWish;
  readonly #context: SourceContext;
  #isRemoved = false;

  private constructor(
    moref: string,
    consistency: ReachedConsistency,
    wish: SnapshotWish,
    context: SourceContext,
  ) {
    this.moref = moref;
    this.consistency = consistency;
    this.#wish = wish;
    this.#context = context;
  }

  /** @throws AppError of the last level that was tried; nothing is left behind but what the ledger knows */
  static async create(wish: SnapshotWish, context: SourceContext): Promise<SnapshotGuard> {
    const { vm, name } = wish;
    await context.ledger.intent({ vmMoref: vm.moref, vmName: vm.name, snapshotName: name });
    try {
      const { moref, consistency } = await climbDown(wish, context);
      await context.ledger.created({ snapshotName: name, snapshotMoref: moref });
      return new SnapshotGuard(moref, consistency, wish, context);
    } catch (error) {
      await cleanUpAfterFailure(wish, context, error);
      throw error;
    }
  }

  /** Removes the snapshot now. What goes wrong is a warning: the data are complete. */
  async remove(): Promise<readonly Warning[]> {
    if (this.#isRemoved) return [];
    this.#isRemoved = true;
    try {
      await removeKnown(this.moref, this.#wish, this.#context);
      return [];
    } catch (error) {
      if (hasCode(error, 'IPC_FENCED', 'IPC_CLOSED')) throw error;
      this.#context.log.error('Snapshot not removed', { snapshot: this.moref, error });
      const why = isAppError(error) ? error.message : String(error);
      return [
        { code: 'SNAPSHOT_LEFT_OVER', message: `Snapshot "${this.#wish.name}" is still there: ${why}` },
      ];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.remove();
    } catch (error) {
      // The attempt was given up meanwhile: its snapshot is the janitor's.
      this.#context.log.warn('Snapshot left to the clean-up', { snapshot: this.moref, error });
    }
  }
}

async function climbDown(
  wish: SnapshotWish,
  context: SourceContext,
): Promise<{ moref: string; consistency: ReachedConsistency }> {
  const { vm, consistency: asked } = wish;
  if (vm.powerState === 'poweredOff') {
    const { moref } = await create(wish, 'crash', context);
    return { moref, consistency: { asked, reached: asked, reason: 'the VM is powered off' } };
  }
  let reason: string | null = null;
  for (const level of consistencyLadder(asked, wish.mayFallBack)) {
    try {
      const { moref } = await create(wish, level, context);
      return { moref, consistency: reachedBy(asked, level, vm, reason) };
    } catch (error) {
      const isLast = level === 'crash' || !wish.mayFallBack;
      if (isLast || !hasCode(error, 'SNAPSHOT_QUIESCE_FAILED')) throw error;
      reason = error.message;
      context.log.warn('Consistency level not reached', { vm: vm.name, level, error });
      await removeByName(wish, context.signal);
    }
  }
  throw new AppError('BUG_INVARIANT', 'The ladder of consistency has no last step');
}

/** Only Windows guests have writers that bring applications to rest. */
function reachedBy(
  asked: Consistency,
  level: Consistency,
  vm: VmDetails,
  reason: string | null,
): ReachedConsistency {
  if (level === 'application' && !vm.guestId.startsWith('win')) {
    return { asked, reached: 'filesystem', reason: 'only Windows guests reach the application level' };
  }
  return { asked, reached: level, reason };
}

function create(
  wish: SnapshotWish,
  quiesce: Consistency,
  context: SourceContext,
): Promise<{ moref: string }> {
  const { session, vm, name, description } = wish;
  return createSnapshot(session, { moref: vm.moref, name, description, quiesce }, context.signal);
}

/** By these a server says that it made no snapshot, or was not asked to. */
const DECIDED = [
  'SNAPSHOT_QUIESCE_FAILED',
  'SNAPSHOT_FAILED',
  'AUTH_NO_PERMISSION',
  'VSPHERE_BUSY',
  'VSPHERE_FILE_FAULT',
  'VSPHERE_FILE_LOCKED',
  'VSPHERE_INVALID_ARGUMENT',
  'VSPHERE_INVALID_STATE',
  'VSPHERE_NO_SPACE',
  'VSPHERE_NOT_SUPPORTED',
] as const;

/** After anything else CreateSnapshot may still be under way: the ledger keeps the intent, and the clean-up looks again. */
function isDecided(error: unknown): boolean {
  // A fault of no known family is called a failed snapshot only for want of a better code.
  const isVague = hasCode(error, 'SNAPSHOT_FAILED') && hasCode(error.cause, 'VSPHERE_FAULT');
  return hasCode(error, ...DECIDED) && !isVague;
}

async function cleanUpAfterFailure(wish: SnapshotWish, context: SourceContext, why: unknown): Promise<void> {
  using deadline = withDeadline(60_000, 'VSPHERE_TIMEOUT', 'Looking for a half-made snapshot');
  try {
    await removeByName(wish, deadline.signal);
    if (isDecided(why)) await context.ledger.removed({ snapshotName: wish.name });
  } catch (error) {
    context.log.warn('Half-made snapshot left to the clean-up', { snapshot: wish.name, error });
  }
}

async function removeByName(wish: SnapshotWish, signal: AbortSignal): Promise<void> {
  for (const found of await findSnapshotsByName(wish.session, wish.vm.moref, wish.name, signal)) {
    await removeSnapshot(wish.session, found.moref, signal);
  }
}

async function removeKnown(moref: string, wish: SnapshotWish, context: SourceContext): Promise<void> {
  using deadline = withDeadline(REMOVE_DEADLINE_MS, 'VSPHERE_TIMEOUT', `Removing snapshot "${wish.name}"`);
  await removeSnapshot(wish.session, moref, deadline.signal);
  await context.ledger.removed({ snapshotName: wish.name });
}
