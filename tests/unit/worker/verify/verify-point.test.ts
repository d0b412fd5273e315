import { assert } from 'chai';
import { randomBytes } from 'node:crypto';
import { AppError, hasCode } from '../../../../shared/base/errors.ts';
import { type VerifySpec } from '../../../../shared/contract/ipc.ts';
import { wholeOf } from '../../../../shared/domain/extent.ts';
import { packIdOf } from '../../../../shared/format/names.ts';
import { CHUNK_HEADER_BYTES } from '../../../../shared/format/pack.ts';
import { readDamageMarks } from '../../../../shared/repository/damage-marks.ts';
import { cipherOf } from '../../../../shared/repository/device-cipher.ts';
import { type OpenDevice } from '../../../../shared/repository/device.ts';
import { PackWriter } from '../../../../shared/repository/pack-writer.ts';
import { MemoryStorage } from '../../../../shared/repository/storage-memory.ts';
import { scanRecords } from '../../../../worker/check/record-scan.ts';
import { CodePool } from '../../../../worker/pipeline/thread-pool.ts';
import { verifyPoint } from '../../../../worker/verify/verify-point.ts';
import { FaultyStorage } from '../../../support/faulty-storage.ts';
import { type DiskPart, GRID, TestChain, testContext, testDevice } from '../../../support/saveset-chain.ts';
import { codeOfAsync } from '../../format/codes.ts';

const CELLS = 50;
const CAPACITY = CELLS * GRID;
const FILES = { 'vm-config.json': '{"name":"db01"}', nvram: 'firmware' };

const wholeDisk = (key: number): DiskPart => ({
  key,
  source: randomBytes(CAPACITY),
  layers: [{ kind: 'data', extents: wholeOf(CAPACITY) }],
  rest: 'free',
});

const changed = (key: number, cell: number): DiskPart => ({
  key,
  source: randomBytes(CAPACITY),
  layers: [{ kind: 'data', extents: [{ start: cell * GRID, length: GRID }] }],
  rest: 'same',
});

