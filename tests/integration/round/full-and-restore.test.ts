/** Full backups of several machines at once, over real workers, and their way back: every byte by the oracle of the disks. */
import { assert } from 'chai';
import { readFile } from 'node:fs/promises';
import { totalLength } from '../../../shared/domain/extent.ts';
import { type PointView, type RunView } from '../../../shared/contract/api.ts';
import { freeOf, markersIn, markersOnDevice, usedBytes, whatIsWrong } from '../../support/disk-oracle.ts';
import { loadDisk } from '../../support/fixtures.ts';
import { RealWorld, assertOutcome, eventually, taskOf } from '../../support/real-world.ts';
import { smallSite } from '../../support/vcenter-sim/default-site.ts';
import { type SiteConfig } from '../../support/vcenter-sim/config.ts';
import { readFile as readStored } from '../../../shared/repository/saveset-store.ts';

/** The committed disks of the machines, by disk key. */
const MACHINES = [
  { vm: 'web01', disks: { 2000: 'win-mbr' } },
  { vm: 'db01', disks: { 2000: 'win-gpt', 2001: 'blank' } },
  { vm: 'files01', disks: { 2000: 'win-two' } },
  { vm: 'archive01', disks: { 2000: 'win-64k' } },
  { vm: 'linux01', disks: { 2000: 'linux-ext4' } },
  { vm: 'mixed01', disks: { 2000: 'blank' } },
] as const;

const DISKS = MACHINES.flatMap(({ vm, disks }) =>
  Object.entries(disks).map(([key, fixture]) => ({ vm, key: Number(key), fixture })),
);
const FILTERED_DISKS = DISKS.filter(({ fixture }) => fixture !== 'blank');
const NAMES = MACHINES.map(({ vm }) => vm);

/** An NFS datastore says "everything" when asked what is allocated: nothing but the filter can leave bytes out there. */
function site(): SiteConfig {
  return smallSite({
    datastores: [
      { name: 'ds1', type: 'NFS' },
      { name: 'ds2', type: 'NFS' },
    ],
  });
}

