import { assert } from 'chai';
import { randomFillSync } from 'node:crypto';
import fc from 'fast-check';
import { deferred } from '../../../../shared/base/async.ts';
import { systemClock } from '../../../../shared/base/clock.ts';
import { AppError, hasCode } from '../../../../shared/base/errors.ts';
import { KiB } from '../../../../shared/base/units.ts';
import { buildExtentMap } from '../../../../shared/domain/extent-map.ts';
import {
  type ExtentSet,
  normalize,
  subtract,
  totalLength,
  wholeOf,
} from '../../../../shared/domain/extent.ts';
import { DiskIndexBuilder } from '../../../../shared/format/disk-index-builder.ts';
import { type DiskIndex, refsOf } from '../../../../shared/format/disk-index.ts';
import { clearCipher, onStorage } from '../../../support/open-devices.ts';
import { ChunkLookup } from '../../../../shared/repository/chunk-lookup.ts';
import { ChunkReader } from '../../../../shared/repository/chunk-reader.ts';
import { type NewChunk, PackWriter } from '../../../../shared/repository/pack-writer.ts';
import { MemoryStorage } from '../../../../shared/repository/storage-memory.ts';
import {
  type StoreInput,
  type StoreResult,
  storeExtents,
} from '../../../../worker/pipeline/store-extents.ts';
import { CodePool } from '../../../../worker/pipeline/thread-pool.ts';
import { type BlockReader } from '../../../../worker/ports.ts';

/** Small cells, so that a disk of 3 MB is many batches. */
const GRID = 4 * KiB;
const CELLS = 700;
const CAPACITY = CELLS * GRID + 512;
const never = new AbortController().signal;

