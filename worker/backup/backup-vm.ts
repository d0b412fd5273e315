/**
 * The story of one VM, top to bottom: docs/flows/backup.md has the same steps with their reasons.
 *
 *   1 the attempt, the VM        5 what to read of each disk: changed areas, less what NTFS does not use
 *   2 the base, if it serves     6 read, code, store
 *   3 change tracking on         7 packs, indexes, configuration, manifest: durable on the device
 *   4 the snapshot, in the ledger first                8 the snapshot removed; the master seals
 */
import { randomBytes } from 'node:crypto';
import { AppError, toAppError } from '../../shared/base/errors.ts';
import { isoTime } from '../../shared/base/clock.ts';
import { DisposeStack } from '../../shared/base/dispose.ts';
import { type BackupSpec, type Warning } from '../../shared/contract/ipc.ts';
import { totalLength } from '../../shared/domain/extent.ts';
import { beginAttempt } from '../../shared/repository/attempts.ts';
import { PackWriter } from '../../shared/repository/pack-writer.ts';
import { putManifest } from '../../shared/repository/saveset-store.ts';
import { enableChangeTracking } from '../../shared/vsphere/change-tracking.ts';
import { type VsphereSession } from '../../shared/vsphere/session.ts';
import { readSnapshotDisks } from '../../shared/vsphere/snapshots.ts';
import { type VmDetails, readVm } from '../../shared/vsphere/virtual-machine.ts';
import { PhaseWatch } from '../phase-times.ts';
import { type TaskContext, type TaskResult } from '../task-context.ts';
import { type BasePoint, openBase } from './base-point.ts';
import { nameOf } from './disk-map.ts';
import { IndexWriter } from './index-writer.ts';
import { openKnownChunks } from './known-chunks.ts';
import { type OpenedDisk, leftOutDisks, leftOutWarnings, openDisks } from './open-disks.ts';
import { type ReachedConsistency, SnapshotGuard } from './snapshot-guard.ts';
import { type StoreDiskInput, type StoredDisk, storeDisk } from './store-disk.ts';
import { storeVmFiles } from './vm-files.ts';
import { manifestOf } from './write-manifest.ts';

/** What the steps share. */
interface Backup {
  readonly spec: BackupSpec;
  readonly context: TaskContext;
  readonly session: VsphereSession;
  readonly vm: VmDetails;
  readonly base: BasePoint | null;
  readonly watch: PhaseWatch;
  readonly warnings: Warning[];
}

export async function backupVm(spec: BackupSpec, context: TaskContext): Promise<TaskResult> {
  const watch = new PhaseWatch(context.clock);
  const backup = await watch.during('snapshot', () => prepare(spec, context, watch));
  await using snapshot = await watch.during('snapshot', () => takeSnapshot(backup));
  const saveset = await saveDisks(backup, snapshot);
  context.report({ phase: 'remove', what: 'snapshot', doneBytes: 0, totalBytes: 0 });
  backup.warnings.push(...(await watch.during('remove', () => snapshot.remove())));
  return { ...saveset, warnings: backup.warnings, phases: watch.times };
}

async function prepare(spec: BackupSpec, context: TaskContext, watch: PhaseWatch): Promise<Backup> {
  context.report({ phase: 'snapshot', what: spec.vm.name, doneBytes: 0, totalBytes: 0 });
  await begin(spec, context);
  const session = await context.vsphere(spec.server);
  const vm = { ...(await readVm(session, spec.vm.moref, context.signal)) };
  const { base, reason } = await openBase(spec.base, spec.noBaseReason, context.stream);
  const warnings: Warning[] = [];
  if (spec.base !== null && reason !== null)
    warnings.push({ code: 'CBT_NOT_USABLE', message: `Full instead: ${reason}` });
  const backup: Backup = { spec, context, session, vm, base, watch, warnings };
  if (spec.options.cbt && !vm.changeTrackingEnabled) await switchTrackingOn(backup);
  return backup;
}

/** From now on reclaiming waits for this attempt: only then may be asked what the device holds. The master ends it. */
async function begin({ savesetId, runId, taskId, token }: BackupSpec, context: TaskContext): Promise<void> {
  const startedAt = isoTime(context.clock.nowMs());
  const attempt = { attemptId: savesetId, kind: 'backup', startedAt, runId, taskId, token } as const;
  await beginAttempt(context.stream.storage, attempt);
}

/** Takes effect with the snapshot that follows. Without it the disks are read as a whole, and the point says so. */
async function switchTrackingOn({ session, vm, context, warnings }: Backup): Promise<void> {
  try {
    await enableChangeTracking(session, vm.moref, context.signal);
    context.log.info('Change tracking switched on', { vm: vm.name });
  } catch (error) {
    context.signal.throwIfAborted();
    const known = toAppError(error);
    if (known.code === 'VSPHERE_OBJECT_GONE' || known.code.startsWith('BUG_')) throw error;
    warnings.push({ code: 'CBT_UNAVAILABLE', message: `Change tracking stays off: ${known.message}` });
  }
}

