/** The day when the data folder is lost: a new service, the old device, and every restore point comes back. */
import { assert } from 'chai';
import { readFile, rm, writeFile } from 'node:fs/promises';
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

describe('rebuild', function () {
  this.timeout(120_000);
  let world: RealWorld;
  const points: PointView[] = [];
  const hashes = new Map<string, string>();
  const signal = new AbortController().signal;

  const hashOf = async (point: string): Promise<string> =>
    sha256Hex(await readFile(await world.restoreTo(point, 2000)));

  /** A service without any knowledge; its device is there. */
  async function loseDataFolder(): Promise<void> {
    await world.closeApp();
    await rm(world.dataDir, { recursive: true });
    await world.openApp();
  }

  before(async () => {
    world = await RealWorld.open({ site: SITE, mounted: true });
    await world.addJob('web', ['web01'], { maxParallelStreams: 3 });
    const names = loadDisk(FIXTURE).states.map(({ name }) => name);
    for (let i = 0; i < 3; i++) {
      const step = { fixture: FIXTURE, from: names[i - 1]!, to: names[i]! };
      if (i > 0) await world.sim.applyState('web01', 2000, step);
      assertOutcome(await world.runJob('web'), 'ok');
      points.push(await world.pointOf('web01'));
    }
    for (const { savesetId } of points) hashes.set(savesetId, await hashOf(savesetId));
    await world.services.points.pin(points[0]!.savesetId, { note: 'golden' });
  });
  after(() => world[Symbol.asyncDispose]());

  it('brings back points, chains and pin when the device is added to a new service, jobs when asked', async () => {
    await loseDataFolder();
    assert.isEmpty(await world.services.points.list({ limit: 10 }));
    await world.addDevice('tape0', 1);
    const found = await world.services.points.list({ limit: 10 });
    assert.deepEqual(
      found.map(({ savesetId, chain, missing }) => ({ savesetId, chain, missing })),
      [...points].reverse().map(({ savesetId, chain }) => ({ savesetId, chain, missing: null })),
    );
    assert.equal(found[2]?.pin?.note, 'golden');
    assert.isEmpty(await world.services.jobs.list());
    const view = await world.services.rebuild({}, signal);
    assert.deepEqual(view.jobs, [
      { job: 'web', state: 'restored', notes: ['add server "vc" with "server add"'] },
    ]);
    assert.deepInclude(await world.services.jobs.show('web'), { server: 'vc', maxParallelStreams: 3 });
    for (const [savesetId, hash] of hashes) assert.equal(await hashOf(savesetId), hash);
  });

  it('goes on with the chain when the server is there again', async () => {
    await world.addServer({ datastorePaths: { ...world.sim.datastoreDirs } });
    const run = await world.runJob('web');
    assertOutcome(run, 'ok');
    assert.isAbove(run.runId, points[2]!.runId, 'numbers of runs are not given twice');
    assert.equal((await world.pointOf('web01')).base, points[2]!.savesetId);
  });

  it('changes nothing when it knows everything, and says so', async () => {
    const view = await world.services.rebuild({}, signal);
    assert.deepInclude(view.devices[0], { device: 'tape0', points: 4, added: 0, pins: 1, damaged: 0 });
    assert.deepEqual(view.jobs, [{ job: 'web', state: 'known', notes: [] }]);
    assert.equal(view.broken, 0);
  });

  it('names what is damaged and what is broken, and drops neither', async () => {
    await loseDataFolder();
    const damaged = points[1]!.savesetId;
    const path = `${world.file('tape0')}/savesets/${damaged}/manifest.json`;
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, 100));
    await world.addDevice('tape0', 1);
    const dry = await world.services.rebuild({ dryRun: true, devices: ['tape0'] }, signal);
    assert.deepInclude(dry.devices[0], { points: 3, added: 0, damaged: 1 });
    assert.equal(dry.devices[0]?.damagedPoints[0]?.savesetId, damaged);
    assert.deepEqual(
      dry.brokenPoints.map(({ missing }) => missing),
      [damaged, damaged],
    );
    assert.equal((await world.pointOf('web01')).missing, damaged);
    assert.deepEqual(dry.jobs[0]?.state, 'restored');
    await writeFile(path, bytes);
    const again = await world.services.rebuild({}, signal);
    assert.deepInclude(again.devices[0], { points: 4, added: 1, damaged: 0 });
    assert.equal(again.broken, 0);
    assert.equal(await hashOf(points[2]!.savesetId), hashes.get(points[2]!.savesetId));
  });

  it('finishes a consolidation that was cut short, and forgets what is gone', async () => {
    const old = points[2]!.savesetId;
    const { runId } = await world.services.points.consolidate(old, {});
    const kept = new Map<string, Buffer>();
    const folder = `${world.file('tape0')}/savesets`;
    for (const name of ['manifest.json', 'seal.json'])
      kept.set(name, await readFile(`${folder}/${old}/${name}`).catch(() => Buffer.alloc(0)));
    const run = await world.done(runId!);
    assertOutcome(run, 'ok');
    const { savesetId } = run.tasks[0]!;
    await loseDataFolder();
    await world.addDevice('tape0', 1);
    const newest = await world.pointOf('web01');
    assert.deepEqual(newest.chain.slice(1, 2), [savesetId]);
    await rm(`${folder}/${points[0]!.savesetId}`, { recursive: true });
    const view = await world.services.rebuild({}, signal);
    assert.deepInclude(view.devices[0], { points: 3, forgotten: 1 });
    assert.deepEqual(
      view.brokenPoints.map(({ missing }) => missing),
      [points[0]!.savesetId],
    );
    assert.equal(await hashOf(savesetId!), hashes.get(old));
  });
});