describe('verifyPoint', () => {
  let pool: CodePool;
  let storage: MemoryStorage;
  let device: OpenDevice;
  let chain: TestChain;
  before(() => {
    pool = new CodePool({ threads: 2, gridBytes: GRID, cipher: cipherOf(null) });
  });
  after(() => pool[Symbol.asyncDispose]());
  beforeEach(async () => {
    storage = new MemoryStorage();
    device = await testDevice(storage);
    chain = new TestChain(pool);
    await chain.add(device, [wholeDisk(2000), wholeDisk(2001)], FILES);
    await chain.add(device, [changed(2000, 3), changed(2001, 7)], FILES);
  });

  const spec = (): VerifySpec => ({
    kind: 'verify',
    taskId: 1,
    attempt: 1,
    token: 7,
    runId: 1,
    chain: chain.links,
  });

  async function failure(on = device): Promise<AppError> {
    const error = await verifyPoint(spec(), testContext(on, pool).context).catch((e: unknown) => e);
    assert.isTrue(hasCode(error, 'VERIFY_FAILED'), String(error));
    return error as AppError;
  }

  const objectOf = (link: number, name: string): string => `savesets/${chain.links[link]!.savesetId}/${name}`;

  const packs = (): string[] => [...storage.objects.keys()].filter((name) => name.startsWith('packs/'));

  const flip = (name: string, at: number): void => {
    const bytes = new Uint8Array(storage.objects.get(name)!);
    bytes[at]! ^= 1;
    storage.objects.set(name, bytes);
  };

  it('reads every chunk of every disk of a sound point', async () => {
    const { context, reports } = testContext(device, pool);
    const result = await verifyPoint(spec(), context);
    assert.deepEqual(result.warnings, []);
    assert.deepInclude(result.counters, { provisioned: 2 * CAPACITY, used: 2 * CAPACITY });
    assert.isAtLeast(result.counters.read, 2 * CAPACITY);
    assert.hasAllKeys(result.phases, ['read']);
    const ends = reports.filter(({ doneBytes }) => doneBytes === CAPACITY).map(({ what }) => what);
    assert.deepEqual(ends, ['disk 2000 "Hard disk 1"', 'disk 2001 "Hard disk 2"']);
  });

  it('names disk, chunks and bytes of one damaged record, marks it, and reads all the others', async () => {
    const first = packs()[0]!;
    flip(first, 1000);
    const error = await failure();
    assert.deepInclude(error.facts, {
      disks: '2000',
      chunks: 1,
      bytes: GRID,
      ranges: `2000: 0-${GRID - 1}`,
      unreadable: '',
    });
    assert.include(error.message, `disk 2000 "Hard disk 1" lost 1 chunk, 16.0 KiB at bytes 0-${GRID - 1}`);
    const packId = /([0-9a-f]{32})\.pack$/.exec(first)![1]!;
    const marks = await readDamageMarks(storage);
    assert.equal(marks.size, 1);
    assert.isTrue([...marks][0]!.startsWith(`${packId}.`));
  });

  it('marks a damaged record also when its chunk is sound elsewhere, so that reclaiming keeps that one', async () => {
    const first = packs()[0]!;
    const pack = { packId: packIdOf(first)!, lengthBytes: storage.objects.get(first)!.length };
    await using copies = new PackWriter(storage, 'ab'.repeat(8));
    for await (const record of scanRecords(storage, pack, new AbortController().signal))
      await copies.append({ ...record, payload: record.bytes.subarray(CHUNK_HEADER_BYTES) });
    await copies.finish();
    flip(first, 1000);
    const { warnings } = await verifyPoint(spec(), testContext(device, pool).context);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['REPO_CHUNK_ELSEWHERE'],
    );
    assert.equal((await readDamageMarks(storage)).size, 1);
  });

  it('reads what points of a chain share once in a run, and tells damage of each all the same', async () => {
    const { context } = testContext(device, pool);
    const newest = await verifyPoint(spec(), context);
    const older = { ...spec(), chain: chain.links.slice(1) };
    const again = await verifyPoint(older, context);
    // the two cells that the increment changed
    assert.deepEqual([newest.counters.read >= 2 * CAPACITY, again.counters.read], [true, 2 * GRID]);
    assert.equal(again.counters.used, 2 * CAPACITY);
    flip(packs()[0]!, 1000);
    const fresh = testContext(device, pool).context;
    for (const task of [spec(), older]) {
      const error: unknown = await verifyPoint(task, fresh).catch((e: unknown) => e);
      assert.isTrue(hasCode(error, 'VERIFY_FAILED'), String(error));
    }
  });

  it('names the other points that use what is damaged', async () => {
    flip(packs()[0]!, 1000);
    const error = await failure();
    const base = chain.links[1]!.savesetId;
    assert.equal(error.facts['others'], base);
    assert.include(error.message, `the same records are used by ${base}`);
  });

  it('does not care for damage that a newer saveset hides', async () => {
    const first = packs()[0]!;
    flip(first, 3 * (GRID + 100) + 1000);
    await verifyPoint(spec(), testContext(device, pool).context);
  });

  it('collects all that is lost, of both disks and the files', async () => {
    for (const name of packs()) storage.objects.set(name, storage.objects.get(name)!.subarray(0, 20_000));
    flip(objectOf(0, 'nvram'), 2);
    storage.objects.delete(objectOf(0, 'vm-config.json'));
    const error = await failure();
    assert.equal(error.facts['disks'], '2000, 2001');
    assert.isAbove(Number(error.facts['chunks']), CELLS);
    assert.equal(error.facts['unreadable'], '"vm-config.json"; "nvram"');
    assert.include(error.message, '"nvram" is lost');
    assert.isBelow(error.message.length, 1500);
  });

  it('counts the chunks of packs that are gone, and marks nothing', async () => {
    for (const name of packs()) storage.objects.delete(name);
    const error = await failure();
    assert.deepInclude(error.facts, { disks: '2000, 2001', chunks: 2 * CELLS, bytes: 2 * CAPACITY });
    assert.equal((await readDamageMarks(storage)).size, 0);
  });

  for (const [what, name, link] of [
    ['its index', 'disk-2000.0.0.index', 0],
    ['the index of its base', 'disk-2000.0.0.index', 1],
  ] as const) {
    it(`names a disk that has lost ${what}, and verifies the other`, async () => {
      flip(objectOf(link, name), 100);
      const { context, reports } = testContext(device, pool);
      const error = await verifyPoint(spec(), context).catch((e: unknown) => e);
      assert.isTrue(hasCode(error, 'VERIFY_FAILED'));
      assert.equal((error as AppError).facts['unreadable'], 'disk 2000 "Hard disk 1"');
      assert.deepEqual([...new Set(reports.map((report) => report.what))], ['disk 2001 "Hard disk 2"']);
    });
  }

  it('names the bytes of the disk, not of the segment', async () => {
    device = await testDevice((storage = new MemoryStorage()), { segmentBytes: 20 * GRID });
    chain = new TestChain(pool);
    await chain.add(device, [wholeDisk(2000)]);
    const { reports, context } = testContext(device, pool);
    await verifyPoint(spec(), context);
    assert.equal(reports.at(-1)?.doneBytes, CAPACITY);
    for (const name of packs().slice(-1)) storage.objects.delete(name);
    const { facts } = await failure();
    assert.match(String(facts['ranges']), new RegExp(`-${CAPACITY - 1}$`));
  });

  it('names a manifest or a seal that is lost', async () => {
    storage.objects.delete(objectOf(1, 'manifest.json'));
    const facts = (await failure()).facts;
    assert.equal(facts['unreadable'], 'disk 2000 "Hard disk 1"; disk 2001 "Hard disk 2"');
    storage.objects.delete(objectOf(0, 'seal.json'));
    assert.equal((await failure()).facts['unreadable'], 'the manifest');
  });

  it('tells what is lost on a device that takes no marks', async () => {
    flip(packs()[0]!, 1000);
    const error = (): AppError => new AppError('REPO_WRITE_FAILED', 'Cannot write');
    const readOnly = new FaultyStorage(storage, { call: 'put', error });
    assert.equal((await failure({ ...device, storage: readOnly })).facts['chunks'], 1);
    readOnly.assertHit();
  });

  it('is no verdict when the device goes away, or the task is cancelled', async () => {
    const offline = (): AppError => new AppError('DEVICE_OFFLINE', 'Cannot read');
    const going = new FaultyStorage(storage, { call: 'readRange', after: 1, error: offline });
    const { context } = testContext({ ...device, storage: going }, pool);
    assert.equal(await codeOfAsync(verifyPoint(spec(), context)), 'DEVICE_OFFLINE');
    const stop = new AbortController();
    const stopped = testContext(device, pool, stop.signal).context;
    const report = (): void => stop.abort(new AppError('CANCELLED', 'Verification was cancelled'));
    assert.equal(await codeOfAsync(verifyPoint(spec(), { ...stopped, report })), 'CANCELLED');
  });
});
