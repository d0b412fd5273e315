import { assert } from 'chai';
import { MemoryStorage } from '../../../../shared/repository/storage-memory.ts';
import { packName } from '../../../../shared/format/names.ts';
import { markDamaged } from '../../../../shared/repository/damage-marks.ts';
import { refsOf } from '../../../../shared/format/disk-index.ts';
import { beginAttempt } from '../../../../shared/repository/attempts.ts';
import { ReclaimWorld, newId, smallDevice, smallStream } from '../../../support/reclaim-world.ts';
import { rejectsCode } from '../../vsphere/throws-code.ts';

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('reclaim', () => {
  let storage: MemoryStorage;
  let world: ReclaimWorld;

  beforeEach(async () => {
    storage = new MemoryStorage();
    world = new ReclaimWorld(await smallDevice(storage));
  });

  it('leaves a device alone on which everything is in use', async () => {
    await world.write(range(1, 13));
    const before = [...storage.objects.keys()].sort();
    const report = await world.reclaim();
    assert.deepEqual([...storage.objects.keys()].sort(), before);
    assert.deepInclude(report, { points: 1, unused: { packs: 0, bytes: 0 }, waiting: [], leftAlone: [] });
    assert.equal(report.found.packs, 2);
  });

  it('removes packs that no restore point uses', async () => {
    const first = await world.write(range(1, 13));
    await world.write(range(20, 26));
    await world.remove(first);
    const report = await world.reclaim();
    assert.equal(report.removed.packs, 2);
    assert.equal(report.removed.bytes, report.unused.bytes);
    assert.deepEqual(await world.packs(), await world.livePacks());
    await world.assertAllRestorable();
    assert.deepEqual(await world.names('reclaim'), []);
    assert.deepEqual(await world.names('incoming'), []);
  });

  it('only says what it would do in a dry run', async () => {
    await world.remove(await world.write(range(1, 13)));
    const before = [...storage.objects.keys()].sort();
    const report = await world.reclaim({ dryRun: true });
    assert.deepEqual([...storage.objects.keys()].sort(), before);
    assert.equal(report.unused.packs, 2);
    assert.equal(report.removed.packs, 0);
  });

  it('rewrites packs of which little is in use', async () => {
    const first = await world.write(range(1, 13));
    const second = await world.write([1, 2, 7, 30, 31, 32]);
    await world.remove(first);
    const report = await world.reclaim();
    assert.equal(report.sparse.packs, 2);
    assert.equal(report.removed.packs, 2);
    assert.deepEqual(await world.packs(), await world.livePacks());
    await world.assertAllRestorable();
    assert.lengthOf(await world.names('moved'), 2);
    await world.remove(second);
    await world.reclaim();
    assert.deepEqual(await world.packs(), []);
    await world.reclaim();
    assert.deepEqual(await world.names('moved'), []);
  });

  it('leaves no folder behind that no pack is in', async () => {
    const first = await world.write(range(1, 7));
    await world.write([50]);
    await world.remove(first);
    await world.reclaim();
    const folders: string[] = [];
    for await (const folder of world.device.storage.listFolders('packs')) folders.push(folder);
    const expected = new Set((await world.packs()).map((packId) => packId.slice(0, 2)));
    assert.sameMembers(folders, [...expected]);
  });

  it('follows records that have moved before', async () => {
    const first = await world.write(range(1, 13));
    const second = await world.write([1, 2, 7, 8, 30]);
    const third = await world.write([1, 40, 41, 42]);
    await world.remove(first);
    await world.reclaim();
    await world.remove(second);
    await world.reclaim();
    await world.reclaim();
    await world.assertAllRestorable();
    assert.deepEqual(await world.packs(), await world.livePacks());
    assert.deepEqual(await world.sealed(), [third]);
  });

  it('keeps what an attempt may use that is under way, until it has ended', async () => {
    const first = await world.write(range(1, 7));
    const late = world.attempt(range(1, 7));
    await late.begin();
    await world.remove(first);
    const report = await world.reclaim();
    assert.equal(report.removed.packs, 0);
    assert.deepEqual(
      report.waiting.map(({ packs, attempts }) => ({ packs, attempts })),
      [{ packs: 1, attempts: [late.savesetId] }],
    );
    await late.store();
    assert.lengthOf(await world.packs(), 1);
    assert.equal((await world.reclaim()).waiting.length, 1);
    await late.seal();
    const next = await world.reclaim();
    assert.equal(next.removed.packs, 0);
    assert.lengthOf(await world.names('reclaim'), 0);
    await world.assertAllRestorable();
  });

  it('lets go what an attempt did not use after all', async () => {
    const first = await world.write(range(1, 7));
    const late = world.attempt(range(50, 53));
    await late.begin();
    await world.remove(first);
    await world.reclaim();
    await late.store();
    await late.seal();
    assert.equal((await world.reclaim()).removed.packs, 1);
    assert.deepEqual(await world.packs(), await world.livePacks());
  });

  it('is not built upon by attempts that begin after packs were condemned', async () => {
    const first = await world.write(range(1, 7));
    const waited = world.attempt([9]);
    await waited.begin();
    await world.remove(first);
    await world.reclaim();
    await world.write(range(1, 7));
    assert.lengthOf(await world.packs(), 2);
    await waited.store();
    await waited.seal();
    assert.equal((await world.reclaim()).removed.packs, 1);
    await world.assertAllRestorable();
  });

  it('does not condemn packs of an attempt that is under way', async () => {
    const writing = world.attempt(range(1, 7));
    await writing.begin();
    await writing.store();
    const report = await world.reclaim();
    assert.deepEqual(report.waiting, []);
    await writing.seal();
    await world.assertAllRestorable();
  });

  it('lets one of equal records stand in for the others', async () => {
    const [one, two] = [smallStream(world.device), smallStream(world.device)];
    const attempts = [world.attempt(range(1, 7), one), world.attempt([...range(1, 7), 60], two)];
    for (const attempt of attempts) await attempt.begin();
    for (const attempt of attempts) await attempt.store();
    for (const attempt of attempts) await attempt.seal();
    assert.lengthOf(await world.packs(), 3);
    const report = await world.reclaim();
    assert.deepInclude(report.sparse, { packs: 1, copiedBytes: 0 });
    assert.lengthOf(await world.packs(), 2);
    assert.deepEqual(await world.packs(), await world.livePacks());
    await world.assertAllRestorable();
  });

  it('stops when a point cannot be read, and removes nothing', async () => {
    const first = await world.write(range(1, 7));
    const second = await world.write(range(20, 26));
    await world.remove(first);
    const name = `savesets/${second}/disk-2000.0.0.index`;
    storage.objects.get(name)![60]! ^= 1;
    const before = await world.packs();
    const error = await rejectsCode('RECLAIM_POINT_UNREADABLE', world.reclaim());
    assert.include(error.message, second);
    assert.deepEqual(await world.packs(), before);
    assert.deepEqual(await world.names('incoming'), []);
  });

  it('lets a pack alone with a damaged record, and marks it', async () => {
    const first = await world.write(range(1, 7));
    const second = await world.write([1, 2, 30]);
    await world.remove(first);
    const [ref] = [...refsOf(await world.index(second))];
    storage.objects.get(packName(ref!.packId))![ref!.offset + 100]! ^= 1;
    const report = await world.reclaim();
    assert.equal(report.leftAlone[0]?.packId, ref!.packId);
    assert.deepEqual(await world.names('damaged'), [`damaged/${ref!.packId}.${ref!.offset}`]);
    assert.include(await world.packs(), ref!.packId);
  });

  it('copies nothing of a pack with a record that is known to be damaged, however often it looks', async () => {
    const first = await world.write(range(1, 7));
    const second = await world.write([1, 2, 30]);
    await world.remove(first);
    const [, ref] = [...refsOf(await world.index(second))];
    storage.objects.get(packName(ref!.packId))![ref!.offset + 100]! ^= 1;
    await markDamaged(storage, ref!);
    const before = await world.packs();
    for (let i = 0; i < 2; i++) {
      const report = await world.reclaim();
      assert.equal(report.leftAlone[0]?.packId, ref!.packId);
      assert.equal(report.sparse.copiedBytes, 0);
      assert.deepEqual(await world.packs(), before);
    }
  });

  it('keeps a record that stands in for a damaged one', async () => {
    const first = await world.write(range(1, 7));
    const [ref] = [...refsOf(await world.index(first))];
    await markDamaged(storage, ref!);
    storage.objects.get(packName(ref!.packId))![ref!.offset + 100]! ^= 1;
    world.stream.forgetLookup();
    const second = await world.write(range(1, 7));
    const [standIn] = [...refsOf(await world.index(second))];
    await world.remove(second);
    await world.reclaim();
    const packs = await world.packs();
    assert.include(packs, ref!.packId);
    assert.lengthOf(packs, 2);
    assert.isDefined(standIn);
  });

  it('gives up a sweep whose list of packs is damaged', async () => {
    await world.write(range(1, 7));
    await storage.put('reclaim/00112233445566aa/condemned.json', Buffer.from('{'));
    await assertRejectsFormat(world);
    await world.reclaim();
    assert.deepEqual(await world.names('reclaim'), []);
  });

  it('gives way to another reclaiming that is under way', async () => {
    const startedAt = '2026-01-31T12:00:00.000Z';
    const ids = { runId: null, taskId: null, token: null };
    await beginAttempt(storage, { attemptId: newId(), kind: 'reclaim', startedAt, ...ids });
    await rejectsCode('DEVICE_IN_USE', world.reclaim());
    assert.lengthOf(await world.names('incoming'), 1);
  });

  it('ends with the reason of the signal', async () => {
    await world.write(range(1, 7));
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    let seen: unknown;
    await world.reclaim({}, abort.signal).catch((error: unknown) => (seen = error));
    assert.instanceOf(seen, Error);
    assert.deepEqual(await world.names('incoming'), []);
  });
});

async function assertRejectsFormat(world: ReclaimWorld): Promise<void> {
  const attempt = world.attempt([1]);
  await rejectsCode('FORMAT_INVALID', attempt.begin());
  await world.recover();
}
