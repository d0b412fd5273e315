import { assert } from 'chai';
import { randomBytes } from 'node:crypto';
import { AppError } from '../../../../shared/base/errors.ts';
import { type VerifyReport } from '../../../../shared/contract/device-report.ts';
import { type VerifySpec } from '../../../../shared/contract/ipc.ts';
import { wholeOf } from '../../../../shared/domain/extent.ts';
import { refsOf } from '../../../../shared/format/disk-index.ts';
import { packIdOf, packName } from '../../../../shared/format/names.ts';
import { CHUNK_HEADER_BYTES } from '../../../../shared/format/pack.ts';
import { readDamageMarks } from '../../../../shared/repository/damage-marks.ts';
import { cipherOf } from '../../../../shared/repository/device-cipher.ts';
import { type OpenDevice } from '../../../../shared/repository/device.ts';
import { PackWriter } from '../../../../shared/repository/pack-writer.ts';
import { MemoryStorage } from '../../../../shared/repository/storage-memory.ts';
import { scanRecords } from '../../../../worker/check/record-scan.ts';
import { CodePool } from '../../../../worker/pipeline/thread-pool.ts';
import { OpenChain } from '../../../../worker/restore/open-chain.ts';
import { verifyPoint } from '../../../../worker/verify/verify-point.ts';
import { FaultyStorage } from '../../../support/faulty-storage.ts';
import { diskInMemory } from '../../../support/ntfs-volume.ts';
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
    return (await findings(on)).failure;
  }

  async function findings(on = device, task = spec()): Promise<{ failure: AppError; report: VerifyReport }> {
    const { failure, report } = await verifyPoint(task, testContext(on, pool).context);
    assert.equal(failure?.code, 'VERIFY_FAILED');
    assert.equal(report?.kind, 'verify');
    return { failure: failure!, report: report as VerifyReport };
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
    assert.deepEqual([result.failure, result.report], [undefined, null]);
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
      assert.equal((await verifyPoint(task, fresh)).failure?.code, 'VERIFY_FAILED');
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
    assert.isUndefined((await verifyPoint(spec(), testContext(device, pool).context)).failure);
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

  it('reports all of it: ranges, what is unreadable, other points, and why no file is named', async () => {
    for (const at of [0, 2, 4]) flip(packs()[0]!, at * (GRID + 56) + 1000);
    flip(objectOf(0, 'nvram'), 2);
    const { report } = await findings();
    const [disk] = report.disks;
    assert.deepInclude(disk, { key: 2000, label: 'Hard disk 1', chunks: 3, bytes: 3 * GRID, moreRanges: 0 });
    assert.deepEqual(
      disk!.ranges,
      [0, 2, 4].map((cell) => ({ start: cell * GRID, length: GRID })),
    );
    assert.match(disk!.reason!, /at byte 0: the restore point has lost it/);
    assert.deepEqual(
      report.unreadable.map(({ what }) => what),
      ['"nvram"'],
    );
    assert.deepEqual(report.otherPoints, [chain.links[1]!.savesetId]);
  });

  it('names the files that lie where a disk has lost bytes', async function () {
    this.timeout(30_000);
    const guest = await diskInMemory('win-gpt', 'after');
    const { bytes } = guest;
    chain = new TestChain(pool);
    const layers = [{ kind: 'data' as const, extents: wholeOf(bytes.length) }];
    await chain.add(device, [{ source: bytes, layers, rest: 'free' }]);
    const cell = Math.floor(guest.contentAt(70) / GRID);
    await damageCell(cell);
    const { failure, report } = await findings();
    const files = report.disks[0]!.volumes.flatMap((volume) => volume.files);
    assert.isNotEmpty(files);
    assert.match(files[0]!.path, /^\\Data\\/);
    assert.include(failure.message, `at bytes ${cell * GRID}-${(cell + 1) * GRID - 1} in "`);
    assert.include(failure.message, files[0]!.path);
  });

  /** Flips a byte of the record that holds a cell of the newest point. */
  async function damageCell(cell: number): Promise<void> {
    await using open = await OpenChain.open(chain.links, testContext(device, pool).context);
    const [disk] = await open.indexes(2000, 0);
    for (const { start, packId, offset } of refsOf(disk!.index))
      if (start === cell * GRID) flip(packName(packId), offset + CHUNK_HEADER_BYTES);
  }

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
      const { failure: error } = await verifyPoint(spec(), context);
      assert.equal(error?.code, 'VERIFY_FAILED');
      assert.equal(error!.facts['unreadable'], 'disk 2000 "Hard disk 1"');
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
