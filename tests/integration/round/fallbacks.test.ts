/** What a disk falls back to when the server cannot say what changed: that disk alone, with the reason, and the chain goes on. */
import { assert } from 'chai';
import { readFile } from 'node:fs/promises';
import { type PointView } from '../../../shared/contract/api.ts';
import { whatIsWrong } from '../../support/disk-oracle.ts';
import { RealWorld, assertOutcome, taskOf, warningCodes } from '../../support/real-world.ts';
import { type SiteConfig, type VmConfig } from '../../support/vcenter-sim/config.ts';

const MIB = 2 ** 20;

const machine = (name: string, changes: Partial<VmConfig> = {}): VmConfig => ({
  name,
  guestOs: 'windows',
  cbt: true,
  disks: [{ fixture: 'late-metadata' }],
  ...changes,
});

const SITE: SiteConfig = {
  datastores: [{ name: 'ds1' }],
  hosts: [{ name: 'esx1.sim' }],
  vms: [
    machine('faulty01'),
    machine('epoch01'),
    machine('grown01', { disks: [{ fixture: 'late-metadata' }, { capacityBytes: 4 * MIB }] }),
    machine('added01'),
    machine('untracked01', { cbt: false }),
    machine('ancient01', { cbt: false, hwVersion: 4 }),
    machine('steady01'),
    machine('foreign01', { cbt: false, disks: [{ capacityBytes: 4 * MIB }] }),
    machine('calm01', { disks: [{ capacityBytes: 4 * MIB }] }),
    machine('loud01', { disks: [{ capacityBytes: 4 * MIB }] }),
    machine('strict01', { disks: [{ capacityBytes: 4 * MIB }] }),
  ],
};

const LATER = { fixture: 'late-metadata', from: 'data-first', to: 'metadata-later' } as const;

