/**
 * Two workers back up while points are pruned and space is reclaimed on the same device, round after round: at the end every
 * point that is left verifies, restores and is whole.
 */
import { assert } from 'chai';
import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { readEnv } from '../../shared/base/env.ts';
import { RealWorld, assertOutcome } from '../support/real-world.ts';
import { type SiteConfig } from '../support/vcenter-sim/config.ts';

const MIB = 2 ** 20;
const CAPACITY = 6 * MIB;
const VMS = ['db01', 'db02', 'web01'];
const SITE: SiteConfig = {
  datastores: [{ name: 'ds1' }],
  hosts: [{ name: 'esx1.sim' }],
  vms: VMS.map((name) => ({ name, guestOs: 'linux', cbt: true, disks: [{ capacityBytes: CAPACITY }] })),
};
const ROUNDS = Number(readEnv('BLOCKHOUSE_LOAD_ROUNDS') ?? 3);
const signal = new AbortController().signal;

describe('backups, pruning and reclaiming at once', function () {
  this.timeout(100_000 + ROUNDS * 30_000);
  let world: RealWorld;

  before(async () => {
    world = await RealWorld.open({ site: SITE, devices: { tape0: 3 }, mounted: true });
    await world.addJob('all', VMS, { maxParallelStreams: 2, retention: { last: 2 } });
    for (const vm of VMS) await write(vm, 0, 3 * MIB);
    assertOutcome(await world.runJob('all', 'full'), 'ok');
  });
  after(() => world[Symbol.asyncDispose]());

  /** Some of what is written is the same on all machines, so that their points share chunks. */
  async function write(vm: string, offset: number, length: number): Promise<void> {
    const shared = Buffer.alloc(MIB, `round of ${offset}`);
    const patches = [
      { offset, bytes: randomBytes(length) },
      { offset: 4 * MIB, bytes: shared },
    ];
    await world.sim.guestWrite(vm, 2000, patches);
  }

  /** A reclaiming finds another one under way now and then: then it gives way. */
  async function pruneAndReclaim(): Promise<void> {
    const { reclaims } = await world.services.prune({}, signal);
    for (const { runId } of reclaims) if (typeof runId === 'number') await world.done(runId);
  }

  it('lose nothing', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      for (const vm of VMS) await write(vm, ((round * 7) % 5) * (MIB / 2), MIB);
      const type = (['full', 'incremental', 'differential'] as const)[round % 3];
      const runId = await world.startJob('all', type);
      await Promise.all([pruneAndReclaim(), world.done(runId)]);
      const run = await world.services.runs.show(runId);
      assertOutcome(run, 'ok');
    }
    await pruneAndReclaim();
    const points = await world.services.points.list({ limit: 100 });
    assert.isAtLeast(points.length, 2 * VMS.length);
    const { runId } = await world.services.verify.start({ points: points.map(({ savesetId }) => savesetId) });
    assertOutcome(await world.done(runId!), 'ok');
    for (const vm of VMS) {
      const now = world.file(`${vm}.now`);
      await world.sim.exportDisk(vm, 2000, now);
      const restored = await world.restoreTo((await world.pointOf(vm)).savesetId, 2000);
      assert.equal(spawnSync('cmp', [now, restored]).status, 0, vm);
    }
    assert.deepEqual(await world.unfinished(), []);
    await world.assertNoSnapshots();
  });
});
