/**
 * Snapshots: made without memory, read as frozen disks, removed with consolidation.
 *
 * Application consistency means VSS: Windows guests get CreateSnapshotEx_Task with a VSS specification (copy backup, so
 * applications' own log chains stay theirs); other guests, and servers without that call, get a quiesced snapshot, in
 * which VMware Tools runs the guest's freeze scripts. Where Tools do not run, a server takes a crash-consistent snapshot
 * and says nothing: so that is found out first.
 */
import { AppError, hasCode } from '../base/errors.ts';
import { type Consistency } from '../domain/consistency.ts';
import { type Fields, readMoref, readOptionalRecord, readOptionalText, readRecords } from './fields.ts';
import { moref } from './moref.ts';
import { readObjectProperties } from './property-collector.ts';
import { type VsphereSession } from './session.ts';
import { runTask } from './task-waiter.ts';
import { readDevices, readDisks, type VmDisk } from './virtual-disk.ts';

/** Freezing a busy guest is limited by the server itself; a large VM's stun is seconds. */
const CREATE_TIMEOUT_MS = 30 * 60_000;
/** Consolidation of a large delta takes hours. */
const REMOVE_TIMEOUT_MS = 12 * 3_600_000;
const BUSY_DELAYS_MS: readonly number[] = [2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 60_000, 60_000];
/** VSS_BT_COPY of the Windows VSS API. */
const VSS_COPY_BACKUP = 5;
/** A VM holds 32 snapshots; anything much larger is not a tree of snapshots. */
const MAX_TREE = 10_000;

export interface SnapshotRequest {
  readonly moref: string;
  /** Unique, so that it can be found again when the answer is lost. */
  readonly name: string;
  readonly description: string;
  readonly quiesce: Consistency;
}

export interface SnapshotRef {
  readonly moref: string;
}

/**
 * Makes a snapshot. When this throws, a snapshot may exist all the same: look for its name.
 * @throws AppError `SNAPSHOT_QUIESCE_FAILED` (a lower level may work), `SNAPSHOT_FAILED`, `VSPHERE_BUSY`, `VSPHERE_NO_SPACE` …
 */
export async function createSnapshot(
  session: VsphereSession,
  request: SnapshotRequest,
  signal: AbortSignal,
): Promise<SnapshotRef> {
  const isWindows = request.quiesce === 'crash' ? false : await readGuest(session, request.moref, signal);
  try {
    if (request.quiesce === 'application' && isWindows) return await createWithVss(session, request, signal);
    return await createPlain(session, request, signal);
  } catch (error) {
    throw toSnapshotError(error, request);
  }
}

/** True for Windows. @throws AppError `SNAPSHOT_QUIESCE_FAILED` when a running guest cannot be quiesced */
async function readGuest(session: VsphereSession, vm: string, signal: AbortSignal): Promise<boolean> {
  const paths = ['config.guestId', 'guest.toolsRunningStatus', 'runtime.powerState'];
  const props = await readObjectProperties(session, moref('VirtualMachine', vm), paths, signal);
  const isOn = readOptionalText(props, 'runtime.powerState') === 'poweredOn';
  const tools = readOptionalText(props, 'guest.toolsRunningStatus');
  if (isOn && tools === 'guestToolsNotRunning') {
    throw new AppError(
      'SNAPSHOT_QUIESCE_FAILED',
      `Cannot quiesce the guest of "${vm}": VMware Tools do not run`,
      { vm },
    );
  }
  return (readOptionalText(props, 'config.guestId') ?? '').startsWith('win');
}

async function createWithVss(
  session: VsphereSession,
  request: SnapshotRequest,
  signal: AbortSignal,
): Promise<SnapshotRef> {
  const quiesceSpec = {
    $type: 'VirtualMachineWindowsQuiesceSpec',
    vssBackupType: VSS_COPY_BACKUP,
    vssBootableSystemState: true,
    vssPartialFileSupport: false,
    vssBackupContext: 'ctx_auto',
  };
  try {
    return await create(session, 'CreateSnapshotEx_Task', { request, extra: { quiesceSpec } }, signal);
  } catch (error) {
    if (!hasCode(error, 'VSPHERE_NOT_SUPPORTED')) throw error;
    return createPlain(session, request, signal);
  }
}

function createPlain(
  session: VsphereSession,
  request: SnapshotRequest,
  signal: AbortSignal,
): Promise<SnapshotRef> {
  const extra = { quiesce: request.quiesce !== 'crash' };
  return create(session, 'CreateSnapshot_Task', { request, extra }, signal);
}

