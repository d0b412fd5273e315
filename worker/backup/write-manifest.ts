/** The manifest of a backup: everything the restore point says about itself. */
import { isoTime } from '../../shared/base/clock.ts';
import { PRODUCT, VERSION } from '../../shared/base/version.ts';
import { type BackupSpec, type Warning } from '../../shared/contract/ipc.ts';
import { type BackupType, backupTypes } from '../../shared/domain/backup-type.ts';
import { type PhaseTimes, addCounters, noBytes } from '../../shared/domain/task.ts';
import { type Manifest, type ManifestDisk, type StoredFile } from '../../shared/format/manifest.ts';
import { type PackSummary } from '../../shared/repository/pack-writer.ts';
import { type VmDetails } from '../../shared/vsphere/virtual-machine.ts';
import { type BasePoint } from './base-point.ts';
import { type LeftOutDisk } from './open-disks.ts';
import { type ReachedConsistency } from './snapshot-guard.ts';
import { type StoredDisk } from './store-disk.ts';

export interface ManifestInput {
  readonly spec: BackupSpec;
  readonly vm: VmDetails;
  readonly base: BasePoint | null;
  readonly snapshotMs: number;
  readonly nowMs: number;
  readonly consistency: ReachedConsistency;
  readonly disks: readonly (StoredDisk & { readonly segments: readonly StoredFile[] })[];
  readonly leftOut: readonly LeftOutDisk[];
  readonly files: readonly StoredFile[];
  readonly packs: readonly PackSummary[];
  readonly warnings: readonly Warning[];
  readonly phases: PhaseTimes;
}

export function manifestOf(input: ManifestInput): Manifest {
  const { spec, vm, base } = input;
  const disks = input.disks.map((disk) => diskOf(disk, base, spec));
  const usesBase = disks.some((disk) => disk.base !== null);
  return {
    format: 'blockhouse-manifest',
    version: 1,
    producer: { product: PRODUCT, version: VERSION },
    savesetId: spec.savesetId,
    deviceId: spec.device.deviceId,
    runId: spec.runId,
    taskId: spec.taskId,
    attempt: spec.attempt,
    token: spec.token,
    jobName: spec.jobName,
    job: spec.job,
    // Every disk stands alone: then this is a full, whatever was asked for, and later points may build on it as one.
    type: usesBase ? typeOf(spec) : 'full',
    base: usesBase && base !== null ? { savesetId: base.savesetId, deviceId: base.deviceId } : null,
    standsFor: [],
    createdAt: isoTime(input.snapshotMs),
    finishedAt: isoTime(input.nowMs),
    vm: {
      name: vm.name,
      moref: vm.moref,
      instanceUuid: vm.instanceUuid,
      biosUuid: vm.biosUuid,
      inventoryPath: vm.inventoryPath,
      server: spec.server.name,
      guestId: vm.guestId,
      hardwareVersion: `vmx-${String(vm.hardwareVersion).padStart(2, '0')}`,
      powerState: vm.powerState,
    },
    consistency: { ...input.consistency },
    disks,
    leftOutDisks: [...input.leftOut],
    files: [...input.files],
    packsWritten: [...input.packs],
    warnings: [...input.warnings],
    counters: disks.reduce((sum, disk) => addCounters(sum, disk.counters), noBytes),
    phases: input.phases,
  };
}

function diskOf(
  stored: StoredDisk & { readonly segments: readonly StoredFile[] },
  base: BasePoint | null,
  spec: BackupSpec,
): ManifestDisk {
  const { disk, reader, map } = stored.opened;
  return {
    key: disk.key,
    label: disk.label,
    uuid: disk.uuid ?? '',
    capacityBytes: disk.capacityBytes,
    fileName: disk.fileName,
    thin: disk.thin ?? false,
    mode: disk.mode,
    changeId: disk.changeId,
    type: map.base === null ? 'full' : typeOf(spec),
    base: map.base === null || base === null ? null : { savesetId: base.savesetId },
    fallback: map.fallback,
    transport: reader.transport,
    filter: map.filter,
    freeBytes: stored.freeBytes,
    layers: [{ segments: [...stored.segments] }],
    packs: stored.packs,
    chunks: stored.chunks,
    counters: stored.counters,
  };
}

function typeOf(spec: BackupSpec): BackupType {
  const { type } = spec.options;
  return backupTypes.find((known) => known === type) ?? 'incremental';
}
