/**
 * The law of restoring: whatever a guest wrote and whatever was dropped between points, the resolved chain gives the disk
 * of the newest point, except where it is `free`.
 */
import { assert } from 'chai';
import fc from 'fast-check';
import { type Extent, complement, endOf, normalize } from '../../shared/domain/extent.ts';
import { planDiskRead, withoutBase } from '../../shared/domain/disk-read-plan.ts';
import { select } from '../../shared/domain/extent-map.ts';
import { DiskIndexBuilder } from '../../shared/format/disk-index-builder.ts';
import { cellSpans } from '../../shared/format/disk-index.ts';
import { chunkIdOf } from '../../shared/format/hash.ts';
import { ChunkReader } from '../../shared/repository/chunk-reader.ts';
import { PackWriter } from '../../shared/repository/pack-writer.ts';
import { type ChainDisk, resolveDisk, summarize } from '../../shared/repository/resolve-disk.ts';
import { MemoryStorage } from '../../shared/repository/storage-memory.ts';
import { onStorage } from '../support/open-devices.ts';
import { store } from '../unit/repository/chunks.ts';

const CAPACITY = 40_000;
const GRID = 4096;

const anyExtents = fc.array(
  fc.record({ start: fc.nat(CAPACITY - 1), length: fc.integer({ min: 1, max: 9000 }) }),
  { maxLength: 6 },
);
const cut = (extents: readonly Extent[]): readonly Extent[] =>
  normalize(extents.map(({ start, length }) => ({ start, length: Math.min(length, CAPACITY - start) })));
/** One point: what the guest wrote before it, and what it does not use at its time. */
const anyPoint = fc.record({
  written: anyExtents,
  unused: anyExtents,
  fill: fc.integer({ min: 1, max: 255 }),
});

/** Backs up `disk` as an increment on `chain`, newest first. */
async function backUp(
  storage: MemoryStorage,
  chain: readonly ChainDisk[],
  at: { disk: Uint8Array; keep: readonly Extent[]; changed: readonly Extent[] },
): Promise<ChainDisk> {
  const base = chain[0];
  const common = { capacityBytes: CAPACITY, keep: at.keep, knownZero: [] };
  const plan = planDiskRead(
    base === undefined
      ? withoutBase(common)
      : { ...common, changed: at.changed, droppedBefore: select(base.index, 'free') },
  );
  const packs = new PackWriter(storage, '00112233445566aa', { targetBytes: 5000 });
  const builder = new DiskIndexBuilder(CAPACITY, GRID);
  for (const span of cellSpans(plan.map, GRID)) {
    const chunk = new Uint8Array(span.length);
    for (const { start, length } of plan.read) {
      const [from, to] = [Math.max(start, span.start), Math.min(start + length, endOf(span))];
      if (from < to) chunk.set(at.disk.subarray(from, to), from - span.start);
    }
    builder.add({ ...(await store(packs, chunk)), start: span.start });
  }
  await packs.finish();
  return { savesetId: String(chain.length), deviceId: 'd', index: builder.finish(plan.map.runs) };
}

async function restore(storage: MemoryStorage, chain: readonly ChainDisk[]): Promise<Uint8Array> {
  const disk = new Uint8Array(CAPACITY);
  const times = new Uint8Array(CAPACITY);
  const resolved = resolveDisk(chain);
  await using reader = new ChunkReader(onStorage(storage));
  const options = { signal: new AbortController().signal, concurrency: 2 };
  await reader.readMany(resolved.reads, options, (read, bytes) => {
    assert.deepEqual(Buffer.from(chunkIdOf(bytes)), Buffer.from(read.id));
    for (const { start, length, offsetInChunk } of read.writes) {
      disk.set(bytes.subarray(offsetInChunk, offsetInChunk + length), start);
      for (let i = start; i < start + length; i++) times[i]!++;
    }
  });
  let position = 0;
  for (const run of resolved.runs) {
    assert.equal(run.start, position);
    position += run.length;
    const expected = run.kind === 'data' ? 1 : 0;
    assert.isTrue(times.subarray(run.start, position).every((count) => count === expected));
  }
  assert.equal(position, CAPACITY);
  assert.equal(summarize(resolved).chunks, resolved.readCount);
  return disk;
}

describe('resolveDisk', () => {
  it('restores the disk of the newest point from any chain, each byte written once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyPoint, { minLength: 1, maxLength: 5 }), async (points) => {
        const storage = new MemoryStorage();
        const disk = Buffer.alloc(CAPACITY);
        let chain: readonly ChainDisk[] = [];
        for (const { written, unused, fill } of points) {
          const changed = cut(written);
          for (const { start, length } of changed) disk.fill(fill, start, start + length);
          const keep = complement(cut(unused), CAPACITY);
          chain = [await backUp(storage, chain, { disk, keep, changed }), ...chain];
          const restored = await restore(storage, chain);
          for (const { start, length } of keep) {
            assert.isTrue(
              disk.subarray(start, start + length).equals(restored.subarray(start, start + length)),
            );
          }
        }
      }),
      { numRuns: 40 },
    );
  }).timeout(60_000);
});
