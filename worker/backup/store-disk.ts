/**
 * One disk from its snapshot into chunks, segment after segment: read, code, store, and the index of what is now on the
 * device. Only the maps of the whole disk stay in memory, and the index of the segment that is under way.
 */
import { type ByteCounters } from '../../shared/domain/task.ts';
import { type ExtentMap, buildExtentMap, bytesOf, select } from '../../shared/domain/extent-map.ts';
import {
  type Extent,
  type ExtentSet,
  cutOut,
  endOf,
  shift,
  slice,
  subtract,
  totalLength,
  union,
} from '../../shared/domain/extent.ts';
import { DiskIndexBuilder } from '../../shared/format/disk-index-builder.ts';
import { refCount } from '../../shared/format/disk-index.ts';
import { segmentsOf } from '../../shared/format/segments.ts';
import { type ChunkLookup } from '../../shared/repository/chunk-lookup.ts';
import { type PackWriter } from '../../shared/repository/pack-writer.ts';
import { type StoreCounters, type StoreWaits, storeExtents } from '../pipeline/store-extents.ts';
import { type TaskContext } from '../task-context.ts';
import { type IndexWriter } from './index-writer.ts';
import { type OpenedDisk } from './open-disks.ts';

export interface StoredDisk {
  readonly opened: OpenedDisk;
  /** Of all segments. */
  readonly freeBytes: number;
  readonly packs: number;
  readonly chunks: number;
  readonly counters: ByteCounters;
  readonly waits: StoreWaits;
}

export interface StoreDiskInput {
  readonly opened: OpenedDisk;
  readonly lookup: ChunkLookup;
  readonly packs: PackWriter;
  readonly indexes: IndexWriter;
  readonly onProgress: (doneBytes: number) => void;
}

export async function storeDisk(input: StoreDiskInput, context: TaskContext): Promise<StoredDisk> {
  const { opened, indexes } = input;
  const { disk, map } = opened;
  const { segmentBytes } = context.stream.header;
  const knownZero = select(map.plan.map, 'zero');
  const sum = { freeBytes: 0, packs: 0, chunks: 0 };
  let counters: StoreCounters = { read: 0, zero: 0, known: 0, fresh: 0, stored: 0 };
  let waits: StoreWaits = { sourceMs: 0, threadsMs: 0, deviceMs: 0 };
  let segment = 0;
  for (const extent of segmentsOf(disk.capacityBytes, segmentBytes)) {
    const doneBytes = counters.zero + counters.known + counters.fresh;
    const stored = await storeSegment({ ...input, extent, knownZero, doneBytes }, context);
    sum.freeBytes += bytesOf(stored.index, 'free');
    sum.packs += stored.index.packs.length;
    sum.chunks += refCount(stored.index);
    counters = addCounters(counters, stored.counters);
    waits = addWaits(waits, stored.waits);
    await indexes.add(disk.key, segment++, stored.index);
  }
  return {
    opened,
    ...sum,
    waits,
    counters: {
      provisioned: disk.capacityBytes,
      used: map.usedBytes,
      changed: map.changedBytes,
      skipped: totalLength(map.plan.skipped),
      ...counters,
    },
  };
}

interface SegmentInput extends StoreDiskInput {
  readonly extent: Extent;
  readonly knownZero: ExtentSet;
  /** Of earlier segments. */
  readonly doneBytes: number;
}

async function storeSegment(input: SegmentInput, context: TaskContext) {
  const { opened, lookup, packs, extent, doneBytes, onProgress } = input;
  const builder = new DiskIndexBuilder(extent.length, context.stream.header.gridBytes);
  const { zeroCells, counters, waits } = await storeExtents({
    reader: opened.reader,
    read: slice(opened.map.plan.read, extent.start, endOf(extent)),
    pool: context.stream.pool,
    lookup,
    packs,
    index: { add: (ref) => builder.add({ ...ref, start: ref.start - extent.start }) },
    clock: context.clock,
    signal: context.signal,
    onProgress: (bytes) => onProgress(doneBytes + bytes),
  });
  const map = finalMap(input, shift(zeroCells, -extent.start));
  return { index: builder.finish(map.runs), counters, waits };
}

/** @param zero - cells of the segment that were read and held zeros */
function finalMap({ opened, extent, knownZero }: SegmentInput, zero: ExtentSet): ExtentMap {
  const { read, dropped } = opened.map.plan;
  return buildExtentMap(
    extent.length,
    [
      { kind: 'data', extents: subtract(cutOut(read, extent), zero) },
      { kind: 'zero', extents: union(cutOut(knownZero, extent), zero) },
      { kind: 'free', extents: cutOut(dropped, extent) },
    ],
    'same',
  );
}

function addCounters(a: StoreCounters, b: StoreCounters): StoreCounters {
  return {
    read: a.read + b.read,
    zero: a.zero + b.zero,
    known: a.known + b.known,
    fresh: a.fresh + b.fresh,
    stored: a.stored + b.stored,
  };
}

function addWaits(a: StoreWaits, b: StoreWaits): StoreWaits {
  return {
    sourceMs: a.sourceMs + b.sourceMs,
    threadsMs: a.threadsMs + b.threadsMs,
    deviceMs: a.deviceMs + b.deviceMs,
  };
}
