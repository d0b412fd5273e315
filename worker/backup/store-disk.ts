/** One disk from its snapshot into chunks: read, code, store, and the map and refs of what is now on the device. */
import { type ByteCounters } from '../../shared/domain/task.ts';
import { buildExtentMap, select } from '../../shared/domain/extent-map.ts';
import { subtract, totalLength, union } from '../../shared/domain/extent.ts';
import { DiskIndexBuilder } from '../../shared/format/disk-index-builder.ts';
import { type DiskIndex } from '../../shared/format/disk-index.ts';
import { type ChunkLookup } from '../../shared/repository/chunk-lookup.ts';
import { type PackWriter } from '../../shared/repository/pack-writer.ts';
import { storeExtents, type StoreWaits } from '../pipeline/store-extents.ts';
import { type TaskContext } from '../task-context.ts';
import { type OpenedDisk } from './open-disks.ts';

export interface StoredDisk {
  readonly opened: OpenedDisk;
  readonly index: DiskIndex;
  readonly counters: ByteCounters;
  readonly waits: StoreWaits;
}

export interface StoreDiskInput {
  readonly opened: OpenedDisk;
  readonly lookup: ChunkLookup;
  readonly packs: PackWriter;
  readonly onProgress: (doneBytes: number) => void;
}

export async function storeDisk(input: StoreDiskInput, context: TaskContext): Promise<StoredDisk> {
  const { opened, lookup, packs, onProgress } = input;
  const { disk, reader, map } = opened;
  const { plan } = map;
  const builder = new DiskIndexBuilder(disk.capacityBytes, context.stream.header.gridBytes);
  const { zeroCells, counters, waits } = await storeExtents({
    reader,
    read: plan.read,
    pool: context.stream.pool,
    lookup,
    packs,
    index: builder,
    clock: context.clock,
    signal: context.signal,
    onProgress,
  });
  const final = buildExtentMap(
    disk.capacityBytes,
    [
      { kind: 'data', extents: subtract(plan.read, zeroCells) },
      { kind: 'zero', extents: union(select(plan.map, 'zero'), zeroCells) },
      { kind: 'free', extents: plan.dropped },
    ],
    'same',
  );
  return {
    opened,
    index: builder.finish(final.runs),
    waits,
    counters: {
      provisioned: disk.capacityBytes,
      used: map.usedBytes,
      changed: map.changedBytes,
      skipped: totalLength(plan.skipped),
      ...counters,
    },
  };
}
