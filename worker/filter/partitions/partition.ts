/** What the two kinds of partition table have in common. */
import { AppError } from '../../../shared/base/errors.ts';
import { type Extent } from '../../../shared/domain/extent.ts';

/** What the table says a partition is for; `any` leaves it to the content. */
export type PartitionRole =
  | 'any'
  | 'extended'
  | 'protective'
  | 'reserved'
  | 'LDM'
  | 'LDM metadata'
  | 'Storage Spaces'
  | 'Linux RAID'
  | 'LVM2'
  | 'ZFS'
  | 'VMFS';

export interface Partition {
  readonly startBytes: number;
  /** As the table says; may reach past the end of the disk. */
  readonly lengthBytes: number;
  readonly role: PartitionRole;
}

/** One table: its partitions, and the bytes of the table itself, which are kept whatever else claims them. */
export interface PartitionTable {
  readonly partitions: readonly Partition[];
  readonly ownBytes: readonly Extent[];
}

/** More logical partitions or entries than any real disk has; a table that has them is damage. */
export const MAX_PARTITIONS = 1024;

/** The error for a partition table that contradicts itself; `at` is the byte on the disk. */
export function tableDamage(problem: string, at: number): AppError {
  return new AppError('PARTITION_TABLE_INVALID', `Cannot use the partition table at byte ${at}: ${problem}`, {
    at,
  });
}
