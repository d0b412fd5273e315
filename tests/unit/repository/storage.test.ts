import { assert } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '../../../shared/base/clock.ts';
import { createDevice } from '../../../shared/repository/device.ts';
import { renameToNew } from '../../../shared/repository/local-files.ts';
import { openLocalStorage } from '../../../shared/repository/storage-local.ts';
import { MemoryStorage } from '../../../shared/repository/storage-memory.ts';
import { type ObjectEntry } from '../../../shared/repository/storage.ts';
import { readError, writeError } from '../../../shared/repository/storage-errors.ts';
import { describeStorage } from '../../contract/storage.ts';
import { tempFolder } from '../../support/temp.ts';
import { codeOfAsync } from '../format/codes.ts';

describeStorage('MemoryStorage', () =>
  Promise.resolve({ storage: new MemoryStorage(), [Symbol.asyncDispose]: () => Promise.resolve() }),
);

describeStorage('openLocalStorage', async () => {
  const folder = await tempFolder();
  const storage = openLocalStorage(path.join(folder.path, 'device'));
  return { storage, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
});

describe('openLocalStorage', () => {
  it('passes by what the file system keeps in its top folder, and what is no file', async () => {
    await using folder = await tempFolder();
    await mkdir(path.join(folder.path, 'lost+found'));
    await writeFile(path.join(folder.path, 'lost+found', '#1'), 'x');
    await symlink('/etc/passwd', path.join(folder.path, 'link'));
    const names: string[] = [];
    for await (const { name } of openLocalStorage(folder.path).list('')) names.push(name);
    assert.deepEqual(names, []);
  });

  it('lists files and folders apart that have no name of an object', async () => {
    await using folder = await tempFolder();
    await mkdir(path.join(folder.path, '.snapshots', 'daily'), { recursive: true });
    await writeFile(path.join(folder.path, 'my notes.txt'), 'x');
    const storage = openLocalStorage(folder.path);
    const names = async (listing: AsyncIterable<ObjectEntry>): Promise<string[]> => {
      const found: string[] = [];
      for await (const { name } of listing) found.push(name);
      return found.sort();
    };
    assert.deepEqual(await names(storage.list('')), []);
    assert.deepEqual(await names(storage.listRest('')), ['.snapshots', 'my notes.txt']);
    assert.equal(await codeOfAsync(createDevice(storage, { clock: systemClock })), 'USAGE_CONFLICT');
  });

  it('leaves nothing aside after a put that failed', async () => {
    await using folder = await tempFolder();
    const storage = openLocalStorage(folder.path);
    await storage.put('object', new Uint8Array(1));
    await codeOfAsync(storage.put('object', new Uint8Array(1)));
    assert.deepEqual(await readdir(folder.path), ['object']);
  });

  it('says that the device is full, and where', async function () {
    await using folder = await tempFolder();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder.path]);
    if (mounted.status !== 0) {
      console.log('      (skipped: no right to mount a small file system)');
      this.skip();
    }
    try {
      const storage = openLocalStorage(folder.path);
      assert.equal(await codeOfAsync(storage.put('large', new Uint8Array(1_000_000))), 'DEVICE_FULL');
      await storage.put('small', new Uint8Array(100));
      assert.deepEqual(await readdir(folder.path), ['small']);
      assert.isBelow(await storage.freeBytes(), 262_144);
    } finally {
      spawnSync('umount', [folder.path]);
    }
  });
});

describe('renameToNew', () => {
  it('gives a free name, and refuses one that is taken', async () => {
    await using folder = await tempFolder();
    const [aside, file] = [path.join(folder.path, 'aside'), path.join(folder.path, 'file')];
    await writeFile(aside, 'one');
    await renameToNew(aside, file);
    await writeFile(aside, 'two');
    const failure: unknown = await renameToNew(aside, file).catch((error: unknown) => error);
    assert.equal(writeError(failure, 'here', 'file').code, 'REPO_OBJECT_EXISTS');
  });
});

describe('storage errors', () => {
  const system = (code: string): Error => Object.assign(new Error(code), { code });
  for (const [code, read, write] of [
    ['ENOSPC', 'DEVICE_FULL', 'DEVICE_FULL'],
    ['EDQUOT', 'DEVICE_FULL', 'DEVICE_FULL'],
    ['ESTALE', 'DEVICE_OFFLINE', 'DEVICE_OFFLINE'],
    ['EIO', 'REPO_READ_FAILED', 'REPO_WRITE_FAILED'],
    ['ENOENT', 'REPO_OBJECT_MISSING', 'REPO_WRITE_FAILED'],
    ['EEXIST', 'REPO_READ_FAILED', 'REPO_OBJECT_EXISTS'],
  ] as const) {
    it(`makes ${read} or ${write} of ${code}, naming the location`, () => {
      const errors = [readError(system(code), '/mnt/d1', 'o'), writeError(system(code), '/mnt/d1', 'o')];
      assert.deepEqual(
        errors.map((error) => error.code),
        [read, write],
      );
      for (const error of errors) assert.include(error.message, '"/mnt/d1"');
    });
  }

  it('keeps an error that is known already, and names an unknown one', () => {
    const known = readError(system('EIO'), 'd', 'o');
    assert.equal(writeError(known, 'd', 'o'), known);
    assert.equal(readError(known, 'd', 'o'), known);
    assert.equal(readError(new Error('strange'), 'd', 'o').code, 'REPO_READ_FAILED');
  });
});
