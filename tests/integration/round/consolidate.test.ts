/** Consolidating over real workers: the point takes the place of the old one, and everything restores as it did. */
import { assert } from 'chai';
import { readFile } from 'node:fs/promises';
import { type AppError } from '../../../shared/base/errors.ts';
import { sha256Hex } from '../../../shared/format/hash.ts';
import { type PointView } from '../../../shared/contract/api.ts';
import { loadDisk } from '../../support/fixtures.ts';
import { RealWorld, assertOutcome } from '../../support/real-world.ts';
import { type SiteConfig } from '../../support/vcenter-sim/config.ts';

const FIXTURE = 'win-mbr';
const SITE: SiteConfig = {
  datastores: [{ name: 'ds1' }],
  hosts: [{ name: 'esx1.sim' }],
  vms: [{ name: 'web01', guestOs: 'windows', cbt: true, disks: [{ fixture: FIXTURE }] }],
};

describe('consolidate', function () {
  this.timeout(120_000);
  let world: RealWorld;
  const points: PointView[] = [];
  const hashes: string[] = [];

  const hashOf = async (point: string): Promise<string> =>
    sha256Hex(await readFile(await world.restoreTo(point, 2000)));

  /** The id of the point that took the place. */
  async function consolidate(point: string): Promise<string> {
    const { runId } = await world.services.points.consolidate(point, {});
    const run = await world.done(runId!);
    assertOutcome(run, 'ok');
    return run.tasks[0]!.savesetId!;
  }

  before(async () => {
    world = await RealWorld.open({ site: SITE, mounted: true });
    await world.addJob('web', ['web01']);
    const names = loadDisk(FIXTURE).states.map(({ name }) => name);
    for (let i = 0; i < 4; i++) {
      if (i > 0) {
        const step = { fixture: FIXTURE, from: names[i - 1]!, to: names[i]! };
        await world.sim.applyState('web01', 2000, step);
      }
      assertOutcome(await world.runJob('web', i === 0 ? 'full' : 'incremental'), 'ok');
      points.push(await world.pointOf('web01'));
    }
    for (const point of points) hashes.push(await hashOf(point.savesetId));
  });
  after(() => world[Symbol.asyncDispose]());

  it('says what it would do, and why it cannot', async () => {
    const [full, first, , newest] = points;
    const plan = await world.services.points.consolidate(newest!.savesetId, { dryRun: true });
    assert.deepInclude(plan, { possible: true, obstacles: [], dependents: 0, runId: null });
    assert.lengthOf(plan.chain, 4);
    assert.equal((await world.services.points.consolidate(first!.savesetId, { dryRun: true })).dependents, 2);
    const error = await world.services.points.consolidate(full!.savesetId, {}).catch((e: unknown) => e);
    assert.equal((error as AppError).code, 'CONSOLIDATE_NOT_NEEDED');
    assert.match((error as AppError).message, /it is a full point already/);
  });

  it('takes the place of a point in the middle, with its pin', async () => {
    const old = points[2]!;
    await world.services.points.pin(old.savesetId, { note: 'before the change' });
    const savesetId = await consolidate(old.savesetId);
    const point = await world.services.points.show(savesetId);
    assert.deepInclude(point, { type: 'full', base: null, createdAt: old.createdAt, dependents: 1 });
    assert.equal(point.pin?.note, 'before the change');
    assert.isTrue(await world.storage().exists(`savesets/${savesetId}/pin.json`));
    assert.isFalse(await world.storage().exists(`savesets/${old.savesetId}/manifest.json`));
    assert.deepEqual(await world.unfinished(), []);
    assert.equal(await hashOf(savesetId), hashes[2]);
    const newest = await world.services.points.show(points[3]!.savesetId);
    assert.deepEqual(newest.chain, [newest.savesetId, savesetId]);
    assert.equal(await hashOf(newest.savesetId), hashes[3]);
    points[2] = point;
  });

  it('is what the next increment builds on', async () => {
    const savesetId = await consolidate(points[3]!.savesetId);
    assertOutcome(await world.runJob('web', 'incremental'), 'ok');
    const point = await world.pointOf('web01');
    assert.deepInclude(point, { type: 'incremental', base: savesetId });
    assert.equal(await hashOf(point.savesetId), hashes[3]);
    assert.lengthOf((await world.manifest(savesetId)).standsFor, 1);
    assert.deepEqual(await world.verify(savesetId).then((run) => run.outcome), 'ok');
  });
});
