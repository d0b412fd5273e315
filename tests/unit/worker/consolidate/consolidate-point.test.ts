import { assert } from 'chai';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { AppError } from '../../../../shared/base/errors.ts';
import { type ConsolidateSpec } from '../../../../shared/contract/ipc.ts';
import { wholeOf } from '../../../../shared/domain/extent.ts';
import { listAttempts } from '../../../../shared/repository/attempts.ts';
import { type OpenDevice } from '../../../../shared/repository/device.ts';
import { readManifest, removeSaveset, seal } from '../../../../shared/repository/saveset-store.ts';
import { openLocalStorage } from '../../../../shared/repository/storage-local.ts';
import { MemoryStorage } from '../../../../shared/repository/storage-memory.ts';
import { CodePool } from '../../../../worker/pipeline/thread-pool.ts';
import { consolidatePoint } from '../../../../worker/consolidate/consolidate-point.ts';
import { restoreDisk } from '../../../../worker/restore/restore-disk.ts';
import { verifyPoint } from '../../../../worker/verify/verify-point.ts';
import { FaultyStorage } from '../../../support/faulty-storage.ts';
import { clearCipher } from '../../../support/open-devices.ts';
import { type DiskPart, GRID, TestChain, testContext, testDevice } from '../../../support/saveset-chain.ts';
import { type TempFolder, tempFolder } from '../../../support/temp.ts';
import { codeOfAsync } from '../../format/codes.ts';

const CAPACITY = 30 * GRID + 512;
const FILES = { 'vm-config.json': '{"name":"db01"}' };
const OWN = 'ee'.repeat(8);

const wholeDisk = (key: number): DiskPart => ({
  key,
  source: randomBytes(CAPACITY),
  layers: [{ kind: 'data', extents: wholeOf(CAPACITY) }],
  rest: 'free',
});

/** Writes into three cells: into the middle of one. */
const changed = (key: number, cell: number): DiskPart => ({
  key,
  source: randomBytes(CAPACITY),
  layers: [
    { kind: 'data', extents: [{ start: cell * GRID + 1000, length: 3000 }] },
    { kind: 'zero', extents: [{ start: (cell + 1) * GRID, length: GRID }] },
    { kind: 'free', extents: [{ start: (cell + 3) * GRID, length: 512 }] },
  ],
  rest: 'same',
});

describe('consolidatePoint', () => {
  let pool: CodePool;
  let folder: TempFolder;
  let storage: MemoryStorage;
  let device: OpenDevice;
  let chain: TestChain;
  before(() => {
    pool = new CodePool({ threads: 2, gridBytes: GRID, cipher: clearCipher });
  });
  after(() => pool[Symbol.asyncDispose]());
  beforeEach(async () => {
    folder = await tempFolder();
    storage = new MemoryStorage();
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  async function chainOn(segmentBytes: number): Promise<void> {
    device = await testDevice(storage, { segmentBytes });
    chain = new TestChain(pool);
    await chain.add(device, [wholeDisk(2000), wholeDisk(2001)], FILES);
    for (const cell of [3, 3, 20]) await chain.add(device, [changed(2000, cell), changed(2001, cell)], FILES);
  }

  const attempt = { taskId: 1, attempt: 1, token: 7, runId: 1 };
  const specOf = (): ConsolidateSpec => ({
    kind: 'consolidate',
    ...attempt,
    savesetId: OWN,
    device: chain.links[0]!.device,
    chain: chain.links,
  });

  /** Consolidates, seals, and removes the whole chain that was. */
  async function consolidated(): Promise<void> {
    const result = await consolidatePoint(specOf(), testContext(device, pool).context);
    assert.equal(result.saveset?.savesetId, OWN);
    await seal(device, OWN, { token: 7, sealedAt: '2026-01-31T12:20:00.000Z' });
    for (const { savesetId } of chain.links) await removeSaveset(storage, savesetId);
    chain.links.splice(0, chain.links.length, { savesetId: OWN, device: chain.links[0]!.device });
  }

  async function assertRestores(): Promise<void> {
    for (const [diskKey, expected] of chain.model) {
      const target = { path: folder.file('disk.img'), format: 'raw', overwrite: true } as const;
      const spec = { kind: 'restore', ...attempt, chain: chain.links, diskKey, target } as const;
      await restoreDisk(spec, testContext(device, pool).context);
      assert.isTrue((await readFile(folder.file('disk.img'))).equals(expected));
    }
  }

  for (const cells of [1024, 8]) {
    it(`makes a point of segments of ${cells} cells that needs no other, and reads no chunk`, async () => {
      await chainOn(cells * GRID);
      const old = chain.links[0]!.savesetId;
      const packs = [...storage.objects].filter(([name]) => name.startsWith('packs/'));
      for (const [name] of packs) storage.objects.delete(name);
      await consolidated();
      for (const [name, bytes] of packs) storage.objects.set(name, bytes);
      await assertRestores();
      const { failure } = await verifyPoint(
        { kind: 'verify', ...attempt, chain: chain.links },
        testContext(device, pool).context,
      );
      assert.isUndefined(failure);
      const { manifest } = await readManifest(device, OWN);
      assert.deepInclude(manifest, { type: 'full', base: null, standsFor: [old], ...attempt });
      assert.equal(manifest.createdAt, '2026-01-31T12:00:00.000Z');
      // two increments into the same part of a cell hide each other: a third layer is not needed
      assert.deepEqual(
        manifest.disks.map((disk) => [disk.layers.length, disk.layers[0]!.segments.length]),
        Array.from({ length: 2 }, () => [2, Math.ceil(31 / cells)]),
      );
      assert.deepEqual(await listAttempts(storage), []);
    });
  }

  it('is a base for what comes after it, and for what was built on the old point', async () => {
    await chainOn(1024 * GRID);
    const device0 = chain.links[0]!.device;
    await chain.add(device, [changed(2000, 9), changed(2001, 9)], FILES);
    const newest = chain.links.shift()!;
    await consolidated();
    chain.links.unshift(newest);
    assert.deepEqual(chain.links, [newest, { savesetId: OWN, device: device0 }]);
    await assertRestores();
    await chain.add(device, [changed(2000, 1), changed(2001, 1)], FILES);
    await assertRestores();
  });

  it('refuses a chain over several devices', async () => {
    const [here, there] = [
      await testDevice(openLocalStorage(folder.file('here'))),
      await testDevice(openLocalStorage(folder.file('there'))),
    ];
    chain = new TestChain(pool);
    await chain.add(there, [wholeDisk(2000)]);
    await chain.add(here, [changed(2000, 3)]);
    const { context } = testContext(here, pool);
    assert.equal(await codeOfAsync(consolidatePoint(specOf(), context)), 'CONSOLIDATE_NOT_POSSIBLE');
  });

  it('ends for a cancel, and with the failure of the device', async () => {
    await chainOn(1024 * GRID);
    const stop = new AbortController();
    const { context } = testContext(device, pool, stop.signal);
    const report = (): void => stop.abort(new AppError('CANCELLED', 'cancelled'));
    assert.equal(await codeOfAsync(consolidatePoint(specOf(), { ...context, report })), 'CANCELLED');
    await removeSaveset(storage, OWN);
    const full = new FaultyStorage(storage, {
      call: 'create',
      name: /2001/,
      error: () => new AppError('DEVICE_FULL', 'full'),
    });
    const { context: small } = testContext({ ...device, storage: full }, pool);
    assert.equal(await codeOfAsync(consolidatePoint(specOf(), small)), 'DEVICE_FULL');
    full.assertHit();
  });
});
