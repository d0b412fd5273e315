/**
 * The filter over XFS volumes, held to xfsprogs and partclone: committed ones, some that mkfs.xfs makes here, and public images. What
 * is dropped is then overwritten, and neither xfs_repair nor the files notice. Cases whose programs or images are missing say so and
 * are skipped.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { assert } from 'chai';
import { type ExtentSet, complement, intersect, normalize } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { keepAllOptions } from '../support/filter-options.ts';
import { openImage } from '../support/image-reader.ts';
import { hasProgram, runProgram } from '../support/ntfs-oracle.ts';
import { copyVolume, unpackImage, whyNoImage } from '../support/public-image.ts';
import { tempFolder } from '../support/temp.ts';
import { loadVolume } from '../support/volume-fixture.ts';
import { assertSoundByXfsRepair, freeByXfsDb, usedByPartclone } from '../support/xfs-oracle.ts';

async function mapFile(file: string): Promise<ActiveBlocks> {
  await using reader = await openImage(file);
  return await mapActiveBlocks(reader, keepAllOptions, new AbortController().signal);
}

function overwrite(file: string, extents: ExtentSet): void {
  const pattern = Buffer.alloc(1024 * 1024, 'dropped!');
  const target = openSync(file, 'r+');
  for (const { start, length } of extents) {
    for (let done = 0; done < length; done += pattern.length) {
      writeSync(target, pattern, 0, Math.min(pattern.length, length - done), start + done);
    }
  }
  closeSync(target);
}

/** SHA-256 of every file of the volume by path, or null where it cannot be mounted. */
function filesOf(file: string, folder: string): Record<string, string> | null {
  const root = path.join(folder, 'mount');
  mkdirSync(root, { recursive: true });
  const options = 'loop,ro,norecovery,nouuid';
  if (spawnSync('mount', ['-t', 'xfs', '-o', options, file, root]).status !== 0) return null;
  try {
    const found = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const named = found.map((entry) => path.join(entry.parentPath, entry.name));
    return Object.fromEntries(
      named.map((name) => [name, createHash('sha256').update(readFileSync(name)).digest('hex')]),
    );
  } finally {
    spawnSync('umount', [root]);
  }
}

const made: readonly (readonly [string, readonly string[]])[] = [
  ['4 KiB blocks and all trees', ['-m', 'rmapbt=1,reflink=1,bigtime=1,inobtcount=1']],
  ['64 KiB blocks', ['-b', 'size=65536']],
  ['4 KiB sectors', ['-s', 'size=4096']],
  ['a log with stripes', ['-l', 'su=32k,size=24m']],
  ['large buffers of the log', ['-l', 'su=256k,size=24m', '-d', 'su=256k,sw=2,agcount=2']],
  ['version 4 with a new log', ['-m', 'crc=0', '-l', 'version=2']],
  ['version 4 with 512-byte blocks', ['-m', 'crc=0', '-b', 'size=512', '-n', 'size=4096']],
  ['one group', ['-d', 'agcount=1']],
  ['an end inside a group', ['-d', 'size=130m,agsize=32m']],
];

describe('mapActiveBlocks over XFS', function () {
  this.timeout(120_000);

  before(function () {
    const missing = ['mkfs.xfs', 'xfs_db', 'xfs_repair', 'xz', 'qemu-img'].filter(
      (name) => !hasProgram(name),
    );
    if (missing.length === 0) return;
    console.log(`    skipped: ${missing.join(', ')} is not installed`);
    this.skip();
  });

  for (const [name, options] of made) {
    it(`drops what xfs_db calls free of a volume with ${name}`, async () => {
      await using folder = await tempFolder();
      const file = folder.file('volume');
      runProgram('truncate', ['-s', '160M', file]);
      runProgram('mkfs.xfs', ['-q', '--unsupported', ...options, file]);
      const { keep, volumes } = await mapFile(file);
      assert.isNull(volumes[0]!.gate);
      const dropped = complement(keep, 160 * 1024 * 1024);
      assert.deepEqual(dropped, freeByXfsDb(file));
      overwrite(file, dropped);
      assertSoundByXfsRepair(file);
    });
  }

  it('keeps a volume whole whose log lies on another device', async () => {
    await using folder = await tempFolder();
    const file = folder.file('volume');
    for (const name of ['volume', 'log']) runProgram('truncate', ['-s', '100M', folder.file(name)]);
    runProgram('mkfs.xfs', ['-q', '--unsupported', '-l', `logdev=${folder.file('log')},size=64m`, file]);
    assert.equal((await mapFile(file)).volumes[0]!.gate, 'log-external');
  });

  it('keeps a volume whole that has a realtime part', async () => {
    await using folder = await tempFolder();
    const file = folder.file('volume');
    for (const name of ['volume', 'realtime']) runProgram('truncate', ['-s', '100M', folder.file(name)]);
    runProgram('mkfs.xfs', ['-q', '--unsupported', '-r', `rtdev=${folder.file('realtime')}`, file]);
    assert.equal((await mapFile(file)).volumes[0]!.gate, 'realtime');
  });

  for (const name of ['xfs-clean', 'xfs-frozen', 'xfs-v4']) {
    it(`loses nothing of ${name} when all that is dropped is overwritten`, async () => {
      await using folder = await tempFolder();
      const file = folder.file('volume');
      const { bytes } = loadVolume(name);
      writeFileSync(file, bytes);
      const dropped = complement((await mapFile(file)).keep, bytes.length);
      assert.deepEqual(dropped, freeByXfsDb(file));
      if (hasProgram('partclone.xfs')) {
        assert.deepEqual(intersect(usedByPartclone('partclone.xfs', file), dropped), []);
      }
      const before = filesOf(file, folder.path);
      if (before === null) console.log('      files not compared: the volume cannot be mounted here');
      overwrite(file, dropped);
      // xfs_repair does not look at volumes whose log is formally open.
      if (name !== 'xfs-frozen') assertSoundByXfsRepair(file);
      assert.deepEqual(filesOf(file, folder.path), before);
    });
  }

  for (const name of ['blkid-xfs-v5.img.xz', 'lt-xfs5.vhdx.xz', 'lt-xfs.vhdx.xz']) {
    it(`drops what xfs_db calls free of ${name}`, async function () {
      const reason = whyNoImage(name);
      if (reason !== null) {
        console.log(`      skipped: ${reason}`);
        this.skip();
      }
      await using folder = await tempFolder();
      const file = unpackImage(name, folder.path);
      const { keep, volumes, state } = await mapFile(file);
      assert.equal(state, 'filtered');
      for (const { startBytes, lengthBytes } of volumes) {
        const volume = folder.file('volume');
        copyVolume(file, { start: startBytes, length: lengthBytes }, volume);
        const kept = normalize(
          intersect(keep, [{ start: startBytes, length: lengthBytes }]).map(({ start, length }) => ({
            start: start - startBytes,
            length,
          })),
        );
        const dropped = complement(kept, lengthBytes);
        assert.deepEqual(dropped, freeByXfsDb(volume));
        assertSoundByXfsRepair(volume);
      }
    });
  }

  it('keeps blkid-xfs.img.xz whole, which has inodes of version 1', async function () {
    const reason = whyNoImage('blkid-xfs.img.xz');
    if (reason !== null) {
      console.log(`      skipped: ${reason}`);
      this.skip();
    }
    await using folder = await tempFolder();
    const { volumes } = await mapFile(unpackImage('blkid-xfs.img.xz', folder.path));
    assert.equal(volumes[0]!.gate, 'xfs-features');
  });
});
