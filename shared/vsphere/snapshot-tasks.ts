/**
 * Snapshot work that is under way on a VM although nobody waits for it any more: its worker died, or the answer was lost. Whoever
 * looks for a snapshot must wait for it first: what is being made is in no tree yet, and a VM does one such task at a time.
 */
import { hasCode } from '../base/errors.ts';
import { asList, asRecord, readOptionalText } from './fields.ts';
import { type Moref, isMoref, moref } from './moref.ts';
import { readObjectProperties } from './property-collector.ts';
import { type VsphereSession } from './session.ts';
import { waitForTask } from './task-waiter.ts';

/** As long as the making of a snapshot may take; what takes longer is a failed look, which is repeated. */
const TIMEOUT_MS = 30 * 60_000;
const SNAPSHOT_WORK = /snapshot|consolidate/i;

/**
 * Waits until no task of the VM makes or removes snapshots; how they end does not matter.
 * @returns whether there was one
 * @throws AppError `VSPHERE_OBJECT_GONE` when the VM is gone, `VSPHERE_TIMEOUT`; the signal's reason
 */
export async function waitForSnapshotTasks(
  session: VsphereSession,
  vm: string,
  signal: AbortSignal,
): Promise<boolean> {
  const target = moref('VirtualMachine', vm);
  const props = await readObjectProperties(session, target, ['recentTask'], signal);
  let hasWaited = false;
  for (const task of asList(props['recentTask']).filter(isMoref)) {
    if (!(await isUnderWay(session, task, signal))) continue;
    hasWaited = true;
    await waitForEnd(session, task, vm, signal);
  }
  return hasWaited;
}

async function isUnderWay(session: VsphereSession, task: Moref, signal: AbortSignal): Promise<boolean> {
  try {
    const info = asRecord((await readObjectProperties(session, task, ['info'], signal))['info'], 'info');
    const state = readOptionalText(info, 'state');
    const kind = `${readOptionalText(info, 'name') ?? ''} ${readOptionalText(info, 'descriptionId') ?? ''}`;
    return (state === 'queued' || state === 'running') && SNAPSHOT_WORK.test(kind);
  } catch (error) {
    if (hasCode(error, 'VSPHERE_OBJECT_GONE')) return false;
    throw error;
  }
}

async function waitForEnd(
  session: VsphereSession,
  task: Moref,
  vm: string,
  signal: AbortSignal,
): Promise<void> {
  const what = `wait for the snapshot work on "${vm}"`;
  try {
    await waitForTask(session, task, { what, timeoutMs: TIMEOUT_MS, signal });
  } catch (error) {
    signal.throwIfAborted();
    if (await isUnderWay(session, task, signal)) throw error;
  }
}
