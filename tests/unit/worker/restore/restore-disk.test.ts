import { assert } from 'chai';
import { randomBytes, randomInt } from 'node:crypto';
import { readFile, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { AppError } from '../../../../shared/base/errors.ts';
import { KiB } from '../../../../shared/base/units.ts';
import { type RestoreSpec } from '../../../../shared/contract/ipc.ts';
import { type ExtentSet, normalize, wholeOf } from '../../../../shared/domain/extent.ts';
import { openLocalStorage } from '../../../../shared/repository/storage-local.ts';
import { cipherOf } from '../../../../shared/repository/device-cipher.ts';
import { type OpenDevice } from '../../../../shared/repository/device.ts';
import { MemoryStorage } from '../../../../shared/repository/storage-memory.ts';
import { CodePool } from '../../../../worker/pipeline/thread-pool.ts';
import { restoreDisk } from '../../../../worker/restore/restore-disk.ts';
import { FaultyStorage } from '../../../support/faulty-storage.ts';
import { type DiskPart, GRID, TestChain, testContext, testDevice } from '../../../support/saveset-chain.ts';
import { type TempFolder, tempFolder } from '../../../support/temp.ts';
import { codeOfAsync } from '../../format/codes.ts';

const CAPACITY = 40 * GRID + 512;

const extents = (...pairs: readonly (readonly [number, number])[]): ExtentSet =>
  normalize(pairs.map(([start, length]) => ({ start, length })));

/** A disk of noise with some data, some zeros, and the rest not used. */
function aFull(): DiskPart {
  const data = extents([0, 5 * GRID + 100], [10 * GRID + 7, 12 * GRID], [CAPACITY - 512, 512]);
  const layers = [
    { kind: 'data' as const, extents: data },
    { kind: 'zero' as const, extents: extents([30 * GRID, GRID]) },
  ];
  return { source: randomBytes(CAPACITY), layers, rest: 'free' };
}

/** A few changes of each kind at random places. */
function anIncrement(): DiskPart {
  const some = (): ExtentSet =>
    normalize(
      Array.from({ length: 3 }, () => {
        const start = randomInt(CAPACITY - 1);
        return { start, length: Math.min(1 + randomInt(2 * GRID), CAPACITY - start) };
      }),
    );
  const layers = (['data', 'zero', 'free'] as const).map((kind) => ({ kind, extents: some() }));
  return { source: randomBytes(CAPACITY), layers, rest: 'same' };
}

describe('restoreDisk', () => {
  let pool: CodePool;
  let folder: TempFolder;
  before(() => {
    pool = new CodePool({ threads: 2, gridBytes: GRID, cipher: cipherOf(null) });
  });
  after(() => pool[Symbol.asyncDispose]());
  beforeEach(async () => {
    folder = await tempFolder();
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  const specOf = (chain: TestChain, more: Partial<RestoreSpec> = {}): RestoreSpec => ({
    kind: 'restore',
    taskId: 1,
    attempt: 1,
    token: 7,
    runId: 1,
    chain: chain.links,
    diskKey: 2000,
    target: { path: folder.file('disk.img'), format: 'raw', overwrite: false },
    ...more,
  });

  const localDevice = (name: string, segmentBytes = 1024 * GRID): Promise<OpenDevice> =>
    testDevice(openLocalStorage(folder.file(name)), { segmentBytes });

  /** Restores to `disk.img` and compares with the model. */
  async function assertRestores(device: OpenDevice, chain: TestChain): Promise<void> {
    const { context } = testContext(device, pool);
    await restoreDisk(specOf(chain), context);
    const restored = await readFile(folder.file('disk.img'));
    assert.isTrue(restored.equals(chain.model.get(2000)!));
  }

  for (const links of [1, 2, 9]) {
    it(`gives the bytes of a chain of ${links}`, async () => {
      const device = await testDevice(new MemoryStorage());
      const chain = new TestChain(pool);
      await chain.add(device, [aFull()]);
      for (let i = 1; i < links; i++) await chain.add(device, [anIncrement()]);
      await assertRestores(device, chain);
    });
  }

  it('reads a chain over several devices, each from its own folder', async () => {
    const [here, there] = [await localDevice('here'), await localDevice('there')];
    const chain = new TestChain(pool);
    await chain.add(there, [aFull()]);
    await chain.add(here, [anIncrement()]);
    await chain.add(there, [anIncrement()]);
    await assertRestores(here, chain);
  });

  it('restores a disk of several segments, of which the last is short', async () => {
    const device = await testDevice(new MemoryStorage(), { segmentBytes: 8 * GRID });
    const chain = new TestChain(pool);
    await chain.add(device, [aFull()]);
    for (let i = 1; i < 4; i++) await chain.add(device, [anIncrement()]);
    await assertRestores(device, chain);
  });

  it('refuses a chain over devices that describe the disk in other segments', async () => {
    const [here, there] = [await localDevice('here'), await localDevice('there', 8 * GRID)];
    const chain = new TestChain(pool);
    await chain.add(there, [aFull()]);
    await chain.add(here, [anIncrement()]);
    const { context } = testContext(here, pool);
    assert.equal(await codeOfAsync(restoreDisk(specOf(chain), context)), 'RESTORE_CHAIN_BROKEN');
  });

  it('ends the chain of a disk at the saveset where it is full', async () => {
    const storage = new MemoryStorage();
    const device = await testDevice(storage);
    const chain = new TestChain(pool);
    await chain.add(device, [aFull()]);
    await chain.add(device, [{ ...aFull(), isFull: true }]);
    await storage.remove(`savesets/${chain.links[1]!.savesetId}/manifest.json`);
    await assertRestores(device, chain);
  });

  it('counts and reports what it does, and leaves holes', async () => {
    const device = await testDevice(new MemoryStorage());
    const chain = new TestChain(pool);
    await chain.add(device, [aFull()]);
    const { context, reports } = testContext(device, pool);
    const result = await restoreDisk(specOf(chain), context);
    const used = 17 * GRID + 100 + 512;
    assert.deepInclude(result.counters, { provisioned: CAPACITY, used, zero: GRID, stored: 0 });
    assert.equal(result.counters.skipped, CAPACITY - used - GRID);
    assert.isAtLeast(result.counters.read, used);
    assert.hasAllKeys(result.phases, ['map', 'write']);
    assert.isNull(result.saveset);
    const first = { phase: 'write', what: 'disk 2000 "Hard disk 1"', doneBytes: 0, totalBytes: used };
    assert.deepEqual(reports[0], first);
    assert.deepEqual(reports.at(-1), { ...first, doneBytes: used });
    assert.isBelow((await stat(folder.file('disk.img'))).blocks * 512, CAPACITY - 8 * GRID);
  });

  it('restores one of several disks to a VMDK', async () => {
    const device = await testDevice(new MemoryStorage());
    const chain = new TestChain(pool);
    await chain.add(device, [aFull(), { ...aFull(), key: 2001 }]);
    const target = { path: folder.file('disk.vmdk'), format: 'vmdk' as const, overwrite: false };
    await restoreDisk(specOf(chain, { diskKey: 2001, target }), testContext(device, pool).context);
    const restored = await readFile(folder.file('disk-flat.vmdk'));
    assert.isTrue(restored.equals(chain.model.get(2001)!));
    assert.include(await readFile(target.path, 'utf8'), 'disk-flat.vmdk');
  });

  it('restores a disk of nothing but holes', async () => {
    const device = await testDevice(new MemoryStorage());
    const chain = new TestChain(pool);
    await chain.add(device, [{ source: Buffer.alloc(64 * KiB), layers: [], rest: 'zero' }]);
    await assertRestores(device, chain);
  });

  describe('what goes wrong', () => {
    const packsOf = async (device: OpenDevice): Promise<string[]> => {
      const names: string[] = [];
      for await (const { name } of device.storage.list('packs')) names.push(name);
      return names;
    };

    /** The code it ends with; nothing of the target may be left. */
    async function failure(device: OpenDevice, spec: RestoreSpec, signal?: AbortSignal): Promise<string> {
      const before = await readdir(folder.path);
      const code = await codeOfAsync(restoreDisk(spec, testContext(device, pool, signal).context));
      assert.deepEqual(await readdir(folder.path), before);
      return code;
    }

    async function aChain(device: OpenDevice): Promise<TestChain> {
      const chain = new TestChain(pool);
      await chain.add(device, [aFull()]);
      await chain.add(device, [anIncrement()]);
      return chain;
    }

    it('names the chunk that a truncated pack has lost', async () => {
      const device = await localDevice('device');
      const chain = new TestChain(pool);
      await chain.add(device, [aFull()]);
      for (const name of await packsOf(device)) await truncate(folder.file(`device/${name}`), 5000);
      assert.equal(await failure(device, specOf(chain)), 'REPO_CHUNK_DAMAGED');
    });

    it('names a pack that is gone', async () => {
      const device = await testDevice(new MemoryStorage());
      const chain = await aChain(device);
      for (const name of await packsOf(device)) await device.storage.remove(name);
      assert.equal(await failure(device, specOf(chain)), 'REPO_CHUNK_MISSING');
    });

    it('takes a damaged chunk from another pack, and warns', async () => {
      const storage = new MemoryStorage();
      const device = await testDevice(storage);
      const part = aFull();
      const chain = new TestChain(pool);
      await chain.add(device, [part]);
      const [first] = await packsOf(device);
      const whole = storage.objects.get(first!)!;
      storage.objects.delete(first!);
      await new TestChain(pool).add(device, [part]);
      storage.objects.set(
        first!,
        whole.map((byte, at) => (at > 2000 && at < 2010 ? byte ^ 1 : byte)),
      );
      const { context } = testContext(device, pool);
      const { warnings } = await restoreDisk(specOf(chain), context);
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ['REPO_CHUNK_ELSEWHERE'],
      );
      assert.isTrue((await readFile(folder.file('disk.img'))).equals(chain.model.get(2000)!));
    });

    it('refuses a chain without its base, a base without the disk, and an unknown disk', async () => {
      const device = await testDevice(new MemoryStorage());
      const chain = await aChain(device);
      const [newest] = chain.links;
      assert.equal(await failure(device, specOf(chain, { chain: [newest!] })), 'RESTORE_CHAIN_BROKEN');
      assert.equal(await failure(device, specOf(chain, { chain: [] })), 'RESTORE_CHAIN_BROKEN');
      assert.equal(await failure(device, specOf(chain, { diskKey: 2005 })), 'USAGE_NOT_FOUND');
      const grown = new TestChain(pool);
      await grown.add(device, [aFull()]);
      const added = {
        ...aFull(),
        key: 2001,
        layers: [{ kind: 'data' as const, extents: wholeOf(CAPACITY) }],
      };
      await grown.add(device, [added]);
      assert.equal(await failure(device, specOf(grown, { diskKey: 2001 })), 'RESTORE_CHAIN_BROKEN');
    });

    it('refuses a saveset that is not sealed, and another device at the path', async () => {
      const [here, there] = [await localDevice('here'), await localDevice('there')];
      const chain = await aChain(there);
      const { savesetId, device } = chain.links[0]!;
      const moved = { savesetId, device: { ...device, path: folder.file('here') } };
      assert.equal(await failure(here, specOf(chain, { chain: [moved] })), 'REPO_WRONG_DEVICE');
      const nowhere = { savesetId, device: { ...device, path: folder.file('nowhere') } };
      assert.equal(await failure(here, specOf(chain, { chain: [nowhere] })), 'REPO_NOT_A_DEVICE');
      await there.storage.remove(`savesets/${savesetId}/seal.json`);
      assert.equal(await failure(here, specOf(chain)), 'REPO_OBJECT_MISSING');
    });

    it('keeps a file that is there', async () => {
      const device = await testDevice(new MemoryStorage());
      const chain = await aChain(device);
      await writeFile(folder.file('disk.img'), 'older');
      assert.equal(await failure(device, specOf(chain)), 'RESTORE_TARGET_EXISTS');
      assert.equal(await readFile(folder.file('disk.img'), 'utf8'), 'older');
    });

    it('ends with the failure of the device', async () => {
      const device = await testDevice(new MemoryStorage());
      const chain = await aChain(device);
      const offline = (): AppError => new AppError('DEVICE_OFFLINE', 'Cannot read');
      const storage = new FaultyStorage(device.storage, { call: 'readRange', after: 1, error: offline });
      assert.equal(await failure({ ...device, storage }, specOf(chain)), 'DEVICE_OFFLINE');
      storage.assertHit();
    });

    it('stops for a cancel, before and in the middle', async () => {
      const device = await testDevice(new MemoryStorage());
      const chain = await aChain(device);
      const reason = new AppError('CANCELLED', 'Restore was cancelled');
      assert.equal(await failure(device, specOf(chain), AbortSignal.abort(reason)), 'CANCELLED');
      const stop = new AbortController();
      const { context } = testContext(device, pool, stop.signal);
      const stopping = { ...context, report: () => stop.abort(reason) };
      assert.equal(await codeOfAsync(restoreDisk(specOf(chain), stopping)), 'CANCELLED');
      assert.deepEqual(await readdir(folder.path), []);
    });
  });
});
