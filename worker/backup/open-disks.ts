/** The disks of a snapshot, opened and mapped: what will be read of each is known before the first byte is. */
import { type BackupSpec, type Warning } from '../../shared/contract/ipc.ts';
import { type DisposeStack } from '../../shared/base/dispose.ts';
import { queryChangedDiskAreas } from '../../shared/vsphere/changed-disk-areas.ts';
import { type VsphereSession } from '../../shared/vsphere/session.ts';
import { type VmDisk, whyDiskNotInImage } from '../../shared/vsphere/virtual-disk.ts';
import { type VmDetails } from '../../shared/vsphere/virtual-machine.ts';
import { type ActiveBlocks, mapAllActiveBlocks } from '../filter/active-blocks.ts';
import { filterOptionsOf } from '../filter/filter-options.ts';
import { type BlockReader } from '../ports.ts';
import { type TaskContext } from '../task-context.ts';
import { openDisk } from '../transport/open-disk.ts';
import { type BasePoint } from './base-point.ts';
import { type DiskMap, type DiskMapInput, mapDisk, nameOf } from './disk-map.ts';

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
  const open: OpenDisk[] = [];
  for (const disk of input.disks.filter((each) => whyDiskNotInImage(each) === undefined)) {
    tellMapping(disk, context);
    open.push({ disk, reader: stack.use(await openOne(disk, input, context)) });
  }
  const active = await mapActive(open, input, context);
  const opened: OpenedDisk[] = [];
  for (const [i, { disk, reader }] of open.entries()) {
    tellMapping(disk, context);
    opened.push({ disk, reader, map: await mapOne({ disk, active: active[i] }, input, context) });
  }
  return opened;
}

type OpenDisk = Omit<OpenedDisk, 'map'>;

function tellMapping(disk: VmDisk, context: TaskContext): void {
  context.report({ phase: 'map', what: nameOf(disk), doneBytes: 0, totalBytes: 0 });
}

async function openOne(disk: VmDisk, input: OpenDisksInput, context: TaskContext): Promise<BlockReader> {
  const { spec, session, vm } = input;
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
  return reader;
}

/** What the guest may need of each disk, all disks together: a volume may reach over several. None when the job does not filter. */
async function mapActive(
  open: readonly OpenDisk[],
  { spec }: OpenDisksInput,
  context: TaskContext,
): Promise<readonly ActiveBlocks[]> {
  if (!spec.options.abm) return [];
  const readers = open.map(({ reader }) => reader);
  const onDisk = (index: number): void => {
    const disk = open[index]?.disk;
    if (disk !== undefined) tellMapping(disk, context);
  };
  return await mapAllActiveBlocks(readers, filterOptionsOf(spec.options), context.signal, onDisk);
}

async function mapOne(
  { disk, active }: Pick<DiskMapInput, 'disk' | 'active'>,
  { spec, session, vm, snapshotMoref, base }: OpenDisksInput,
  context: TaskContext,
): Promise<DiskMap> {
  const ask = (changeId: string) => (startOffset: number) =>
    queryChangedDiskAreas(
      session,
      { vmMoref: vm.moref, snapshotMoref, deviceKey: disk.key, startOffset, changeId },
      context.signal,
    );
  const map = await mapDisk({ disk, active, base, cbt: spec.options.cbt, ask, context });
  context.log.info('Disk mapped', {
    disk: disk.key,
    changedBytes: map.changedBytes,
    usedBytes: map.usedBytes,
    mapReadBytes: map.mapReadBytes,
  });
  return map;
}
