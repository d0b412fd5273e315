import { assert } from 'chai';
import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { hasCode } from '../../../../shared/base/errors.ts';
import { type ExtentSet, wholeOf } from '../../../../shared/domain/extent.ts';
import { cipherOf } from '../../../../shared/repository/device-cipher.ts';
import { MemoryStorage } from '../../../../shared/repository/storage-memory.ts';
import { CodePool } from '../../../../worker/pipeline/thread-pool.ts';
import { OpenChain } from '../../../../worker/restore/open-chain.ts';
import { PointDisk } from '../../../../worker/verify/point-disk.ts';
import { GRID, TestChain, testContext, testDevice } from '../../../support/saveset-chain.ts';

const CELLS = 40;
const CAPACITY = CELLS * GRID;
const KEY = 2000;

describe('PointDisk', () => {
  let pool: CodePool;
  let storage: MemoryStorage;
  let chain: TestChain;
  let open: OpenChain;
  before(async () => {
    pool = new CodePool({ threads: 2, gridBytes: GRID, cipher: cipherOf(null) });
    storage = new MemoryStorage();
    const device = await testDevice(storage, { segmentBytes: 16 * GRID });
    chain = new TestChain(pool);
    const full = [{ kind: 'data' as const, extents: wholeOf(30 * GRID + 512) }];
    await chain.add(device, [{ source: randomBytes(CAPACITY), layers: full, rest: 'free' }]);
    const changes = [
      { kind: 'data' as const, extents: [{ start: 3 * GRID + 512, length: 2 * GRID }] },
      { kind: 'zero' as const, extents: [{ start: 14 * GRID, length: 4 * GRID }] },
    ];
    await chain.add(device, [{ source: randomBytes(CAPACITY), layers: changes, rest: 'same' }]);
    open = await OpenChain.open(chain.links, testContext(device, pool).context);
  });
  after(async () => {
    await open[Symbol.asyncDispose]();
    await pool[Symbol.asyncDispose]();
  });

  const diskOf = (lost: ExtentSet = []): Promise<PointDisk> =>
    PointDisk.open(open, { key: KEY, capacityBytes: CAPACITY, lost }, new AbortController().signal);

  async function read(disk: PointDisk, offset: number, lengthBytes: number): Promise<Buffer> {
    const into = Buffer.alloc(lengthBytes, 0xaa);
    await disk.readInto(offset, into);
    return into;
  }

  it('reads any bytes as a restore would write them, over chunks, layers and segments', async () => {
    const disk = await diskOf();
    const model = chain.model.get(KEY)!;
    assert.deepEqual(await read(disk, 0, CAPACITY), model);
    const place = fc.record({ offset: fc.nat(CAPACITY - 1), length: fc.nat(3 * GRID) });
    await fc.assert(
      fc.asyncProperty(place, async ({ offset, length }) => {
        const end = Math.min(CAPACITY, offset + length);
        assert.isTrue((await read(disk, offset, end - offset)).equals(model.subarray(offset, end)));
      }),
      { numRuns: 100 },
    );
    assert.isAbove(disk.readBytes(), CAPACITY);
    assert.deepEqual(
      [disk.fits(0, CAPACITY), disk.fits(1, CAPACITY), disk.fits(-1, 1)],
      [true, false, false],
    );
  });

  it('refuses what is known to be lost, and reads what is beside it', async () => {
    const disk = await diskOf([{ start: 100, length: 100 }]);
    const error: unknown = await read(disk, 0, 101).catch((e: unknown) => e);
    assert.isTrue(hasCode(error, 'FS_STRUCTURE_INVALID'));
    assert.include(String(error), 'byte 100');
    assert.deepEqual(await read(disk, 200, 50), chain.model.get(KEY)!.subarray(200, 250));
  });

  it('refuses what turns out to be lost', async () => {
    const kept = [...storage.objects].filter(([name]) => name.startsWith('packs/'));
    for (const [name] of kept) storage.objects.delete(name);
    const disk = await diskOf();
    for (const at of [20 * GRID, 20 * GRID + 1]) {
      const error: unknown = await read(disk, at, 10).catch((e: unknown) => e);
      assert.isTrue(hasCode(error, 'FS_STRUCTURE_INVALID'), String(error));
      assert.include(String(error), `byte ${at}`);
    }
    assert.deepEqual(await read(disk, 15 * GRID, 10), Buffer.alloc(10), 'zeros need no pack');
    for (const [name, bytes] of kept) storage.objects.set(name, bytes);
  });
});
