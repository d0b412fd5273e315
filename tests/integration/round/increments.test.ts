/** Increments and differentials over real workers: what they read, and that every point of a chain comes back as it was. */
import { assert } from 'chai';
import { spawnSync } from 'node:child_process';
import { type ExtentSet, totalLength } from '../../../shared/domain/extent.ts';
import { type PointView } from '../../../shared/contract/api.ts';
import { type RequestedType } from '../../../shared/domain/backup-type.ts';
import {
  changedBetween,
  expectedRead,
  freeOf,
  lateFileHash,
  whatIsWrong,
} from '../../support/disk-oracle.ts';
import { loadDisk } from '../../support/fixtures.ts';
import { RealWorld, assertOutcome } from '../../support/real-world.ts';
import { type SiteConfig, type VmConfig } from '../../support/vcenter-sim/config.ts';

const machine = (name: string, ...fixtures: readonly string[]): VmConfig => ({
  name,
  guestOs: 'windows',
  cbt: true,
  disks: fixtures.map((fixture) => ({ fixture })),
});

const SITE: SiteConfig = {
  datastores: [{ name: 'ds1' }],
  hosts: [{ name: 'esx1.sim' }],
  vms: [
    machine('web01', 'win-mbr'),
    machine('late01', 'late-metadata'),
    machine('db01', 'win-gpt', 'blank'),
    machine('files01', 'win-two'),
    machine('archive01', 'win-64k'),
    machine('linux01', 'linux-ext4'),
  ],
};

/** Other disks than those of the two machines with cases of their own, with their first two states. */
const TWO_STATES = [
  { vm: 'db01', key: 2000, fixture: 'win-gpt' },
  { vm: 'db01', key: 2001, fixture: 'blank' },
  { vm: 'files01', key: 2000, fixture: 'win-two' },
  { vm: 'archive01', key: 2000, fixture: 'win-64k' },
  { vm: 'linux01', key: 2000, fixture: 'linux-ext4' },
] as const;

const takenBytes = ({ counters }: PointView['disks'][number]): number =>
  counters.zero + counters.known + counters.fresh;

