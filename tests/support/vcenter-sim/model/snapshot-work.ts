/**
 * What snapshot tasks do to the disks: freeze on create, merge on remove, merge what nobody needs on
 * consolidate. The tree is a line here (nothing reverts), so each delta has one user below it at most.
 */
import { type SimDisk, type SimVm, SimSnapshot, isSnapshotable, type FrozenDisk } from './sim-vm.ts';
import { type Moref } from '../values.ts';

export interface NewSnapshot {
  readonly ref: Moref;
  readonly number: number;
  readonly name: string;
  readonly description: string;
  readonly quiesced: boolean;
}

/** Freezes all disks that take part at one moment and hangs the snapshot under the current one. */
export async function createSnapshot(vm: SimVm, facts: NewSnapshot): Promise<SimSnapshot> {
  const members = vm.disks.filter(isSnapshotable);
  const disks = await lockAll(members, async () => {
    vm.stun();
    const frozen: FrozenDisk[] = [];
    for (const disk of vm.disks) frozen.push(await freezeDisk(disk, members.includes(disk)));
    return frozen;
  });
  const snapshot = new SimSnapshot(vm, { ...facts, disks });
  (snapshot.parent?.children ?? vm.rootSnapshots).push(snapshot);
  vm.currentSnapshot = snapshot;
  vm.snapshotCount++;
  vm.snapshotPeak = Math.max(vm.snapshotPeak, vm.snapshotCount);
  vm.configChanged();
  return snapshot;
}

/** Takes the locks of all disks in order, so that no write lands between the freezing of two of them. */
function lockAll<T>(disks: readonly SimDisk[], work: () => Promise<T>): Promise<T> {
  const [first, ...rest] = disks;
  return first === undefined ? work() : first.chain.exclusively(() => lockAll(rest, work));
}

async function freezeDisk(disk: SimDisk, member: boolean): Promise<FrozenDisk> {
  const { chain } = disk;
  const { capacityBytes, starIsExact } = {
    capacityBytes: chain.capacityBytes,
    starIsExact: disk.starIsExact,
  };
  if (!member)
    return {
      disk,
      layer: chain.top,
      capacityBytes,
      changes: undefined,
      allocated: chain.allocated,
      starIsExact,
    };
  const changes = chain.tracker?.freeze();
  return {
    disk,
    layer: await chain.freeze(),
    capacityBytes,
    changes,
    allocated: chain.allocated.slice(),
    starIsExact,
  };
}

/** Takes a snapshot (and, if asked, all below it) out of the tree. The disks are as they were. */
export function detachSnapshot(snapshot: SimSnapshot, withChildren: boolean): SimSnapshot[] {
  const { vm, parent } = snapshot;
  const siblings = parent?.children ?? vm.rootSnapshots;
  const kept = withChildren ? [] : snapshot.children;
  siblings.splice(siblings.indexOf(snapshot), 1, ...kept);
  for (const child of kept) child.parent = parent;
  const gone = withChildren ? [snapshot, ...below(snapshot)] : [snapshot];
  if (vm.currentSnapshot !== undefined && gone.includes(vm.currentSnapshot)) vm.currentSnapshot = parent;
  vm.snapshotCount -= gone.length;
  vm.configChanged();
  return gone;
}

const below = (snapshot: SimSnapshot): SimSnapshot[] =>
  snapshot.children.flatMap((child) => [child, ...below(child)]);

/** Merges every file that no snapshot needs into the one under it. `onStep` is told the share done, 0 to 1. */
export async function consolidate(vm: SimVm, onStep: (share: number) => void): Promise<void> {
  vm.stun();
  for (const [index, disk] of vm.disks.entries()) {
    await disk.chain.exclusively(() => consolidateDisk(vm, disk));
    onStep((index + 1) / vm.disks.length);
  }
  vm.consolidationNeeded = false;
}

async function consolidateDisk(vm: SimVm, disk: SimDisk): Promise<void> {
  const views = (): FrozenDisk[] =>
    vm.snapshots().flatMap((snapshot) => snapshot.disks.filter((frozen) => frozen.disk === disk));
  for (let index = disk.chain.layers.length - 2; index >= 0; index--) {
    const lower = disk.chain.layers[index]!;
    if (views().some((frozen) => frozen.layer === lower)) continue;
    const upper = await disk.chain.mergeInto(lower);
    for (const frozen of views()) if (frozen.layer === upper) frozen.layer = lower;
  }
}
