/** The committed disks are what disk.json says, by hash and, where ntfs-3g is installed, by its word. */
import { assert } from 'chai';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { diffImages } from '../../support/disk-patches.ts';
import {
  type DiskFixture,
  listDisks,
  loadDisk,
  patchesBetween,
  type VolumeState,
  writeState,
} from '../../support/fixtures.ts';

const GRAIN_BYTES = 64 * 1024;
const CHECKED_FILES = 30;
const TOOL_TIMEOUT_MS = 10_000;
const hasNtfscat = spawnSync('ntfscat', ['--version']).error === undefined;

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function allocatedSha256(image: Buffer, volume: VolumeState): string {
  const hash = createHash('sha256');
  for (const [start, clusters] of volume.allocatedRuns) {
    const from = volume.startBytes + start * volume.clusterBytes;
    hash.update(image.subarray(from, from + clusters * volume.clusterBytes));
  }
  return hash.digest('hex');
}

function ntfscat(volumePath: string, file: string): Buffer {
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const options = { env, maxBuffer: 2 ** 27, timeout: TOOL_TIMEOUT_MS };
  return execFileSync('ntfscat', ['-f', volumePath, file], options);
}

describe('committed disks', () => {
  let folder = '';
  before(() => (folder = mkdtempSync(path.join(tmpdir(), 'fixtures-test-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function imageOf(name: string, state: string): Promise<Buffer> {
    const target = path.join(folder, `${name}.raw`);
    await writeState(name, state, target);
    return readFileSync(target);
  }

  for (const name of listDisks()) {
    const disk = loadDisk(name);
    for (const state of disk.states) {
      it(`writes ${name}/${state.name} with the recorded hashes, sparsely`, async () => {
        const image = await imageOf(name, state.name);
        const stat = statSync(path.join(folder, `${name}.raw`));
        assert.equal(stat.size, disk.capacityBytes);
        assert.isBelow(stat.blocks * 512, disk.capacityBytes);
        assert.equal(sha256(image), state.sha256);
        for (const volume of state.volumes)
          assert.equal(allocatedSha256(image, volume), volume.allocatedSha256);
        for (const { startBytes, lengthBytes, sha256: expected } of state.outsideClusters) {
          assert.equal(sha256(image.subarray(startBytes, startBytes + lengthBytes)), expected);
        }
        for (const marker of state.deletedMarkers) assert.isAtLeast(image.indexOf(marker), 0, marker);
      });
    }

    it(`leads ${name} from each state to the next by patches`, async () => {
      const image = await imageOf(name, disk.states[0]!.name);
      for (const [index, state] of disk.states.slice(1).entries()) {
        const patches = await patchesBetween(name, disk.states[index]!.name, state.name);
        for (const { offset, bytes } of patches) bytes.copy(image, offset);
        assert.equal(sha256(image), state.sha256, state.name);
      }
    });

    for (const state of disk.states.filter(({ files }) => files.length > 0)) {
      const ntfsFiles = state.files.filter(({ volume }) => state.volumes[volume]!.fileSystem === 'ntfs');
      if (ntfsFiles.length === 0) continue;
      const notice = hasNtfscat ? '' : ' (skipped: ntfscat is not installed)';
      it(`holds in ${name}/${state.name} the files that ntfscat reads${notice}`, async function () {
        if (!hasNtfscat) return this.skip();
        const image = await imageOf(name, state.name);
        for (const [index, { startBytes, lengthBytes }] of state.volumes.entries()) {
          const volumePath = path.join(folder, `${name}-${index}.vol`);
          writeFileSync(volumePath, image.subarray(startBytes, startBytes + lengthBytes));
          const files = ntfsFiles.filter(({ volume }) => volume === index);
          const step = Math.ceil(files.length / CHECKED_FILES);
          for (const file of files.filter((_, position) => position % step === 0)) {
            assert.equal(sha256(ntfscat(volumePath, file.path)), file.sha256, file.path);
          }
          rmSync(volumePath);
        }
      });
    }
  }

  it('cover over 15 MiB of deleted content in win-mbr', async () => {
    const image = await imageOf('win-mbr', 'before');
    let pages = 0;
    for (let at = 0; at < image.length; at += 4096) {
      if (image.toString('latin1', at, at + 8) === 'DELETED-') pages += 1;
    }
    assert.isAtLeast(pages * 4096, 15 * 1024 * 1024);
  });

  it('write in late-metadata nothing near the content of the late file', async () => {
    const disk: DiskFixture = loadDisk('late-metadata');
    const { lateFile } = disk;
    assert.isDefined(lateFile);
    const { startBytes, clusterBytes, allocatedRuns } = disk.states[0]!.volumes[lateFile.volume]!;
    const image = await imageOf('late-metadata', 'data-first');
    const touched = new Set<number>();
    for (const { offset, bytes } of await patchesBetween('late-metadata', 'data-first', 'metadata-later')) {
      const last = offset + bytes.length - 1;
      for (let at = Math.floor(offset / GRAIN_BYTES); at <= Math.floor(last / GRAIN_BYTES); at++)
        touched.add(at);
    }
    const parts: Buffer[] = [];
    for (const [start, clusters] of lateFile.runs) {
      const from = startBytes + start * clusterBytes;
      const end = from + clusters * clusterBytes;
      parts.push(image.subarray(from, end));
      for (let at = Math.floor(from / GRAIN_BYTES); at * GRAIN_BYTES < end; at++)
        assert.isFalse(touched.has(at));
      for (const [used, count] of allocatedRuns)
        assert.isTrue(used + count <= start || used >= start + clusters);
    }
    assert.equal(sha256(Buffer.concat(parts).subarray(0, lateFile.lengthBytes)), lateFile.sha256);
  });
});

describe('patchesBetween', () => {
  it('merges over states between, in order', async () => {
    const all = await patchesBetween('win-mbr', 'before', 'late');
    const steps = await Promise.all([
      patchesBetween('win-mbr', 'before', 'after'),
      patchesBetween('win-mbr', 'after', 'later'),
      patchesBetween('win-mbr', 'later', 'late'),
    ]);
    assert.equal(all.length, steps.flat().length);
  });

  for (const [from, to] of [
    ['after', 'before'],
    ['after', 'after'],
    ['before', 'never'],
  ] as const) {
    it(`refuses to lead from "${from}" to "${to}"`, async () => {
      let refused: unknown;
      await patchesBetween('blank', from, to).catch((error: unknown) => (refused = error));
      assert.instanceOf(refused, Error);
    });
  }
});

describe('diffImages', () => {
  it('finds single sectors, and cuts long runs at 1 MiB', () => {
    const before = Buffer.alloc(3 * 1024 * 1024);
    const current = Buffer.from(before);
    current[512 * 7 + 3] = 1;
    current.fill(2, 1024 * 1024, 2.5 * 1024 * 1024);
    const found = diffImages(before, current).map(({ offset, bytes }) => [offset, bytes.length]);
    assert.deepEqual(found, [
      [3584, 512],
      [1024 * 1024, 1024 * 1024],
      [2 * 1024 * 1024, 512 * 1024],
    ]);
  });
});
