/**
 * Files that a job leaves out, through a whole chain: the content is in no point while the option is on; when it is off again, the
 * next increment reads it although nothing in it changed.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { assert } from 'chai';
import { type PointView } from '../../../shared/contract/api.ts';
import { type ExtentSet, intersect, subtract, totalLength } from '../../../shared/domain/extent.ts';
import { changedBetween, expectedRead, freeOf, whatIsWrong } from '../../support/disk-oracle.ts';
import { type DiskInMemory, diskInMemory } from '../../support/ntfs-volume.ts';
import { loadDisk } from '../../support/fixtures.ts';
import { RealWorld, taskOf } from '../../support/real-world.ts';
import { type SiteConfig } from '../../support/vcenter-sim/config.ts';

const DISK = 'win-mbr';
const SITE: SiteConfig = {
  datastores: [{ name: 'ds1' }],
  hosts: [{ name: 'esx1.sim' }],
  vms: [{ name: 'web01', guestOs: 'windows', cbt: true, disks: [{ fixture: DISK }] }],
};

const { capacityBytes } = loadDisk(DISK);
const takenBytes = ({ counters }: PointView['disks'][number]): number =>
  counters.zero + counters.known + counters.fresh;

/** Where pagefile.sys lies, found by its name in the MFT. */
function pageFileOf(disk: DiskInMemory): ExtentSet {
  const { bytes, volumeAt, clusterBytes } = disk;
  const name = Buffer.from('pagefile.sys', 'utf16le');
  for (let number = 24; number < 1000; number++) {
    const at = disk.recordAt(number);
    if (!bytes.subarray(at, at + 1024).includes(name)) continue;
    const content = disk.record(number).attributes.find(({ type }) => type === 0x80);
    if (content?.kind !== 'non-resident') throw new Error('The swap file has no runs');
    return content.runs.map(({ lcn, clusters }) => ({
      start: volumeAt + lcn! * clusterBytes,
      length: clusters * clusterBytes,
    }));
  }
  throw new Error('There is no swap file');
}

describe('leaving the swap file out', function () {
  this.timeout(60_000);
  let world: RealWorld;
  let swap: ExtentSet;
  const images: Buffer[] = [];

  before(async () => {
    world = await RealWorld.open({ site: SITE, mounted: true });
    await world.addJob('web', ['web01'], { options: { excludeSwap: true } });
    for (const state of ['before', 'after']) {
      const disk = await diskInMemory(DISK, state);
      images.push(disk.bytes);
      swap = pageFileOf(disk);
    }
  });
  after(() => world[Symbol.asyncDispose]());

  const swapIn = (image: Buffer): Buffer =>
    Buffer.concat(swap.map(({ start, length }) => image.subarray(start, start + length)));

  async function backUp(): Promise<{ point: PointView; codes: readonly string[] }> {
    const run = await world.runJob('web', 'auto');
    const codes = taskOf(run, 'web01').warnings.map(({ code }) => code);
    return { point: await world.pointOf('web01'), codes };
  }
  const restore = ({ savesetId }: PointView): Promise<string> => world.restoreTo(savesetId, 2000);

  it('gives zeros back for its content, says so, and everything else', async () => {
    const { point, codes } = await backUp();
    const restored = await restore(point);
    assert.include(codes, 'FILTER_FILES_EXCLUDED');
    assert.include(
      point.warnings.map(({ code }) => code),
      'FILTER_FILES_EXCLUDED',
    );
    const swapBytes = totalLength(swap);
    assert.deepEqual(point.disks[0]!.volumes[0]!.excluded, [
      { path: '\\pagefile.sys', files: 1, bytes: swapBytes, kept: null },
    ]);
    const image = await readFile(restored);
    assert.isTrue(swapIn(image).every((byte) => byte === 0));
    for (const { start, length } of swap) images[0]!.copy(image, start, start, start + length);
    await writeFile(world.file('repaired.raw'), image);
    assert.deepEqual(await whatIsWrong(world.file('repaired.raw'), DISK, 'before'), []);
  });

  it('reads no change of it', async () => {
    await world.sim.applyState('web01', 2000, { fixture: DISK, from: 'before', to: 'after' });
    const { point } = await backUp();
    const changed = await changedBetween(DISK, 'before', 'after');
    assert.isNotEmpty(intersect(changed, swap));
    const free = [...freeOf(DISK, 'after'), ...swap].sort((a, b) => a.start - b.start);
    const droppedBefore = [...freeOf(DISK, 'before'), ...swap].sort((a, b) => a.start - b.start);
    const { read } = expectedRead({ capacityBytes, free, changed, droppedBefore });
    assert.equal(takenBytes(point.disks[0]!), totalLength(read));
  });

  it('reads it when it is no longer left out, although nothing changed', async () => {
    await world.services.jobs.edit('web', { options: { excludeSwap: false } });
    const { point, codes } = await backUp();
    const restored = await restore(point);
    assert.equal(point.type, 'incremental');
    assert.notInclude(codes, 'FILTER_FILES_EXCLUDED');
    assert.equal(takenBytes(point.disks[0]!), totalLength(swap));
    assert.isTrue(swapIn(await readFile(restored)).equals(swapIn(images[1]!)));
    assert.deepEqual(await whatIsWrong(restored, DISK, 'after'), []);
  });

  it('keeps what the chain holds of it when it is left out again, as long as that is right', async () => {
    await world.services.jobs.edit('web', { options: { excludeSwap: true } });
    await world.sim.applyState('web01', 2000, { fixture: DISK, from: 'after', to: 'later' });
    const { point } = await backUp();
    const changed = intersect(await changedBetween(DISK, 'after', 'later'), swap);
    const image = await readFile(await restore(point));
    for (const { start, length } of subtract(swap, changed)) {
      assert.isTrue(image.subarray(start, start + length).equals(images[1]!.subarray(start, start + length)));
    }
  });
});
