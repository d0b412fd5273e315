import { assert } from 'chai';
import { systemClock } from '../../../../shared/base/clock.ts';
import { refsOf } from '../../../../shared/format/disk-index.ts';
import { encodeMovedRecords } from '../../../../shared/format/moved-records.ts';
import { movedName, packName } from '../../../../shared/format/names.ts';
import { markDamaged } from '../../../../shared/repository/damage-marks.ts';
import { createDevice } from '../../../../shared/repository/device.ts';
import { removeSaveset } from '../../../../shared/repository/saveset-store.ts';
import { MemoryStorage } from '../../../../shared/repository/storage-memory.ts';
import { ReclaimWorld, newId, smallDevice } from '../../../support/reclaim-world.ts';
import { rejectsCode } from '../../vsphere/throws-code.ts';

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

class SmallStorage extends MemoryStorage {
  override freeBytes(): Promise<number> {
    return Promise.resolve(1000);
  }
}

describe('reclaim, at its edges', () => {
  let storage: MemoryStorage;
  let world: ReclaimWorld;

  async function on(made: MemoryStorage): Promise<void> {
    storage = made;
    world = new ReclaimWorld(await smallDevice(storage));
  }
  beforeEach(() => on(new MemoryStorage()));

  /** A point whose pack was rewritten, and the place that its index names. */
  async function rewritten(): Promise<{ savesetId: string; packId: string; offset: number }> {
    const first = await world.write(range(1, 7));
    const savesetId = await world.write([1, 30]);
    const [ref] = [...refsOf(await world.index(savesetId))];
    await world.remove(first);
    await world.reclaim();
    return { savesetId, packId: ref!.packId, offset: ref!.offset };
  }

  it('frees unused packs of a device without space to rewrite others', async () => {
    await on(new SmallStorage());
    const first = await world.write(range(1, 13));
    const second = await world.write([1, 30, 31]);
    await world.remove(first);
    const report = await world.reclaim();
    assert.equal(report.removed.packs, 1);
    assert.match(report.leftAlone[0]?.reason ?? '', /no space/);
    await world.assertAllRestorable();
    assert.deepEqual(await world.sealed(), [second]);
  });

  it('copies encrypted records as they are', async () => {
    const encryption = { password: 'a long enough password', label: 'test' };
    storage = new MemoryStorage();
    world = new ReclaimWorld(
      await createDevice(storage, { clock: systemClock, gridBytes: 4096, encryption }),
    );
    const first = await world.write(range(1, 7));
    await world.write([1, 2, 30]);
    await world.remove(first);
    const report = await world.reclaim();
    assert.equal(report.sparse.packs, 1);
    assert.equal(report.removed.packs, 1);
    await world.assertAllRestorable();
  }).timeout(20_000);

  it('stops when a list of moved records that is needed cannot be read', async () => {
    const { packId } = await rewritten();
    storage.objects.get(movedName(packId))![40]! ^= 1;
    const before = await world.packs();
    await rejectsCode('FORMAT_INVALID', world.reclaim());
    assert.deepEqual(await world.packs(), before);
  });

  it('does not need a damaged list while the pack itself is there', async () => {
    const savesetId = await world.write(range(1, 7));
    const { packId } = [...refsOf(await world.index(savesetId))][0]!;
    await storage.put(movedName(packId), Buffer.from('damaged'));
    await world.reclaim();
    assert.include(await world.packs(), packId);
  });

  it('stops when moved records lead in a circle', async () => {
    const savesetId = await world.write([1]);
    const { packId, offset } = [...refsOf(await world.index(savesetId))][0]!;
    const record = { oldOffset: offset, packId, offset, storedLength: 10 };
    await storage.put(movedName(packId), encodeMovedRecords(packId, [record]));
    await rejectsCode('FORMAT_INVALID', world.reclaim());
  });

  it('stays with the old place when the new one is gone', async () => {
    const savesetId = await world.write(range(1, 7));
    const { packId, offset } = [...refsOf(await world.index(savesetId))][0]!;
    const record = { oldOffset: offset, packId: '00'.repeat(16), offset: 44, storedLength: 10 };
    await storage.put(movedName(packId), encodeMovedRecords(packId, [record]));
    await world.reclaim();
    assert.include(await world.packs(), packId);
  });

  it('moves more of a pack that moved in part', async () => {
    const first = await world.write(range(1, 7));
    const second = await world.write([1]);
    const late = world.attempt([1, 2]);
    await late.begin();
    await world.remove(first);
    assert.lengthOf((await world.reclaim()).waiting, 1);
    await late.store();
    await late.seal();
    await world.reclaim();
    assert.lengthOf(await world.names('reclaim'), 0);
    assert.lengthOf(await world.packs(), 2);
    await world.reclaim();
    assert.deepEqual(await world.packs(), await world.livePacks());
    await world.assertAllRestorable();
    assert.sameMembers(await world.sealed(), [second, late.savesetId]);
  });

  it('lists the attempts anew when the list of a sweep is missing or damaged', async () => {
    const first = await world.write(range(1, 7));
    const late = world.attempt([1]);
    await late.begin();
    await world.remove(first);
    const { sweepId } = (await world.reclaim()).waiting[0]!;
    for (const damage of ['', '{']) {
      const name = `reclaim/${sweepId}/waits.json`;
      storage.objects.delete(name);
      if (damage !== '') await storage.put(name, Buffer.from(damage));
      assert.deepEqual((await world.reclaim()).waiting[0]?.attempts, [late.savesetId]);
    }
    assert.lengthOf(await world.packs(), 1);
    assert.lengthOf((await world.reclaim({ dryRun: true })).waiting, 1);
  });

  it('keeps packs of which nobody can tell who wrote them, while somebody writes', async () => {
    const first = await world.write(range(1, 7));
    const { packId } = [...refsOf(await world.index(first))][0]!;
    storage.objects.get(packName(packId))![33]! ^= 1;
    const writing = world.attempt([50]);
    await writing.begin();
    await world.remove(first);
    assert.deepInclude(await world.reclaim(), { waiting: [], unused: { packs: 0, bytes: 0 } });
    await world.recover();
    assert.equal((await world.reclaim()).removed.packs, 1);
  });

  it('removes marks of packs that are gone, and packs that were never finished', async () => {
    const first = await world.write(range(1, 7));
    const [ref] = [...refsOf(await world.index(first))];
    await markDamaged(storage, ref!);
    const name = `incoming/${newId()}/${'ab'.repeat(16)}.partial`;
    await storage.create(packName('ab'.repeat(16)), name);
    await world.remove(first);
    await world.reclaim();
    assert.deepEqual(await world.names('damaged'), []);
    const rest: string[] = [];
    for await (const entry of storage.listRest('incoming')) rest.push(entry.name);
    assert.deepEqual(rest, []);
  });

  it('keeps the packs of a point that is deleted while it is read only as long as others need them', async () => {
    const first = await world.write(range(1, 7));
    const second = await world.write(range(20, 26));
    const readWhole = storage.readWhole.bind(storage);
    storage.readWhole = async (name, maxBytes) => {
      const bytes = await readWhole(name, maxBytes);
      if (name === `savesets/${first}/manifest.json`) await removeSaveset(storage, first);
      return bytes;
    };
    await world.reclaim();
    storage.readWhole = readWhole;
    assert.deepEqual(await world.sealed(), [second]);
    await world.assertAllRestorable();
  });

  it('keeps a directory that cannot be read while a stand-in may be in it', async () => {
    const first = await world.write(range(1, 7));
    const other = await world.write([1, 2, 60]);
    const lost = [...refsOf(await world.index(other))].find(({ start }) => start === 8192)!;
    storage.objects.delete(packName(lost.packId));
    const { packId } = [...refsOf(await world.index(first))][0]!;
    await world.remove(first);
    storage.objects.get(packName(packId))!.subarray(-20).fill(0);
    const report = await world.reclaim();
    assert.match(report.leftAlone[0]?.reason ?? '', /directory/);
    assert.include(await world.packs(), packId);
  });
});
