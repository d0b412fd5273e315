/**
 * QueryChangedDiskAreas: which areas of a disk changed between a ChangeId and a snapshot, in windows.
 */
import { areasWhere, parseChangeId, type Area } from '../disks/change-tracker.ts';
import { vmPath } from '../model/devices.ts';
import { SimSnapshot, type FrozenDisk, type SimDisk, type SimVm } from '../model/sim-vm.ts';
import { fileFault, invalidArgument, objectGone, SimFault } from '../sim-fault.ts';
import { type Site } from '../site.ts';
import { numberOf, refOf, textOf, type Data } from '../values.ts';
import { targetVm, type Methods, type SessionContext } from './method.ts';

const DEFAULT_MAX_EXTENTS = 2000;

function queryChanges(context: SessionContext): Data {
  const { site, parameters } = context;
  const vm = targetVm(context);
  const frozen = frozenDisk(context, vm, numberOf(parameters, 'deviceKey') ?? -1);
  const startOffset = numberOf(parameters, 'startOffset') ?? 0;
  if (startOffset < 0 || startOffset >= frozen.capacityBytes) throw invalidArgument('startOffset');
  const wanted = grainTest(vm, frozen, textOf(parameters, 'changeId'));
  return answer(site, frozen, startOffset, wanted);
}

function frozenDisk({ site, parameters }: SessionContext, vm: SimVm, key: number): FrozenDisk {
  const ref = refOf(parameters, 'snapshot');
  const disk = vm.disks.find((each) => each.key === key);
  if (ref === undefined) return runningDisk(vm, disk);
  const snapshot = site.inventory.find(ref);
  if (!(snapshot instanceof SimSnapshot) || snapshot.vm !== vm) throw objectGone(ref);
  const found = snapshot.disks.find((each) => each.disk.key === key);
  if (found === undefined)
    throw new SimFault('NotFound', 'The object or item referred to could not be found.');
  return found;
}

/** Without a snapshot the current state is meant, which stands still only when the machine is off. */
function runningDisk(vm: SimVm, disk: SimDisk | undefined): FrozenDisk {
  if (disk === undefined)
    throw new SimFault('NotFound', 'The object or item referred to could not be found.');
  const { chain, starIsExact } = disk;
  if (vm.powerState === 'poweredOn') throw fileFault(vmPath(disk, vm, chain.top.descriptorName));
  return {
    disk,
    layer: chain.top,
    capacityBytes: chain.capacityBytes,
    changes: chain.tracker?.current(),
    allocated: chain.allocated,
    starIsExact,
  };
}

function grainTest(vm: SimVm, frozen: FrozenDisk, changeId: string): (grain: number) => boolean {
  const { changes, disk, allocated } = frozen;
  const failure = fileFault(vmPath(disk, vm, frozen.layer.descriptorName));
  if (changes === undefined) throw failure;
  if (changeId === '*') {
    const everything = !frozen.starIsExact || disk.datastore.type === 'NFS';
    return (grain) => everything || allocated[grain] === 1;
  }
  const since = parseChangeId(changeId);
  if (since === undefined) throw invalidArgument('changeId');
  if (since.epoch !== changes.epoch || since.sequence > changes.sequence) throw failure;
  return (grain) => (changes.lastWritten[grain] ?? 0) > since.sequence;
}

function answer(
  site: Site,
  frozen: FrozenDisk,
  startOffset: number,
  wanted: (grain: number) => boolean,
): Data {
  const maxExtents = site.config.cbtMaxExtents ?? DEFAULT_MAX_EXTENTS;
  let end = Math.min(
    frozen.capacityBytes,
    startOffset + (site.config.cbtMaxWindowBytes ?? frozen.capacityBytes),
  );
  const areas: Area[] = [];
  for (const area of areasWhere(wanted, startOffset, frozen.capacityBytes)) {
    if (area.start >= end) break;
    areas.push({ start: area.start, length: Math.min(area.length, end - area.start) });
    if (areas.length < maxExtents) continue;
    end = area.start + areas.at(-1)!.length;
    break;
  }
  return {
    $type: 'DiskChangeInfo',
    startOffset,
    length: end - startOffset,
    changedArea: areas.map(({ start, length }) => ({ $type: 'DiskChangeExtent', start, length })),
  };
}

export const changeMethods: Methods = { QueryChangedDiskAreas: queryChanges };
