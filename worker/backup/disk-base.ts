/** May changes of a disk be asked for since the base? Pure: every rule of invariant 3 that needs no question to the server. */
import { parseChangeId, whyNotComparable } from '../../shared/domain/change-id.ts';
import { type ManifestDisk } from '../../shared/format/manifest.ts';
import { type VmDisk } from '../../shared/vsphere/virtual-disk.ts';

export type DiskBase =
  | { readonly usable: true; readonly disk: ManifestDisk; readonly changeId: string }
  | {
      readonly usable: false;
      readonly reason: string;
      /** Whether the map of allocated areas can still be believed: not after a resize. */
      readonly mayAskAllocated: boolean;
    };

/** @param snapshotDisk - the disk as the new snapshot froze it */
export function decideDiskBase(
  snapshotDisk: VmDisk,
  baseDisks: readonly ManifestDisk[],
  cbt: boolean,
): DiskBase {
  const no = (reason: string, mayAskAllocated = true): DiskBase => ({
    usable: false,
    reason,
    mayAskAllocated,
  });
  if (!cbt) return no('changed block tracking is switched off in the job', false);
  const base = findDisk(snapshotDisk, baseDisks);
  if (base === undefined) return no('the disk is not in the base');
  if (base.capacityBytes !== snapshotDisk.capacityBytes)
    return no('the disk was resized since the base', false);
  if (base.changeId === null) return no('change tracking was off when the base was made');
  if (snapshotDisk.changeId === null) return no('change tracking is off for the disk', false);
  const before = parseChangeId(base.changeId);
  const now = parseChangeId(snapshotDisk.changeId);
  if (before === undefined || now === undefined) return no('the server gave a ChangeId that is none');
  const why = whyNotComparable(before, now);
  if (why !== undefined) return no(why);
  return { usable: true, disk: base, changeId: base.changeId };
}

/** A disk is the same when key and UUID agree: another disk may take over a key, and a path changes when it is moved. */
function findDisk(disk: VmDisk, baseDisks: readonly ManifestDisk[]): ManifestDisk | undefined {
  return baseDisks.find((base) => base.key === disk.key && base.uuid === (disk.uuid ?? ''));
}

/** How many backups in a row, this one included, could not use change tracking for this disk. */
export function fallbacksInARow(disk: VmDisk, baseDisks: readonly ManifestDisk[]): number {
  return (findDisk(disk, baseDisks)?.fallback?.inARow ?? 0) + 1;
}
