/** The disks of a snapshot, opened and mapped: what will be read of each is known before the first byte is. */
import { type BackupSpec, type Warning } from '../../shared/contract/ipc.ts';
import { type DisposeStack } from '../../shared/base/dispose.ts';
import { queryChangedDiskAreas } from '../../shared/vsphere/changed-disk-areas.ts';
import { type VsphereSession } from '../../shared/vsphere/session.ts';
import { type VmDisk, whyDiskNotInImage } from '../../shared/vsphere/virtual-disk.ts';
import { type VmDetails } from '../../shared/vsphere/virtual-machine.ts';
import { filterOptionsOf } from '../filter/filter-options.ts';
import { type BlockReader } from '../ports.ts';
import { type TaskContext } from '../task-context.ts';
import { openDisk } from '../transport/open-disk.ts';
import { type BasePoint } from './base-point.ts';
import { type DiskMap, mapDisk, nameOf } from './disk-map.ts';

export interface OpenedDisk {
  readonly disk: VmDisk;
  readonly reader: BlockReader;
  readonly map: DiskMap;
}

export interface LeftOutDisk {
  readonly key: number;
  readonly label: string;
  readonly code: 'DISK_NOT_IN_IMAGE';
  readonly reason: string;
}

export interface OpenDisksInput {
  readonly spec: BackupSpec;
  readonly session: VsphereSession;
  readonly vm: VmDetails;
  readonly snapshotMoref: string;
  /** As the snapshot froze them. */
  readonly disks: readonly VmDisk[];
  readonly base: BasePoint | null;
}

/** Disks that no snapshot holds, by the VM's own description. */
export function leftOutDisks(vm: VmDetails): readonly LeftOutDisk[] {
  return vm.disks.flatMap((disk) => {
    const why = whyDiskNotInImage(disk);
    return why === undefined
      ? []
      : [{ key: disk.key, label: disk.label, code: why.code, reason: why.reason }];
  });
}

export function leftOutWarnings(disks: readonly LeftOutDisk[]): readonly Warning[] {
  return disks.map((disk) => ({
    code: disk.code,
    message: `${nameOf(disk)} is not in the image: ${disk.reason}`,
  }));
}

/** Opens and maps every disk of the snapshot; the readers are `stack`'s to close. */
export async function openDisks(
  input: OpenDisksInput,
  stack: DisposeStack,
  context: TaskContext,
): Promise<readonly OpenedDisk[]> {
  const inImage = input.disks.filter((disk) => whyDiskNotInImage(disk) === undefined);
  const opened: OpenedDisk[] = [];
  for (const disk of inImage) {
    context.report({ phase: 'map', what: nameOf(disk), doneBytes: 0, totalBytes: 0 });
    opened.push(await openOne(disk, input, stack, context));
  }
  return opened;
}

async function openOne(
  disk: VmDisk,
  input: OpenDisksInput,
  stack: DisposeStack,
  context: TaskContext,
): Promise<OpenedDisk> {
  const { spec, session, vm, snapshotMoref, base } = input;
  const { signal, clock, log } = context;
  const { reader } = await openDisk(
    {
      choice: spec.options.transport,
      session,
      dcPath: vm.datacenterPath,
      disk,
      datastorePaths: spec.server.datastorePaths,
      clock,
      log,
    },
    signal,
  );
  stack.use(reader);
  const ask = (changeId: string) => (startOffset: number) =>
    queryChangedDiskAreas(
      session,
      { vmMoref: vm.moref, snapshotMoref, deviceKey: disk.key, startOffset, changeId },
      signal,
    );
  const { abm, cbt } = spec.options;
  const filterOptions = filterOptionsOf(spec.options);
  const map = await mapDisk({ disk, reader, base, abm, filterOptions, cbt, ask, context });
  log.info('Disk mapped', {
    disk: disk.key,
    changedBytes: map.changedBytes,
    usedBytes: map.usedBytes,
    mapReadBytes: map.mapReadBytes,
  });
  return { disk, reader, map };
}