describe('increments', function () {
  this.timeout(120_000);
  let world: RealWorld;

  /** Runs a job, which must do well, and gives the machine's new point. */
  async function backUp(job: string, vm: string, type: RequestedType): Promise<PointView> {
    assertOutcome(await world.runJob(job, type), 'ok');
    return world.pointOf(vm);
  }

  before(async () => {
    world = await RealWorld.open({ site: SITE, mounted: true });
    await world.addJob('web', ['web01']);
    await world.addJob('late', ['late01']);
    await world.addJob('rest', ['db01', 'files01', 'archive01', 'linux01']);
  });

  after(() => world[Symbol.asyncDispose]());
  afterEach(() => world.assertNoSnapshots());

  describe('of a machine in four states', () => {
    const disk = loadDisk('win-mbr');
    const names = disk.states.map(({ name }) => name);
    const points: PointView[] = [];
    const expected: { read: ExtentSet; changed: ExtentSet }[] = [];
    const step = (i: number) => ({ fixture: 'win-mbr', from: names[i - 1]!, to: names[i]! });

    it('begins with a full backup where a chain has none', async () => {
      const point = await backUp('web', 'web01', 'auto');
      assert.include(point, { type: 'full', base: null });
      points.push(point);
    });

    it('reads what changed and is used, and what became used although it did not change', async () => {
      const { capacityBytes } = disk;
      let droppedBefore = freeOf('win-mbr', names[0]!);
      for (let i = 1; i < names.length; i++) {
        await world.sim.applyState('web01', 2000, step(i));
        const point = await backUp('web', 'web01', 'incremental');
        assert.include(point, { type: 'incremental', base: points.at(-1)!.savesetId });
        const changed = await changedBetween('win-mbr', names[i - 1]!, names[i]!);
        const free = freeOf('win-mbr', names[i]!);
        const { read, dropped } = expectedRead({ capacityBytes, free, changed, droppedBefore });
        droppedBefore = dropped;
        const { counters, fallback } = point.disks[0]!;
        assert.isNull(fallback);
        assert.equal(takenBytes(point.disks[0]!), totalLength(read), `state ${names[i]}`);
        assert.equal(counters.changed, totalLength(changed));
        assert.isAtMost(counters.read, totalLength(read) * 1.1 + 64 * 1024);
        points.push(point);
        expected.push({ read, changed });
      }
    });

    it('plans restores of one, two and more savesets, and names no other', async () => {
      for (const [i, point] of points.entries()) {
        const plan = await world.services.restore.plan({ point: point.savesetId });
        assert.isTrue(plan.possible, plan.obstacles.join('\n'));
        const chain = points.slice(0, i + 1).reverse();
        assert.deepEqual(
          plan.chain.map(({ savesetId }) => savesetId),
          chain.map(({ savesetId }) => savesetId),
        );
        const [written] = plan.disks;
        assert.equal(written!.writeBytes + written!.zeroBytes + written!.freeBytes, disk.capacityBytes);
      }
    });

    it('restores every point as the disk was then', async () => {
      for (const [i, point] of points.entries()) {
        const path = await world.restoreTo(point.savesetId, 2000);
        assert.deepEqual(await whatIsWrong(path, 'win-mbr', names[i]!), [], names[i]);
      }
    });

    it('takes a differential against the full, whatever came between', async () => {
      const point = await backUp('web', 'web01', 'differential');
      assert.include(point, { type: 'differential', base: points[0]!.savesetId });
      assert.deepEqual(point.chain, [point.savesetId, points[0]!.savesetId]);
      const path = await world.restoreTo(point.savesetId, 2000);
      assert.deepEqual(await whatIsWrong(path, 'win-mbr', names.at(-1)!), []);
    });

    it('restores a VMDK that qemu-img takes, with the same content', async function () {
      if (spawnSync('qemu-img', ['--version']).error !== undefined) {
        console.log('      skipped: qemu-img is not installed');
        this.skip();
      }
      const vmdk = await world.restoreTo(points.at(-1)!.savesetId, 2000, 'vmdk');
      const facts = spawnSync('qemu-img', ['info', '--output=json', vmdk], { encoding: 'utf8' });
      assert.equal(facts.status, 0, facts.stderr);
      const known = JSON.parse(facts.stdout) as { format: string; 'virtual-size': number };
      assert.deepInclude(known, { format: 'vmdk', 'virtual-size': disk.capacityBytes });
      const raw = world.file('converted.raw');
      assert.equal(spawnSync('qemu-img', ['convert', '-O', 'raw', vmdk, raw]).status, 0);
      assert.deepEqual(await whatIsWrong(raw, 'win-mbr', names.at(-1)!), []);
    });

    it('reads and stores nothing when nothing changed', async () => {
      const point = await backUp('web', 'web01', 'incremental');
      assert.equal(takenBytes(point.disks[0]!), 0);
      assert.include(point.counters, { changed: 0, stored: 0 });
      const path = await world.restoreTo(point.savesetId, 2000);
      assert.deepEqual(await whatIsWrong(path, 'win-mbr', names.at(-1)!), []);
    });
  });

  describe('of a file whose data came before its metadata', () => {
    const disk = loadDisk('late-metadata');
    const { sha256 } = disk.lateFile!;

    for (const type of ['incremental', 'differential'] as const) {
      it(`hold its content in the ${type} that first knows of it`, async () => {
        if (type === 'incremental') {
          assert.equal((await backUp('late', 'late01', 'full')).type, 'full');
          const full = await world.restoreTo((await world.pointOf('late01')).savesetId, 2000);
          assert.notEqual(await lateFileHash(full, 'late-metadata'), sha256, 'it was dropped before');
          const change = { fixture: 'late-metadata', from: 'data-first', to: 'metadata-later' };
          await world.sim.applyState('late01', 2000, change);
        }
        const point = await backUp('late', 'late01', type);
        assert.equal(point.type, type);
        const path = await world.restoreTo(point.savesetId, 2000);
        assert.equal(await lateFileHash(path, 'late-metadata'), sha256);
        assert.deepEqual(await whatIsWrong(path, 'late-metadata', 'metadata-later'), []);
        const free = freeOf('late-metadata', 'metadata-later');
        const changed = await changedBetween('late-metadata', 'data-first', 'metadata-later');
        const droppedBefore = freeOf('late-metadata', 'data-first');
        const { capacityBytes } = disk;
        const { read } = expectedRead({ capacityBytes, free, changed, droppedBefore });
        assert.equal(takenBytes(point.disks[0]!), totalLength(read));
        assert.isAbove(totalLength(read), disk.lateFile!.lengthBytes);
      });
    }
  });

  describe('of machines with every other disk', () => {
    it('are right for each, and small', async () => {
      assertOutcome(await world.runJob('rest', 'full'), 'ok');
      for (const { vm, key, fixture } of TWO_STATES) {
        await world.sim.applyState(vm, key, { fixture, from: 'before', to: 'after' });
      }
      assertOutcome(await world.runJob('rest', 'incremental'), 'ok');
      for (const { vm, key, fixture } of TWO_STATES) {
        const point = await world.pointOf(vm);
        assert.equal(point.type, 'incremental');
        const free = freeOf(fixture, 'after');
        const changed = await changedBetween(fixture, 'before', 'after');
        const droppedBefore = freeOf(fixture, 'before');
        const { capacityBytes } = loadDisk(fixture);
        const { read } = expectedRead({ capacityBytes, free, changed, droppedBefore });
        const taken = takenBytes(point.disks.find((disk) => disk.key === key)!);
        assert.equal(taken, totalLength(read), fixture);
        const path = await world.restoreTo(point.savesetId, key);
        assert.deepEqual(await whatIsWrong(path, fixture, 'after'), [], fixture);
      }
    });
  });
});