describe('a full backup of six machines, and its restore', function () {
  this.timeout(120_000);
  let world: RealWorld;
  let run: RunView;
  const reasons = new Set<string>();
  const points = new Map<string, PointView>();

  const diskOf = (vm: string, key: number): PointView['disks'][number] =>
    points.get(vm)!.disks.find((disk) => disk.key === key)!;

  before(async () => {
    world = await RealWorld.open({ site: site(), devices: { tape0: 2 } });
    await world.addJob('nightly', NAMES, { maxParallelStreams: 4 });
    const runId = await world.startJob('nightly');
    run = await world.until(runId, (seen) => {
      for (const { waitsFor } of seen.tasks) if (waitsFor !== null) reasons.add(waitsFor);
      return seen.state === 'done';
    });
    assert.include(['ok', 'warning'], run.outcome, JSON.stringify(run.tasks.map((task) => task.error)));
    for (const vm of NAMES) points.set(vm, await world.pointOf(vm));
  });

  after(() => world[Symbol.asyncDispose]());

  it('works on two machines at a time, as the device allows, and says what the others wait for', async () => {
    const { snapshotsPeak, snapshotsCreated } = await world.sim.stats();
    assert.deepEqual({ snapshotsPeak, snapshotsCreated }, { snapshotsPeak: 2, snapshotsCreated: 6 });
    assert.deepInclude(run.streams, { setting: 4, effective: 2, inUse: 0 });
    assert.isTrue(
      [...reasons].some((reason) => reason.includes('this run uses every stream of device "tape0"')),
      [...reasons].join('\n'),
    );
  });

  it('leaves no snapshot, no session and nothing unfinished behind', async () => {
    await world.assertNoSnapshots();
    await eventually(async () => (await world.sim.stats()).sessionsNow === 0);
    assert.deepEqual(await world.unfinished(), []);
  });

  for (const { vm, key, fixture } of FILTERED_DISKS) {
    it(`leaves out exactly the free clusters of ${fixture}`, () => {
      const disk = diskOf(vm, key);
      assert.equal(disk.filter, 'filtered');
      const [state] = loadDisk(fixture).states;
      for (const volume of state!.volumes) {
        const view = disk.volumes.find(({ startBytes }) => startBytes === volume.startBytes)!;
        const freeBytes = volume.freeClusters * volume.clusterBytes;
        const fileSystem = volume.fileSystem === 'ntfs' ? 'NTFS' : volume.fileSystem;
        assert.include(view, { fileSystem, gate: null, freeBytes, skippedBytes: freeBytes });
      }
      const { capacityBytes } = loadDisk(fixture);
      const { skipped, used, provisioned, zero, known, fresh } = disk.counters;
      const figures = { skipped, used, provisioned, stored: zero + known + fresh };
      const usedByOracle = usedBytes(fixture, state!.name);
      assert.deepEqual(figures, {
        skipped: totalLength(freeOf(fixture, state!.name)),
        used: usedByOracle,
        provisioned: capacityBytes,
        stored: usedByOracle,
      });
    });
  }

  it('copies a blank disk whole, and says so', () => {
    for (const blank of [diskOf('db01', 2001), diskOf('mixed01', 2000)]) {
      assert.equal(blank.filter, 'unfiltered');
      assert.include(blank.counters, { skipped: 0, fresh: 0, stored: 0 });
    }
  });

  it('names the independent and the raw disk as left out', () => {
    const { disks, leftOutDisks } = points.get('mixed01')!;
    assert.lengthOf(disks, 1);
    assert.deepEqual(
      leftOutDisks.map(({ key }) => key),
      [2001, 2002],
    );
    assert.match(leftOutDisks[0]!.reason, /independent/i);
    assert.match(leftOutDisks[1]!.reason, /raw|RDM/i);
    assert.isNotEmpty(taskOf(run, 'mixed01').warnings);
  });

  it('keeps configuration and firmware variables in the saveset', async () => {
    const { savesetId } = points.get('db01')!;
    const { files } = await world.manifest(savesetId);
    const config = files.find(({ name }) => name === 'vm-config.json');
    const nvram = files.find(({ name }) => name.endsWith('nvram'));
    assert.isDefined(config);
    assert.isDefined(nvram);
    const text = Buffer.from(await readStored(await world.open(), savesetId, config)).toString();
    assert.doesNotThrow(() => void JSON.parse(text));
    assert.include(text, 'db01');
    const datastore = world.sim.datastoreDirs['ds2']!;
    const original = await readFile(`${datastore}/db01/db01.nvram`);
    assert.isTrue(original.equals(await readStored(await world.open(), savesetId, nvram)));
  });

  it('stores no deleted file of a filtered volume, in no chunk of the device', async () => {
    const found = await markersOnDevice(world.storage());
    const deleted = FILTERED_DISKS.flatMap(({ fixture }) => loadDisk(fixture).states[0]!.deletedMarkers);
    assert.isAbove(deleted.length, 30);
    assert.deepEqual(
      deleted.filter((marker) => found.has(marker)),
      [],
    );
  });

  for (const { vm, key, fixture } of DISKS) {
    it(`restores ${fixture} of ${vm} as it was`, async () => {
      const path = await world.restoreTo(points.get(vm)!.savesetId, key);
      const [state] = loadDisk(fixture).states;
      assert.deepEqual(await whatIsWrong(path, fixture, state!.name), []);
      if (fixture === 'blank') return;
      const found = markersIn(await readFile(path));
      assert.deepEqual(
        state!.deletedMarkers.filter((marker) => found.has(marker)),
        [],
      );
    });
  }

  it('verifies every point', async () => {
    for (const vm of NAMES) assertOutcome(await world.verify(points.get(vm)!.savesetId), 'ok');
    assert.isNotNull((await world.pointOf('web01')).verifiedAt);
  });

  it('gives the same by files of a mounted datastore, without asking /folder for a disk', async () => {
    await using mounted = await RealWorld.open({ site: site(), mounted: true });
    await mounted.addJob('nightly', ['files01']);
    assertOutcome(await mounted.runJob('nightly'), 'ok');
    const point = await mounted.pointOf('files01');
    assert.deepEqual(
      point.disks.map(({ transport }) => transport),
      ['file'],
    );
    const calls = await mounted.sim.calls({ method: 'folder' });
    assert.isEmpty(calls.filter(({ object }) => object.includes('-flat.vmdk')));
    const path = await mounted.restoreTo(point.savesetId, 2000);
    assert.deepEqual(await whatIsWrong(path, 'win-two', 'before'), []);
  });
});
