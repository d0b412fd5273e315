/**
 * Switching changed block tracking on. It takes effect when the VM is stunned next, which the backup's own snapshot does.
 * Never while snapshots exist: the disks below them would stay untracked, and ChangeIds of such a VM are not to be trusted.
 */
import { AppError, hasCode } from '../base/errors.ts';
import { readOptionalFlag, readOptionalRecord, readOptionalText } from './fields.ts';
import { moref } from './moref.ts';
import { readObjectProperties } from './property-collector.ts';
import { type VsphereSession } from './session.ts';
import { runTask } from './task-waiter.ts';

const RECONFIGURE_TIMEOUT_MS = 300_000;
const MAX_TRIES = 3;
const RETRY_MS = 2_000;

const paths = [
  'capability.changeTrackingSupported',
  'config.changeTrackingEnabled',
  'config.changeVersion',
  'snapshot',
];

/**
 * Returns when tracking is on; at once when it was.
 * @throws AppError `CBT_UNAVAILABLE` when the VM does not support it or has snapshots
 */
export async function enableChangeTracking(
  session: VsphereSession,
  vm: string,
  signal: AbortSignal,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await enableOnce(session, vm, signal);
      return;
    } catch (error) {
      if (!hasCode(error, 'VSPHERE_BUSY', 'VSPHERE_NOT_AUTHENTICATED') || tries >= MAX_TRIES) throw error;
      await session.clock.sleep(RETRY_MS * tries, signal);
    }
  }
}

async function enableOnce(session: VsphereSession, vm: string, signal: AbortSignal): Promise<void> {
  const target = moref('VirtualMachine', vm);
  const props = await readObjectProperties(session, target, paths, signal);
  if (readOptionalFlag(props, 'config.changeTrackingEnabled') === true) return;
  if (readOptionalFlag(props, 'capability.changeTrackingSupported') === false)
    throw refused(vm, 'the VM does not support it');
  if (readOptionalRecord(props, 'snapshot') !== undefined) throw refused(vm, 'the VM has snapshots');
  const changeVersion = readOptionalText(props, 'config.changeVersion') ?? undefined;
  const args = { _this: target, spec: { changeVersion, changeTrackingEnabled: true } };
  await runTask(session, 'ReconfigVM_Task', args, {
    what: `enable change tracking of "${vm}"`,
    timeoutMs: RECONFIGURE_TIMEOUT_MS,
    idempotent: true,
    signal,
  });
}

function refused(vm: string, why: string): AppError {
  return new AppError('CBT_UNAVAILABLE', `Cannot enable change tracking of "${vm}": ${why}`, { vm });
}
