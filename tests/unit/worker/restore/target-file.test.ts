import { assert } from 'chai';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { type ErrorCode } from '../../../../shared/base/error-table.ts';
import { hasCode } from '../../../../shared/base/errors.ts';
import { MiB } from '../../../../shared/base/units.ts';
import { openRawTarget, openVmdkTarget } from '../../../../worker/restore/target-file.ts';
import { type TempFolder, tempFolder } from '../../../support/temp.ts';

const hasQemu = spawnSync('qemu-img', ['--version']).status === 0;
const CAPACITY = 8 * MiB;

async function fails(work: Promise<unknown>, code: ErrorCode, text: string): Promise<void> {
  try {
    await work;
  } catch (error) {
    assert.isTrue(hasCode(error, code), String(error));
    assert.include((error as Error).message, text);
    return;
  }
  assert.fail(`It did not fail with ${code}`);
}

/** A disk with content at its start, in the middle and in its last sector. */
function someDisk(): { disk: Buffer; writes: [number, Buffer][] } {
  const disk = Buffer.alloc(CAPACITY);
  const writes: [number, Buffer][] = [0, 3 * MiB + 512, CAPACITY - 512].map((at) => [
    at,
    Buffer.alloc(512, `at ${at} `),
  ]);
  for (const [at, bytes] of writes) bytes.copy(disk, at);
  return { disk, writes };
}

for (const { name, open, bytesIn } of [
  { name: 'openRawTarget', open: openRawTarget, bytesIn: 'disk.img' },
  { name: 'openVmdkTarget', open: openVmdkTarget, bytesIn: 'disk-flat.vmdk' },
]) {
  describe(name, () => {
    const target = name === 'openRawTarget' ? 'disk.img' : 'disk.vmdk';
    let folder: TempFolder;
    beforeEach(async () => {
      folder = await tempFolder();
    });
    afterEach(() => folder[Symbol.asyncDispose]());

    it('writes at any place, in any order, and leaves holes where nothing was written', async () => {
      const { disk, writes } = someDisk();
      await using file = await open(folder.file(target), CAPACITY, { overwrite: false });
      await Promise.all(writes.reverse().map(([at, bytes]) => file.write(at, bytes)));
      await file.finish();
      assert.isTrue((await readFile(folder.file(bytesIn))).equals(disk));
      assert.isBelow((await stat(folder.file(bytesIn))).blocks * 512, MiB);
    });

    it('shows nothing under its name before it is whole, and nothing at all after an abort', async () => {
      const file = await open(folder.file(target), CAPACITY, { overwrite: false });
      await file.write(0, Buffer.alloc(512, 1));
      assert.notInclude(await readdir(folder.path), target);
      await file.abort();
      await file.abort();
      assert.deepEqual(await readdir(folder.path), []);
    });

    it('removes what it wrote when it is disposed without finish', async () => {
      {
        await using file = await open(folder.file(target), CAPACITY, { overwrite: false });
        await file.write(0, Buffer.alloc(512, 1));
      }
      assert.deepEqual(await readdir(folder.path), []);
    });

    it('refuses a file that exists, and one that appears meanwhile', async () => {
      const early = await open(folder.file(target), CAPACITY, { overwrite: false });
      await writeFile(folder.file(target), 'older');
      await fails(
        open(folder.file(target), CAPACITY, { overwrite: false }),
        'RESTORE_TARGET_EXISTS',
        folder.file(target),
      );
      await fails(early.finish(), 'RESTORE_TARGET_EXISTS', folder.file(target));
      await early.abort();
      assert.deepEqual(await readdir(folder.path), [target]);
    });

    it('keeps the older file until the new one is whole', async () => {
      await writeFile(folder.file(target), 'older');
      await using given = await open(folder.file(target), CAPACITY, { overwrite: true });
      await given.abort();
      assert.equal(await readFile(folder.file(target), 'utf8'), 'older');
      await using file = await open(folder.file(target), CAPACITY, { overwrite: true });
      await file.finish();
      assert.equal((await stat(folder.file(bytesIn))).size, CAPACITY);
    });

    it('refuses folders, links and missing folders as a target', async () => {
      await mkdir(folder.file(`sub-${target}`));
      await symlink('/dev/null', folder.file(`link-${target}`));
      for (const bad of [`sub-${target}`, `link-${target}`, `nowhere/${target}`]) {
        await fails(
          open(folder.file(bad), CAPACITY, { overwrite: true }),
          'RESTORE_TARGET_FAILED',
          folder.file(bad.replace('nowhere/disk.vmdk', 'nowhere/disk-flat.vmdk')),
        );
      }
    });

    it('refuses to write beyond its end', async () => {
      await using file = await open(folder.file(target), CAPACITY, { overwrite: false });
      await fails(file.write(CAPACITY - 1, Buffer.alloc(2)), 'BUG_INVARIANT', 'beyond the end');
      await fails(file.write(-1, Buffer.alloc(2)), 'BUG_INVARIANT', 'beyond the end');
    });

    it('names the path when the file system cannot hold the disk', async () => {
      await fails(
        open(folder.file(target), 2 ** 53 - 512, { overwrite: false }),
        'RESTORE_TARGET_FAILED',
        folder.path,
      );
      assert.deepEqual(await readdir(folder.path), []);
    });
  });
}

