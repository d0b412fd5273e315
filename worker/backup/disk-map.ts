/**
 * What is to be read of one disk: changed areas since the base, else the allocated areas, else everything; less what NTFS
 * does not use. The ladder of invariant 3: each step down is recorded, and a second one in a row is an alarm.
 */
import { AppError } from '../../shared/base/errors.ts';
import { type Warning } from '../../shared/contract/ipc.ts';
import { type DiskReadPlan, planDiskRead, withoutBase } from '../../shared/domain/disk-read-plan.ts';
import {
  type ExtentSet,
  coarsen,
  complement,
  subtract,
  totalLength,
  wholeOf,
} from '../../shared/domain/extent.ts';
import { type ManifestDisk } from '../../shared/format/manifest.ts';
import { type VmDisk } from '../../shared/vsphere/virtual-disk.ts';
import { type ActiveBlocks } from '../filter/active-blocks.ts';
import { type BasePoint } from './base-point.ts';
import { type AskWindow, collectChangedAreas, isTrackingFailure, withRetries } from './changed-areas.ts';
import { type DiskBase, decideDiskBase, fallbacksInARow } from './disk-base.ts';
import { type TaskContext } from '../task-context.ts';

/** Bounds the maps of a disk in memory to some 20 MiB each. A coarser one only reads more. */
const MAX_EXTENTS = 2 ** 18;

export interface DiskMapInput {
  readonly disk: VmDisk;
  /** What its guest may need; undefined when all of it is to be read. */
  readonly active: ActiveBlocks | undefined;
  /** Null for a full, or when there is no base. */
  readonly base: BasePoint | null;
  readonly cbt: boolean;
  /** QueryChangedDiskAreas of this disk and snapshot. */
  readonly ask: (changeId: string) => AskWindow;
  readonly context: Pick<TaskContext, 'signal' | 'clock' | 'log'>;
}

export type Fallback = NonNullable<ManifestDisk['fallback']>;

export interface DiskMap {
  readonly plan: DiskReadPlan;
  /** The disk of the base that changes were asked since; null when the disk stands alone. */
  readonly base: ManifestDisk | null;
  readonly fallback: Fallback | null;
  readonly filter: ManifestDisk['filter'];
  readonly usedBytes: number;
  readonly changedBytes: number;
  /** Read to find the map out. */
  readonly mapReadBytes: number;
  readonly warnings: readonly Warning[];
}

/** What tracking tells: changed areas over a base, or areas that are known to be zeros without one. */
type Tracked =
  | { readonly base: ManifestDisk; readonly changed: ExtentSet; readonly dropped: ExtentSet }
  | { readonly base: null; readonly knownZero: ExtentSet; readonly fallback: Fallback | null };

export async function mapDisk(input: DiskMapInput): Promise<DiskMap> {
  const { disk, active } = input;
  const { capacityBytes } = disk;
  const tracked = await readTracking(input);
  const together = active?.droppedTogether ?? [];
  const keep = subtract(coarsen(active?.keep ?? wholeOf(capacityBytes), MAX_EXTENTS), together);
  const plan =
    tracked.base === null
      ? planDiskRead(withoutBase({ capacityBytes, keep, knownZero: tracked.knownZero }))
      : planDiskRead({
          capacityBytes,
          keep,
          changed: tracked.changed,
          droppedBefore: tracked.dropped,
          together,
          knownZero: [],
        });
  const fallback = tracked.base === null ? tracked.fallback : null;
  return {
    plan,
    base: tracked.base,
    fallback,
    filter: filterReport(active),
    usedBytes: active?.usedBytes ?? capacityBytes,
    changedBytes:
      tracked.base === null ? capacityBytes - totalLength(tracked.knownZero) : totalLength(tracked.changed),
    mapReadBytes: active?.readBytes ?? 0,
    warnings: [...fallbackWarnings(disk, fallback), ...filterWarnings(disk, active)],
  };
}

async function readTracking(input: DiskMapInput): Promise<Tracked> {
  const { disk, base, cbt } = input;
  if (base === null) return readAllocated(input, null, cbt && disk.changeId !== null);
  const decision = decideDiskBase(disk, base.manifest.disks, cbt);
  if (!decision.usable) return fallBack(input, base, decision.reason, decision.mayAskAllocated);
  return readChanges(input, base, decision);
}