async function takeSnapshot({ spec, context, session, vm, warnings }: Backup): Promise<SnapshotGuard> {
  const guard = await SnapshotGuard.create(
    {
      session,
      vm,
      name: `blockhouse-${spec.savesetId}-${randomBytes(4).toString('hex')}`,
      description: `Blockhouse run ${spec.runId}, task ${spec.taskId}; removed when its disks are read`,
      consistency: spec.options.consistency,
      mayFallBack: spec.options.consistencyFallback,
    },
    context,
  );
  warnings.push(...consistencyWarnings(guard.consistency, vm));
  return guard;
}

function consistencyWarnings({ asked, reached, reason }: ReachedConsistency, vm: VmDetails): Warning[] {
  // Outside Windows the file system level is all that the strongest wish can mean.
  const isBest = reached === 'filesystem' && asked === 'application' && !vm.guestId.startsWith('win');
  if (asked === reached || isBest) return [];
  return [
    { code: 'CONSISTENCY_LOWERED', message: `${reached} instead of ${asked} level: ${reason ?? 'not told'}` },
  ];
}

async function saveDisks(
  backup: Backup,
  snapshot: SnapshotGuard,
): Promise<Pick<TaskResult, 'saveset' | 'counters'>> {
  const { spec, context, session, vm, base, watch, warnings } = backup;
  await using readers = new DisposeStack();
  const snapshotMs = context.clock.nowMs();
  const disks = await watch.during('map', async () => {
    const frozen = await readSnapshotDisks(session, snapshot.moref, context.signal);
    return openDisks(
      { spec, session, vm, snapshotMoref: snapshot.moref, disks: frozen, base },
      readers,
      context,
    );
  });
  const leftOut = leftOutDisks(vm);
  warnings.push(...leftOutWarnings(leftOut), ...disks.flatMap(({ map }) => map.warnings));
  await using packs = new PackWriter(context.stream.storage, spec.savesetId);
  try {
    const indexes = new IndexWriter(context.stream, spec.savesetId, packs);
    const lookup = await watch.during('map', () => openKnownChunks(context));
    const stored = await storeDisks(backup, disks, { lookup, packs, indexes });
    return await watch.during('write', async () => {
      context.report({ phase: 'write', what: 'indexes and manifest', doneBytes: 0, totalBytes: 0 });
      const written = await packs.finish();
      await indexes.finish();
      const indexed = stored.map((disk) => ({ ...disk, segments: indexes.filesOf(disk.opened.disk.key) }));
      const { files, warnings: missing } = await storeVmFiles(session, vm, spec.savesetId, context);
      warnings.push(...missing);
      const manifest = manifestOf({
        ...{ spec, vm, base, snapshotMs, nowMs: context.clock.nowMs(), consistency: snapshot.consistency },
        ...{ disks: indexed, leftOut, files, packs: written, warnings, phases: watch.times },
      });
      const { sha256, lengthBytes } = await putManifest(context.stream, manifest);
      const digest = { savesetId: spec.savesetId, manifestSha256: sha256, manifestBytes: lengthBytes };
      return { saveset: digest, counters: manifest.counters };
    });
  } catch (error) {
    // Chunks of packs that never become visible are in the lookup.
    context.stream.forgetLookup();
    throw error;
  }
}

async function storeDisks(
  { spec, context, watch }: Backup,
  disks: readonly OpenedDisk[],
  into: Pick<StoreDiskInput, 'lookup' | 'packs' | 'indexes'>,
): Promise<readonly StoredDisk[]> {
  refuseEqualKeys(disks, spec.vm.name);
  const totalBytes = disks.reduce((sum, { map }) => sum + totalLength(map.plan.read), 0);
  let before = 0;
  const stored: StoredDisk[] = [];
  for (const opened of disks) {
    const what = nameOf(opened.disk);
    const onProgress = (doneBytes: number): void =>
      context.report({ phase: 'read', what, doneBytes: before + doneBytes, totalBytes });
    onProgress(0);
    const disk = await watch.during('read', () => storeDisk({ opened, ...into, onProgress }, context));
    watch.move('read', 'code', disk.waits.threadsMs);
    watch.move('read', 'write', disk.waits.deviceMs);
    before += totalLength(opened.map.plan.read);
    stored.push(disk);
  }
  return stored;
}

function refuseEqualKeys(disks: readonly OpenedDisk[], vm: string): void {
  const keys = disks.map(({ disk }) => disk.key);
  const twice = keys.find((key, i) => keys.indexOf(key) !== i);
  if (twice === undefined) return;
  throw new AppError('VSPHERE_ANSWER_INVALID', `Cannot tell the disks of "${vm}" apart: key ${twice} twice`);
}