/** A disk in memory that counts its reads, and can be told to fail or to stand still. */
class TestDisk implements BlockReader {
  readonly transport = 'file';
  readonly maxInFlight = 3;
  readonly capacityBytes = CAPACITY;
  readonly bytes: Uint8Array;
  running = 0;
  most = 0;
  reads = 0;
  readBytes = 0;
  onRead: (read: number, signal?: AbortSignal) => Promise<void> = () => Promise.resolve();

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  async read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    this.most = Math.max(this.most, ++this.running);
    try {
      await this.onRead(++this.reads, signal);
      this.readBytes += into.length;
      into.set(this.bytes.subarray(offset, offset + into.length));
    } finally {
      this.running--;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** Cells of one noise (0), another (1), text of their own (2) or zeros (3); what is left is zeros. */
function diskOf(kinds: readonly number[]): TestDisk {
  const bytes = Buffer.alloc(CAPACITY);
  const noise = [randomFillSync(Buffer.alloc(GRID)), randomFillSync(Buffer.alloc(GRID))];
  kinds.forEach((kind, i) => {
    const cell = bytes.subarray(i * GRID, (i + 1) * GRID);
    if (kind < 2) noise[kind]!.copy(cell);
    else if (kind === 2) cell.fill(`cell ${i} `);
  });
  return new TestDisk(bytes);
}

interface Device {
  readonly storage: MemoryStorage;
  readonly lookup: ChunkLookup;
  readonly packs: PackWriter;
}

async function device(storage = new MemoryStorage()): Promise<Device> {
  const packs = new PackWriter(storage, '00112233445566aa', { targetBytes: 300_000 });
  return { storage, lookup: await ChunkLookup.open(onStorage(storage), { signal: never }), packs };
}

describe('storeExtents', () => {
  let pool: CodePool;
  before(() => {
    pool = new CodePool({ threads: 2, gridBytes: GRID, cipher: clearCipher });
  });
  after(() => pool[Symbol.asyncDispose]());
  afterEach(() => {
    assert.equal(pool.ring.freeSlots, pool.ring.shape.slots, 'every slot is free again');
  });

  const store = (
    { packs, lookup }: Device,
    disk: BlockReader,
    read: ExtentSet,
    more: Partial<StoreInput> = {},
  ): Promise<StoreResult> =>
    storeExtents({
      reader: disk,
      read,
      pool,
      lookup,
      packs,
      index: { add: () => undefined },
      clock: systemClock,
      signal: never,
      ...more,
    });

  async function storeWithIndex(
    to: Device,
    disk: BlockReader,
    read: ExtentSet,
  ): Promise<{ result: StoreResult; index: DiskIndex }> {
    const builder = new DiskIndexBuilder(CAPACITY, GRID);
    const result = await store(to, disk, read, { index: builder });
    await to.packs.finish();
    const data = subtract(read, result.zeroCells);
    const layers = [
      { kind: 'data', extents: data },
      { kind: 'zero', extents: result.zeroCells },
    ] as const;
    return { result, index: builder.finish(buildExtentMap(CAPACITY, layers, 'free').runs) };
  }

  /** What a restore of the index gives: chunks at their places, zeros elsewhere. */
  async function readBack(storage: MemoryStorage, index: DiskIndex): Promise<Buffer> {
    const disk = Buffer.alloc(CAPACITY);
    await using chunks = new ChunkReader(onStorage(storage));
    for (const ref of refsOf(index)) {
      await chunks.read(ref, disk.subarray(ref.start, ref.start + ref.plainLength));
    }
    return disk;
  }

  function maskedTo(bytes: Uint8Array, read: ExtentSet): Buffer {
    const masked = Buffer.alloc(CAPACITY);
    for (const { start, length } of read) masked.set(bytes.subarray(start, start + length), start);
    return masked;
  }

  it('stores what reads back as the source, and zeros where nothing was to be read', async function () {
    this.timeout(60_000);
    const kinds = fc.array(fc.nat(3), { minLength: CELLS, maxLength: CELLS });
    const extents = fc.array(
      fc.record({ start: fc.nat(CAPACITY - 1), length: fc.integer({ min: 1, max: 60 * GRID }) }),
      { maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(kinds, extents, async (cells, wanted) => {
        const disk = diskOf(cells);
        const read = normalize(
          wanted.map(({ start, length }) => ({ start, length: Math.min(length, CAPACITY - start) })),
        );
        const to = await device();
        const { result, index } = await storeWithIndex(to, disk, read);
        assert.isTrue((await readBack(to.storage, index)).equals(maskedTo(disk.bytes, read)));
        const { zero, known, fresh } = result.counters;
        assert.equal(zero + known + fresh, totalLength(read));
        assert.equal(zero, totalLength(result.zeroCells));
        assert.isAtMost(disk.most, disk.maxInFlight);
      }),
      { numRuns: 40 },
    );
  });

  it('stores equal chunks once, also when they are under way together', async () => {
    const disk = diskOf(new Array<number>(CELLS).fill(1));
    const to = await device();
    const { result, index } = await storeWithIndex(to, disk, wholeOf(CELLS * GRID));
    assert.equal(result.counters.fresh, GRID);
    assert.equal(result.counters.known, (CELLS - 1) * GRID);
    assert.isBelow(result.counters.stored, GRID + 200);
    assert.equal(index.packs.length, 1);
  });

  it('stores nothing for zeros', async () => {
    const to = await device();
    const { result } = await storeWithIndex(to, diskOf([]), wholeOf(CAPACITY));
    assert.deepEqual(result.zeroCells, wholeOf(CAPACITY));
    assert.deepEqual(result.counters, { read: CAPACITY, zero: CAPACITY, known: 0, fresh: 0, stored: 0 });
    assert.deepEqual(await to.packs.finish().catch(() => 'ended'), 'ended');
    assert.equal(to.storage.objects.size, 0);
  });

  it('stores nothing anew that the device already had', async () => {
    const disk = diskOf([0, 1, 2, 2, 2, 0, 1]);
    const first = await device();
    await storeWithIndex(first, disk, wholeOf(7 * GRID));
    const second = await device(first.storage);
    const { result, index } = await storeWithIndex(second, disk, wholeOf(7 * GRID));
    assert.deepEqual(result.counters, { read: 7 * GRID, zero: 0, known: 7 * GRID, fresh: 0, stored: 0 });
    assert.isTrue((await readBack(first.storage, index)).equals(maskedTo(disk.bytes, wholeOf(7 * GRID))));
  });

  it('codes a chunk anew when a thread took it for known and its owner does not', async () => {
    const disk = diskOf([2, 1, 2]);
    const whole = wholeOf(3 * GRID);
    const first = await device();
    await storeWithIndex(first, disk, whole);
    const to = await device(new MemoryStorage());
    const forgetful = {
      shared: (await device(first.storage)).lookup.shared,
      mayHave: () => true,
      find: () => undefined,
      add: () => undefined,
    };
    const builder = new DiskIndexBuilder(CAPACITY, GRID);
    const { counters } = await store(to, disk, whole, { lookup: forgetful, index: builder });
    await to.packs.finish();
    assert.equal(counters.fresh, 3 * GRID);
    assert.isBelow(counters.stored, 2 * GRID);
    const map = buildExtentMap(CAPACITY, [{ kind: 'data', extents: whole }], 'free');
    const back = await readBack(to.storage, builder.finish(map.runs));
    assert.isTrue(back.equals(maskedTo(disk.bytes, whole)));
  });

  it('does nothing for no extents', async () => {
    const disk = diskOf([0]);
    const result = await store(await device(), disk, []);
    assert.deepEqual(result.counters, { read: 0, zero: 0, known: 0, fresh: 0, stored: 0 });
    assert.equal(disk.reads, 0);
  });

  it('tells how far it is, to the last byte', async () => {
    const steps: number[] = [];
    await store(await device(), diskOf([0, 1, 2, 3]), wholeOf(CAPACITY), {
      onProgress: (done) => steps.push(done),
    });
    assert.equal(steps.at(-1), CAPACITY);
    assert.deepEqual(
      steps,
      steps.toSorted((a, b) => a - b),
    );
  });

  it('reads no further ahead than it has slots while the device stands still', async () => {
    const { slots, cellsPerSlot } = pool.ring.shape;
    const disk = new TestDisk(randomFillSync(Buffer.alloc(CAPACITY)));
    const to = await device();
    const gate = deferred<undefined>();
    const packs = {
      writtenBytes: 0,
      append: async (chunk: NewChunk) => {
        await gate.promise;
        return to.packs.append(chunk);
      },
    };
    const storing = store(to, disk, wholeOf(CAPACITY), { packs });
    const mostBytes = slots * cellsPerSlot * GRID;
    while (disk.readBytes < mostBytes) await systemClock.sleep(1);
    await systemClock.sleep(20);
    assert.equal(disk.readBytes, mostBytes);
    assert.isBelow(disk.readBytes, CAPACITY);
    gate.resolve(undefined);
    assert.equal((await storing).counters.fresh, CAPACITY);
  });

  describe('when something fails', () => {
    const reason = new AppError('CANCELLED', 'Test was cancelled');
    const standStill = (_read: number, signal?: AbortSignal): Promise<void> =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });

    it('ends with the reason of the signal, and nothing runs any more', async () => {
      const disk = diskOf([0, 1, 2]);
      const stop = new AbortController();
      disk.onRead = (read, signal) => {
        if (read === 2) queueMicrotask(() => stop.abort(reason));
        return read === 1 ? Promise.resolve() : standStill(read, signal);
      };
      const error = await store(await device(), disk, wholeOf(CAPACITY), { signal: stop.signal }).catch(
        (e: unknown) => e,
      );
      assert.strictEqual(error, reason);
      assert.equal(disk.running, 0);
    });

    it('ends with the first failure of a read, though an earlier read stands still', async () => {
      const disk = diskOf([0, 1, 2]);
      const failure = new AppError('TRANSPORT_SHORT_READ', 'Cannot read the disk: it ended');
      disk.onRead = (read, signal) => (read === 2 ? Promise.reject(failure) : standStill(read, signal));
      const error = await store(await device(), disk, wholeOf(CAPACITY)).catch((e: unknown) => e);
      assert.strictEqual(error, failure);
      assert.equal(disk.running, 0);
    });

    it('ends with the failure of the device', async () => {
      const disk = diskOf([0, 1, 2, 0, 1, 2]);
      const failure = new AppError('DEVICE_FULL', 'Cannot write: the device is full');
      const packs = { writtenBytes: 0, append: () => Promise.reject(failure) };
      const error = await store(await device(), disk, wholeOf(CAPACITY), { packs }).catch((e: unknown) => e);
      assert.strictEqual(error, failure);
      assert.equal(disk.running, 0);
    });

    it('does not begin under an aborted signal', async () => {
      const disk = diskOf([0]);
      const error = await store(await device(), disk, wholeOf(GRID), {
        signal: AbortSignal.abort(reason),
      }).catch((e: unknown) => e);
      assert.isTrue(hasCode(error, 'CANCELLED'));
      assert.equal(disk.reads, 0);
    });
  });
});