async function readChanges(
  input: DiskMapInput,
  base: BasePoint,
  decision: Extract<DiskBase, { usable: true }>,
): Promise<Tracked> {
  const { signal, clock } = input.context;
  let dropped: ExtentSet;
  try {
    dropped = coarsen(await base.droppedOf(decision.disk, signal), MAX_EXTENTS);
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof AppError ? error.message : String(error);
    return fallBack(input, base, `the index of the base cannot be read: ${why}`, true);
  }
  const ask = input.ask(decision.changeId);
  try {
    const changed = await withRetries(
      () => collectChangedAreas(input.disk.capacityBytes, ask, signal),
      clock,
      signal,
    );
    return { base: decision.disk, changed: coarsen(changed, MAX_EXTENTS), dropped };
  } catch (error) {
    if (!isTrackingFailure(error)) throw error;
    return fallBack(input, base, `changed areas were not told: ${error.message}`, true);
  }
}

async function fallBack(
  input: DiskMapInput,
  base: BasePoint,
  reason: string,
  mayAskAllocated: boolean,
): Promise<Tracked> {
  const inARow = fallbacksInARow(input.disk, base.manifest.disks);
  input.context.log.warn('Change tracking not used', { disk: input.disk.key, reason, inARow });
  return readAllocated(input, { code: 'CBT_NOT_USABLE', reason, inARow }, mayAskAllocated);
}

/** Allocated areas tell what was never written; without them the whole disk is read, and equal chunks are found by hash. */
async function readAllocated(
  input: DiskMapInput,
  fallback: Pick<Fallback, 'code' | 'reason' | 'inARow'> | null,
  mayAsk: boolean,
): Promise<Tracked> {
  const { disk, context } = input;
  const whole = (why: typeof fallback): Tracked => ({
    base: null,
    knownZero: [],
    fallback: why === null ? null : { ...why, method: 'whole' },
  });
  if (!mayAsk || disk.changeId === null) return whole(fallback);
  try {
    const ask = input.ask('*');
    const allocated = await withRetries(
      () => collectChangedAreas(disk.capacityBytes, ask, context.signal),
      context.clock,
      context.signal,
    );
    return {
      base: null,
      knownZero: complement(coarsen(allocated, MAX_EXTENTS), disk.capacityBytes),
      fallback: fallback === null ? null : { ...fallback, method: 'allocated' },
    };
  } catch (error) {
    if (!isTrackingFailure(error)) throw error;
    const why = `allocated areas were not told: ${error.message}`;
    context.log.warn('Allocated areas not used', { disk: disk.key, reason: why });
    return whole(fallback ?? { code: 'CBT_UNAVAILABLE', reason: why, inARow: 1 });
  }
}

function filterReport(active: ActiveBlocks | undefined): ManifestDisk['filter'] {
  if (active === undefined) return { state: 'off', volumes: [] };
  const volumes = active.volumes.map(({ excluded = [], ...volume }) => ({
    ...volume,
    label: volume.label ?? '',
    kept: [...volume.kept],
    ...(excluded.length === 0 ? {} : { excluded }),
  }));
  return { state: active.state, volumes };
}

function fallbackWarnings(disk: VmDisk, fallback: Fallback | null): Warning[] {
  if (fallback === null) return [];
  const read = fallback.method === 'whole' ? 'the whole disk was read' : 'all allocated areas were read';
  const code = fallback.code === 'CBT_UNAVAILABLE' ? 'CBT_UNAVAILABLE' : 'CBT_NOT_USABLE';
  const first: Warning = { code, message: `${nameOf(disk)}: ${fallback.reason}; ${read}` };
  if (fallback.inARow < 2) return [first];
  const message = `${nameOf(disk)}: change tracking could not be used ${fallback.inARow} times in a row`;
  return [first, { code: 'CBT_FALLBACK_AGAIN', message }];
}

function filterWarnings(disk: VmDisk, active: ActiveBlocks | undefined): Warning[] {
  return (active?.warnings ?? []).map(({ code, message }) => ({
    code,
    message: `${nameOf(disk)}: ${message}`,
  }));
}

/** `disk 2000 "Hard disk 1"` */
export function nameOf(disk: Pick<VmDisk, 'key' | 'label'>): string {
  return `disk ${disk.key} "${disk.label}"`;
}
