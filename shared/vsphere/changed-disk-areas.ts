/**
 * QueryChangedDiskAreas, one call. The server answers for a window that it chooses; asking on from its end, checking
 * that the windows meet, and falling back are the caller's.
 *
 * Faults: `VSPHERE_FILE_FAULT` when the ChangeId is unknown or tracking is broken, `VSPHERE_INVALID_ARGUMENT` (with
 * `facts.invalidProperty`) for an offset at or beyond the capacity, `VSPHERE_FAULT` with `facts.fault` = `NotFound` for a
 * key that is not a disk.
 */
import { type Extent } from '../domain/extent.ts';
import { asRecord, readBytes, readRecords } from './fields.ts';
import { moref } from './moref.ts';
import { type VsphereSession } from './session.ts';

/** Large answers take vCenter minutes when a disk is much fragmented. */
const QUERY_TIMEOUT_MS = 300_000;

export interface ChangedAreasQuery {
  readonly vmMoref: string;
  readonly snapshotMoref: string;
  readonly deviceKey: number;
  readonly startOffset: number;
  /** A ChangeId of an earlier point, or `*`: all that was ever allocated. */
  readonly changeId: string;
}

export interface ChangedAreas {
  /** The window that the answer speaks of, in bytes. */
  readonly startOffset: number;
  readonly length: number;
  /** As sent: not yet known to be sorted, disjoint or inside the window. */
  readonly areas: readonly Extent[];
}

/** One window of changed areas. */
export async function queryChangedDiskAreas(
  session: VsphereSession,
  query: ChangedAreasQuery,
  signal: AbortSignal,
): Promise<ChangedAreas> {
  const answer = await session.call(
    'QueryChangedDiskAreas',
    {
      _this: moref('VirtualMachine', query.vmMoref),
      snapshot: moref('VirtualMachineSnapshot', query.snapshotMoref),
      deviceKey: query.deviceKey,
      startOffset: query.startOffset,
      changeId: query.changeId,
    },
    { signal, idempotent: true, timeoutMs: QUERY_TIMEOUT_MS },
  );
  const window = asRecord(answer, 'DiskChangeInfo');
  return {
    startOffset: readBytes(window, 'startOffset'),
    length: readBytes(window, 'length'),
    areas: readRecords(window, 'changedArea').map((area) => ({
      start: readBytes(area, 'start'),
      length: readBytes(area, 'length'),
    })),
  };
}