describe('fallbacks of a backup', function () {
  this.timeout(120_000);
  let world: RealWorld;

  const diskOf = (point: PointView, key: number): PointView['disks'][number] =>
    point.disks.find((disk) => disk.key === key)!;

  async function fullOf(...vms: readonly string[]): Promise<void> {
    await world.addJob(vms[0]!, vms);
    const run = await world.runJob(vms[0]!, 'full');
    assert.include(['ok', 'warning'], run.outcome, JSON.stringify(run.tasks));
  }

  async function isRight(point: PointView, state: string): Promise<void> {
    const path = await world.restoreTo(point.savesetId, 2000);
    assert.deepEqual(await whatIsWrong(path, 'late-metadata', state), []);
  }

  before(async () => {
    world = await RealWorld.open({ site: SITE, mounted: true });
  });
  after(() => world[Symbol.asyncDispose]());
  afterEach(async () => {
    await world.sim.control('clearFaults', {});
    const { byVm } = await world.sim.stats();
    assert.isEmpty(Object.entries(byVm).filter(([vm, { now }]) => now > 0 && vm !== 'foreign01'));
  });

  it('reads a disk whole when its changes cannot be told, and says why; again in a row is an alarm', async () => {
    await fullOf('faulty01');
    await world.sim.applyState('faulty01', 2000, LATER);
    const rule = { method: 'QueryChangedDiskAreas', object: 'faulty01', fault: 'FileFault', count: 100 };
    const id = await world.sim.fault(rule);
    const run = await world.runJob('faulty01', 'incremental');
    assertOutcome(run, 'warning');
    assert.isAbove(await world.sim.hits(id), 0);
    const first = await world.pointOf('faulty01');
    assert.include(
      first,
      { type: 'full', base: null },
      'its only disk stands alone: no older point is needed',
    );
    assert.match(diskOf(first, 2000).fallback ?? '', /changed areas/);
    assert.notInclude(warningCodes(taskOf(run, 'faulty01')), 'CBT_FALLBACK_AGAIN');
    await isRight(first, 'metadata-later');

    const again = await world.runJob('faulty01', 'incremental');
    assert.include(warningCodes(taskOf(again, 'faulty01')), 'CBT_FALLBACK_AGAIN');
    await world.sim.control('clearFaults', {});
    assertOutcome(await world.runJob('faulty01', 'incremental'), 'ok');
    const healed = await world.pointOf('faulty01');
    assert.isNull(diskOf(healed, 2000).fallback);
    assert.include(healed, { type: 'incremental' }, 'the chain goes on');
    await isRight(healed, 'metadata-later');
  });

  it('gets over a question that fails once', async () => {
    await fullOf('steady01');
    await world.sim.applyState('steady01', 2000, LATER);
    await world.sim.fault({ method: 'QueryChangedDiskAreas', object: 'steady01', fault: 'FileFault' });
    const run = await world.runJob('steady01', 'incremental');
    assert.include(['ok', 'warning'], run.outcome);
    await isRight(await world.pointOf('steady01'), 'metadata-later');
  });

  it('does not ask for changes of another epoch', async () => {
    await fullOf('epoch01');
    await world.sim.applyState('epoch01', 2000, LATER);
    await world.sim.control('resetTracking', { vm: 'epoch01' });
    assertOutcome(await world.runJob('epoch01', 'incremental'), 'warning');
    const point = await world.pointOf('epoch01');
    assert.match(diskOf(point, 2000).fallback ?? '', /epoch|reset|tracking/i);
    await isRight(point, 'metadata-later');
    await world.runJob('epoch01', 'incremental');
    assert.isNull(diskOf(await world.pointOf('epoch01'), 2000).fallback, 'the new epoch is a base');
  });

  it('falls back for the disk alone that was made larger', async () => {
    await fullOf('grown01');
    await world.sim.control('resizeDisk', { vm: 'grown01', diskKey: 2001, capacityBytes: 8 * MIB });
    await world.sim.applyState('grown01', 2000, LATER);
    const bytes = Buffer.alloc(512, 7);
    await world.sim.guestWrite('grown01', 2001, [{ offset: 6 * MIB, bytes }]);
    await world.runJob('grown01', 'incremental');
    const point = await world.pointOf('grown01');
    assert.isNull(diskOf(point, 2000).fallback);
    assert.equal(diskOf(point, 2000).type, 'incremental');
    assert.isString(diskOf(point, 2001).fallback);
    assert.equal(diskOf(point, 2001).capacityBytes, 8 * MIB);
    await isRight(point, 'metadata-later');
    await sameAsGuest(point, 'grown01', 2001);
  });

  it('reads a disk whole that was added, and the others as before', async () => {
    await fullOf('added01');
    const disk = { capacityBytes: 4 * MIB };
    const { key } = await world.sim.control('addDisk', { vm: 'added01', disk });
    await world.sim.guestWrite('added01', key, [{ offset: MIB, bytes: Buffer.alloc(4096, 9) }]);
    await world.sim.applyState('added01', 2000, LATER);
    const run = await world.runJob('added01', 'incremental');
    assert.include(['ok', 'warning'], run.outcome);
    const point = await world.pointOf('added01');
    assert.include(diskOf(point, 2000), { type: 'incremental', fallback: null });
    assert.equal(diskOf(point, key).type, 'full');
    await isRight(point, 'metadata-later');
    await sameAsGuest(point, 'added01', key);
  });

  async function sameAsGuest(point: PointView, vm: string, diskKey: number): Promise<void> {
    const now = world.file(`${vm}-now.raw`);
    await world.sim.exportDisk(vm, diskKey, now);
    const restored = await world.restoreTo(point.savesetId, diskKey);
    assert.isTrue((await readFile(now)).equals(await readFile(restored)));
  }

  it('switches tracking on where it is off, so that the next increment is small', async () => {
    await fullOf('untracked01');
    await world.sim.applyState('untracked01', 2000, LATER);
    assertOutcome(await world.runJob('untracked01', 'incremental'), 'ok');
    const point = await world.pointOf('untracked01');
    assert.include(diskOf(point, 2000), { type: 'incremental', fallback: null });
    await isRight(point, 'metadata-later');
  });

  it('does without tracking where the machine is too old for it', async () => {
    await fullOf('ancient01');
    await world.sim.applyState('ancient01', 2000, LATER);
    const run = await world.runJob('ancient01', 'incremental');
    assert.include(['ok', 'warning'], run.outcome);
    await isRight(await world.pointOf('ancient01'), 'metadata-later');
    assert.isFalse((await world.sim.vmState('ancient01')).trackingWanted);
  });

  it('fails the machine alone whose disk has a snapshot that is not ours', async () => {
    await world.sim.control('createSnapshot', { vm: 'foreign01', name: 'before the update' });
    await world.sim.guestWrite('foreign01', 2000, [{ offset: 0, bytes: Buffer.alloc(512, 1) }]);
    await world.addJob('foreign', ['foreign01', 'calm01']);
    const run = await world.runJob('foreign', 'full');
    assertOutcome(run, 'partly');
    const { error } = taskOf(run, 'foreign01');
    assert.equal(error?.code, 'TRANSPORT_DELTA_CHAIN');
    assert.match(error!.message, /foreign01\/.*parent/);
    assert.notEqual(taskOf(run, 'calm01').savesetId, null);
    const { snapshots } = await world.sim.vmState('foreign01');
    assert.deepEqual(
      snapshots.map(({ name }) => name),
      ['before the update'],
    );
  });

  it('lowers the consistency where the guest cannot be quiesced, and says so', async () => {
    for (const method of ['CreateSnapshotEx_Task', 'CreateSnapshot_Task']) {
      const fault = 'ApplicationQuiesceFault';
      await world.sim.fault({ method, object: 'loud01', fault, at: 'task' });
    }
    await world.addJob('loud', ['loud01'], { options: { consistency: 'application' } });
    const run = await world.runJob('loud', 'full');
    assertOutcome(run, 'warning');
    const task = taskOf(run, 'loud01');
    assert.include(warningCodes(task), 'CONSISTENCY_LOWERED');
    assert.equal(task.consistency?.asked, 'application');
    assert.notEqual(task.consistency?.reached, 'application');
    assert.isString(task.consistency?.reason);
  });

  it('fails where a weaker consistency is not allowed', async () => {
    const rule = { object: 'strict01', fault: 'ApplicationQuiesceFault', at: 'task', count: 9 } as const;
    await world.sim.fault({ method: 'CreateSnapshotEx_Task', ...rule });
    const options = { consistency: 'application', consistencyFallback: false } as const;
    await world.addJob('strict', ['strict01'], { options });
    const run = await world.runJob('strict', 'full');
    assertOutcome(run, 'failed');
    assert.equal(taskOf(run, 'strict01').error?.code, 'SNAPSHOT_QUIESCE_FAILED');
    assert.equal(await world.pointCount('strict01'), 0);
  });
});
