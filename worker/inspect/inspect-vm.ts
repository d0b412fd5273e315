/**
 * Looks at the disks of a VM as a backup would, and stores nothing: a snapshot, the filter over each disk, the snapshot gone. The
 * guest is not brought to rest for it; a backup that does so may find less in the making, and skip a little more.
 */
import { randomBytes } from 'node:crypto';
import { AppError } from '../../shared/base/errors.ts';
import { DisposeStack } from '../../shared/base/dispose.ts';
import { type InspectSpec, type Warning } from '../../shared/contract/ipc.ts';
import { type InspectedDisk } from '../../shared/contract/vm-inspection.ts';
import { addCounters, noBytes } from '../../shared/domain/task.ts';
import { type VsphereSession } from '../../shared/vsphere/session.ts';
import { readSnapshotDisks } from '../../shared/vsphere/snapshots.ts';
import { type VmDisk, whyDiskNotInImage } from '../../shared/vsphere/virtual-disk.ts';
import { type VmDetails, readVm } from '../../shared/vsphere/virtual-machine.ts';
import { nameOf } from '../backup/disk-map.ts';
import { leftOutDisks, leftOutWarnings } from '../backup/open-disks.ts';
import { SnapshotGuard } from '../backup/snapshot-guard.ts';
import { PhaseWatch } from '../phase-times.ts';
import { type BlockReader } from '../ports.ts';
import { type SourceContext, type TaskResult } from '../task-context.ts';
import { openDisk } from '../transport/open-disk.ts';
import { inspectReaders } from './inspect-disk.ts';
import { ReportRoom } from './report-room.ts';

interface Look {
  readonly spec: InspectSpec;
  readonly context: SourceContext;
  readonly session: VsphereSession;
  readonly vm: VmDetails;
}

/** @throws AppError `DISK_NOT_IN_IMAGE` when no snapshot can hold any of its disks; what vSphere and the transport say */
export async function inspectVm(spec: InspectSpec, context: SourceContext): Promise<TaskResult> {
  const watch = new PhaseWatch(context.clock);
  const look = await watch.during('snapshot', () => prepare(spec, context));
  await using snapshot = await watch.during('snapshot', () => takeSnapshot(look));
  const found = await watch.during('map', () => inspectDisks(look, snapshot));
  context.report({ phase: 'remove', what: 'snapshot', doneBytes: 0, totalBytes: 0 });
  const removal = await watch.during('remove', () => snapshot.remove());
  const leftOut = leftOutDisks(look.vm);
  const { server, vm } = spec;
  const report = {
    ...({ kind: 'inspect', server: server.name, vm: vm.name, moref: vm.moref } as const),
    inventoryPath: vm.inventoryPath,
    disks: found.disks,
    leftOutDisks: leftOut.map(({ key, label, reason }) => ({ key, label, reason })),
  };
  const warnings = [...leftOutWarnings(leftOut), ...found.warnings, ...removal];
  const counters = found.disks.map(countersOf).reduce(addCounters, noBytes);
  return { warnings, counters, phases: watch.times, saveset: null, report };
}

const countersOf = ({ capacityBytes, keptBytes, skippedBytes, readBytes }: InspectedDisk) => ({
  ...noBytes,
  provisioned: capacityBytes,
  used: keptBytes,
  skipped: skippedBytes,
  read: readBytes,
});

async function prepare(spec: InspectSpec, context: SourceContext): Promise<Look> {
  context.report({ phase: 'snapshot', what: spec.vm.name, doneBytes: 0, totalBytes: 0 });
  const session = await context.vsphere(spec.server);
  const vm = await readVm(session, spec.vm.moref, context.signal);
  refuseWithoutDisks(vm);
  return { spec, context, session, vm };
}

/** A snapshot that shows nothing is not worth its burden. */
function refuseWithoutDisks(vm: VmDetails): void {
  if (vm.disks.some((disk) => whyDiskNotInImage(disk) === undefined)) return;
  const reasons = leftOutDisks(vm).map((disk) => `${nameOf(disk)}: ${disk.reason}`);
  const why = reasons.length === 0 ? 'it has none' : `no snapshot holds them: ${reasons.join('; ')}`;
  throw new AppError('DISK_NOT_IN_IMAGE', `Cannot inspect the disks of "${vm.name}": ${why}`, {
    vm: vm.name,
  });
}

async function takeSnapshot({ spec, context, session, vm }: Look): Promise<SnapshotGuard> {
  const { runId, taskId, token } = spec;
  return await SnapshotGuard.create(
    {
      session,
      vm,
      name: `blockhouse-inspect-${token}-${randomBytes(6).toString('hex')}`,
      description: `Blockhouse run ${runId}, task ${taskId}; removed when its disks are looked at`,
      consistency: 'crash',
      mayFallBack: false,
    },
    context,
  );
}

async function inspectDisks(
  look: Look,
  snapshot: SnapshotGuard,
): Promise<{ readonly disks: InspectedDisk[]; readonly warnings: readonly Warning[] }> {
  const { session, context } = look;
  const frozen = await readSnapshotDisks(session, snapshot.moref, context.signal);
  const inImage = frozen.filter((disk) => whyDiskNotInImage(disk) === undefined);
  await using readers = new DisposeStack();
  const opened: BlockReader[] = [];
  for (const disk of inImage) {
    const reader = readers.use(await open(look, disk));
    opened.push(reportingReads(reader, nameOf(disk), context));
  }
  const { dropShadowCopies } = look.spec;
  const all = await inspectReaders(opened, { dropShadowCopies }, context.signal);
  const room = new ReportRoom();
  const disks: InspectedDisk[] = [];
  const warnings: Warning[] = [];
  for (const [index, disk] of inImage.entries()) {
    const [found, transport] = [all[index], opened[index]?.transport];
    if (found === undefined || transport === undefined) continue;
    disks.push({ key: disk.key, label: disk.label, transport, ...room.take(found) });
    const name = nameOf(disk);
    warnings.push(...found.warnings.map(({ code, message }) => ({ code, message: `${name}: ${message}` })));
  }
  return { disks, warnings };
}

async function open({ spec, context, session, vm }: Look, disk: VmDisk): Promise<BlockReader> {
  const { clock, log, signal } = context;
  const { datastorePaths } = spec.server;
  const input = {
    choice: spec.transport,
    session,
    dcPath: vm.datacenterPath,
    disk,
    datastorePaths,
    clock,
    log,
  };
  return (await openDisk(input, signal)).reader;
}

/** The same disk; how much of it was read is told as it grows. How much it will be, nobody knows before. */
function reportingReads(reader: BlockReader, what: string, context: SourceContext): BlockReader {
  let doneBytes = 0;
  const tell = (): void => context.report({ phase: 'map', what, doneBytes, totalBytes: 0 });
  tell();
  return {
    capacityBytes: reader.capacityBytes,
    transport: reader.transport,
    maxInFlight: reader.maxInFlight,
    async read(offset, into, signal) {
      await reader.read(offset, into, signal);
      doneBytes += into.length;
      tell();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