describe('a full file system under a restore target', () => {
  let mounted: TempFolder | undefined;
  before(async function () {
    const folder = await tempFolder();
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder.path]);
    if (status === 0) mounted = folder;
    else {
      await folder[Symbol.asyncDispose]();
      console.log('    skipped: a tmpfs cannot be mounted here');
      this.skip();
    }
  });
  after(async () => {
    if (mounted === undefined) return;
    execFileSync('umount', [mounted.path]);
    await mounted[Symbol.asyncDispose]();
  });

  it('fails the write with the path and the reason, and abort leaves nothing', async () => {
    assert.isDefined(mounted);
    const file = await openRawTarget(mounted.file('disk.img'), CAPACITY, { overwrite: false });
    await fails(file.write(0, Buffer.alloc(2 * MiB, 1)), 'RESTORE_TARGET_FAILED', 'the file system is full');
    await file.abort();
    assert.deepEqual(await readdir(mounted.path), []);
  });
});

describe('openVmdkTarget and qemu-img', () => {
  before(function () {
    if (!hasQemu) {
      console.log('    skipped: qemu-img is not installed');
      this.skip();
    }
  });

  it('makes an image that qemu-img opens, with equal content', async () => {
    await using folder = await tempFolder();
    const { disk, writes } = someDisk();
    await writeFile(folder.file('expected.img'), disk);
    await using file = await openVmdkTarget(folder.file('a disk.vmdk'), CAPACITY, { overwrite: false });
    for (const [at, bytes] of writes) await file.write(at, bytes);
    await file.finish();
    const told = JSON.parse(
      execFileSync('qemu-img', ['info', '--output=json', folder.file('a disk.vmdk')], { encoding: 'utf8' }),
    ) as Record<string, unknown>;
    assert.equal(told['format'], 'vmdk');
    assert.equal(told['virtual-size'], CAPACITY);
    const compared = spawnSync(
      'qemu-img',
      ['compare', '-f', 'vmdk', '-F', 'raw', folder.file('a disk.vmdk'), folder.file('expected.img')],
      { encoding: 'utf8' },
    );
    assert.equal(compared.status, 0, compared.stdout + compared.stderr);
  });

  it('refuses names that a descriptor cannot hold, and half sectors', async () => {
    await using folder = await tempFolder();
    const options = { overwrite: false };
    await fails(openVmdkTarget(folder.file('a"b.vmdk'), 512, options), 'RESTORE_TARGET_FAILED', 'its name');
    await fails(
      openVmdkTarget(folder.file('a.vmdk'), 513, options),
      'RESTORE_TARGET_FAILED',
      'whole sectors',
    );
  });
});
