/** The filter over the committed disks: it drops the clusters that the file-system tools call free, all of them, and no byte more. */
import { assert } from 'chai';
import { type Extent, complement, covers, normalize, slice } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { type VolumeState, listDisks, loadDisk, writeState } from '../support/fixtures.ts';
import { keepAllOptions } from '../support/filter-options.ts';
import { openImage } from '../support/image-reader.ts';
import { type TempFolder, tempFolder } from '../support/temp.ts';

/** Bytes of the disk in clusters that no run names. */
function freeBytesOf({ startBytes, clusterBytes, clusters, allocatedRuns }: VolumeState): readonly Extent[] {
  const allocated = normalize(allocatedRuns.map(([start, length]) => ({ start, length })));
  return complement(allocated, clusters).map(({ start, length }) => ({
    start: startBytes + start * clusterBytes,
    length: length * clusterBytes,
  }));
}

async function mapState(name: string, state: string, folder: TempFolder): Promise<ActiveBlocks> {
  const file = folder.file('disk.raw');
  await writeState(name, state, file);
  await using reader = await openImage(file);
  return await mapActiveBlocks(reader, keepAllOptions, new AbortController().signal);
}

describe('mapActiveBlocks over the committed disks', function () {
  this.timeout(60_000);
  let folder: TempFolder;

  before(async () => {
    folder = await tempFolder();
  });

  after(() => folder[Symbol.asyncDispose]());

  for (const name of listDisks()) {
    const disk = loadDisk(name);
    for (const { name: state, volumes, outsideClusters } of disk.states) {
      it(`drops exactly the free clusters of ${name}/${state}`, async () => {
        const active = await mapState(name, state, folder);
        const free = volumes.flatMap(freeBytesOf);
        assert.deepEqual(complement(active.keep, disk.capacityBytes), free);
        assert.deepEqual(active.warnings, []);
        assert.equal(active.state, volumes.length > 0 ? 'filtered' : 'unfiltered');
        for (const { startBytes: start, lengthBytes: length } of outsideClusters) {
          assert.isTrue(covers(active.keep, { start, length }), `bytes outside clusters at ${start}`);
        }
        for (const volume of volumes) {
          const report = active.volumes.find(({ startBytes }) => startBytes === volume.startBytes)!;
          const freeBytes = volume.freeClusters * volume.clusterBytes;
          const fileSystem = volume.fileSystem === 'ntfs' ? 'NTFS' : volume.fileSystem;
          assert.include(report, { fileSystem, gate: null, freeBytes, skippedBytes: freeBytes });
          assert.include(report, { lengthBytes: volume.lengthBytes, clusterBytes: volume.clusterBytes });
        }
      });
    }
  }

  it('finds no volume on a disk without a table', async () => {
    const { volumes } = await mapState('blank', 'before', folder);
    assert.deepEqual(volumes, []);
  });

  it('calls the late file free before its metadata is written, and used after', async () => {
    const { lateFile, states } = loadDisk('late-metadata');
    const { startBytes, clusterBytes } = states[0]!.volumes[lateFile!.volume]!;
    const before = await mapState('late-metadata', 'data-first', folder);
    const later = await mapState('late-metadata', 'metadata-later', folder);
    for (const [cluster, clusters] of lateFile!.runs) {
      const place = { start: startBytes + cluster * clusterBytes, length: clusters * clusterBytes };
      assert.isEmpty(slice(before.keep, place.start, place.start + place.length));
      assert.isTrue(covers(later.keep, place));
    }
  });
});