async function create(
  session: VsphereSession,
  method: string,
  what: { readonly request: SnapshotRequest; readonly extra: Fields },
  signal: AbortSignal,
): Promise<SnapshotRef> {
  const { moref: vm, name, description } = what.request;
  const args = { _this: moref('VirtualMachine', vm), name, description, memory: false, ...what.extra };
  const result = await runTask(session, method, args, {
    what: `create a snapshot of "${vm}"`,
    timeoutMs: CREATE_TIMEOUT_MS,
    idempotent: false,
    cancelTask: true,
    signal,
  });
  return { moref: readMoref({ result }, 'result').value };
}

/** Quiescing also fails with general faults, whose text tells; what has no better code is a failed snapshot. */
function toSnapshotError(error: unknown, request: SnapshotRequest): unknown {
  if (!hasCode(error, 'VSPHERE_FAULT')) return error;
  const isQuiesce = request.quiesce !== 'crash' && /quiesc/i.test(error.message);
  return new AppError(
    isQuiesce ? 'SNAPSHOT_QUIESCE_FAILED' : 'SNAPSHOT_FAILED',
    error.message,
    error.facts,
    error,
  );
}

/** The disks as the snapshot froze them: file names to read from, ChangeIds to keep. */
export async function readSnapshotDisks(
  session: VsphereSession,
  snapshot: string,
  signal: AbortSignal,
): Promise<readonly VmDisk[]> {
  const target = moref('VirtualMachineSnapshot', snapshot);
  const props = await readObjectProperties(session, target, ['config.hardware'], signal);
  const hardware = readOptionalRecord(props, 'config.hardware');
  if (hardware === undefined) {
    throw new AppError(
      'VSPHERE_ANSWER_INVALID',
      `Cannot read snapshot "${snapshot}": it has no configuration`,
    );
  }
  return readDisks(readDevices(hardware));
}

/** The VM's snapshots of exactly this name. */
export async function findSnapshotsByName(
  session: VsphereSession,
  vm: string,
  exactName: string,
  signal: AbortSignal,
): Promise<readonly SnapshotRef[]> {
  const props = await readObjectProperties(session, moref('VirtualMachine', vm), ['snapshot'], signal);
  const left = [...readRecords(readOptionalRecord(props, 'snapshot') ?? {}, 'rootSnapshotList')];
  const found: SnapshotRef[] = [];
  for (let seen = 0; seen < MAX_TREE; seen++) {
    const node = left.pop();
    if (node === undefined) return found;
    if (readOptionalText(node, 'name') === exactName)
      found.push({ moref: readMoref(node, 'snapshot').value });
    left.push(...readRecords(node, 'childSnapshotList'));
  }
  throw new AppError('VSPHERE_ANSWER_INVALID', `Cannot read the snapshots of "${vm}": there are too many`);
}

/**
 * Removes the snapshot, not its children, and waits for the consolidation; one that is gone already is fine.
 * @throws AppError `VSPHERE_BUSY` after minutes of trying, `VSPHERE_FILE_LOCKED` …
 */
export async function removeSnapshot(
  session: VsphereSession,
  snapshot: string,
  signal: AbortSignal,
): Promise<void> {
  const args = { _this: moref('VirtualMachineSnapshot', snapshot), removeChildren: false, consolidate: true };
  const task = {
    what: `remove snapshot "${snapshot}"`,
    timeoutMs: REMOVE_TIMEOUT_MS,
    idempotent: true,
    signal,
  };
  try {
    await whileBusy(session, signal, () => runTask(session, 'RemoveSnapshot_Task', args, task));
  } catch (error) {
    if (!hasCode(error, 'VSPHERE_OBJECT_GONE')) throw error;
  }
}

/** Joins delta files that no snapshot needs any more into the disks. */
export async function consolidateDisks(
  session: VsphereSession,
  vm: string,
  signal: AbortSignal,
): Promise<void> {
  const args = { _this: moref('VirtualMachine', vm) };
  const task = {
    what: `consolidate the disks of "${vm}"`,
    timeoutMs: REMOVE_TIMEOUT_MS,
    idempotent: true,
    signal,
  };
  await whileBusy(session, signal, () => runTask(session, 'ConsolidateVMDisks_Task', args, task));
}

async function whileBusy(
  session: VsphereSession,
  signal: AbortSignal,
  work: () => Promise<unknown>,
): Promise<void> {
  for (const delayMs of BUSY_DELAYS_MS) {
    try {
      await work();
      return;
    } catch (error) {
      if (!hasCode(error, 'VSPHERE_BUSY')) throw error;
      await session.clock.sleep(delayMs, signal);
    }
  }
  await work();
}
