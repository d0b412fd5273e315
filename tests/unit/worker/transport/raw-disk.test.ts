import { assert } from 'chai';
import { randomFillSync } from 'node:crypto';
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type ErrorCode } from '../../../../shared/base/error-table.ts';
import { AppError } from '../../../../shared/base/errors.ts';
import { MiB } from '../../../../shared/base/units.ts';
import { openFileDisk } from '../../../../worker/transport/file/raw-disk.ts';
import { encodeFlatDescriptor } from '../../../../worker/transport/vmdk-descriptor.ts';
import { blockReaderContract } from '../../../contract/block-reader.ts';
import { type TempFolder, tempFolder } from '../../../support/temp.ts';

const CAPACITY = 5 * MiB + 512;
const content = randomFillSync(Buffer.alloc(CAPACITY));
const FILE_NAME = '[nfs [1]] vm 1/disk.vmdk';
const never = new AbortController().signal;

/** A datastore folder with one VM folder and its disk. */
async function datastoreWithDisk(): Promise<TempFolder> {
  const folder = await tempFolder();
  await mkdir(folder.file('ds/vm 1'), { recursive: true });
  const descriptor = encodeFlatDescriptor({
    capacityBytes: CAPACITY,
    extentName: 'disk-flat.vmdk',
    cid: '01234567',
  });
  await writeFile(folder.file('ds/vm 1/disk.vmdk'), descriptor);
  await writeFile(folder.file('ds/vm 1/disk-flat.vmdk'), content);
  return folder;
}

const optionsFor = (folder: TempFolder, fileName = FILE_NAME) => ({
  datastorePaths: { 'nfs [1]': folder.file('ds') },
  fileName,
  capacityBytes: CAPACITY,
});

blockReaderContract('openFileDisk', async () => {
  const folder = await datastoreWithDisk();
  const reader = await openFileDisk(optionsFor(folder), never);
  return {
    reader,
    content,
    async [Symbol.asyncDispose]() {
      await reader[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
});

blockReaderContract('openFileDisk with an extent inside its file', async () => {
  const folder = await datastoreWithDisk();
  const text = encodeFlatDescriptor({
    capacityBytes: CAPACITY,
    extentName: 'disk-flat.vmdk',
    cid: '01234567',
  });
  await writeFile(folder.file('ds/vm 1/disk.vmdk'), text.replace('flat.vmdk" 0', 'flat.vmdk" 16'));
  await writeFile(folder.file('ds/vm 1/disk-flat.vmdk'), Buffer.concat([Buffer.alloc(8192, 1), content]));
  const reader = await openFileDisk(optionsFor(folder), never);
  return {
    reader,
    content,
    async [Symbol.asyncDispose]() {
      await reader[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
});

describe('openFileDisk', () => {
  let folder: TempFolder;
  beforeEach(async () => {
    folder = await datastoreWithDisk();
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  async function refuses(fileName: string, code: ErrorCode, text: RegExp): Promise<void> {
    const error = await openFileDisk(optionsFor(folder, fileName), never).catch((e: unknown) => e);
    assert.instanceOf(error, AppError);
    assert.equal(error.code, code);
    assert.match(error.message, text);
  }

  for (const fileName of ['[ds2] vm 1/disk.vmdk', '[constructor] vm 1/disk.vmdk', 'vm 1/disk.vmdk', '']) {
    it(`is not available for "${fileName}", whose datastore is not mounted here`, () =>
      refuses(fileName, 'TRANSPORT_UNAVAILABLE', /its datastore is not mounted here/));
  }

  it('is not available when the file is not in the folder, so that another transport is tried', () =>
    refuses('[nfs [1]] vm 2/disk.vmdk', 'TRANSPORT_UNAVAILABLE', /does not exist/));

  it('opens nothing outside of the folder, by name or by link', async () => {
    await writeFile(folder.file('outside.vmdk'), 'secret');
    await symlink(folder.file('outside.vmdk'), folder.file('ds/vm 1/link.vmdk'));
    await refuses('[nfs [1]] ../outside.vmdk', 'TRANSPORT_UNAVAILABLE', /outside of the folder/);
    await refuses('[nfs [1]] vm 1/link.vmdk', 'TRANSPORT_UNAVAILABLE', /outside of the folder/);
    const sister = `${path.basename(folder.file('ds'))}2`;
    await mkdir(folder.file(sister));
    await writeFile(folder.file(`${sister}/disk.vmdk`), 'secret');
    await refuses(`[nfs [1]] ../${sister}/disk.vmdk`, 'TRANSPORT_UNAVAILABLE', /outside of the folder/);
  });

  it('refuses a flat file that is shorter than the disk', async () => {
    await truncate(folder.file('ds/vm 1/disk-flat.vmdk'), CAPACITY - 512);
    await refuses(FILE_NAME, 'TRANSPORT_SHORT_READ', /ends at byte 5242880/);
  });

  it('refuses a whole disk under the descriptor name', async () => {
    await writeFile(folder.file('ds/vm 1/disk.vmdk'), content);
    await refuses(FILE_NAME, 'TRANSPORT_DESCRIPTOR_INVALID', /disk.vmdk/);
  });

  it('refuses a folder in place of a file', async () => {
    await mkdir(folder.file('ds/vm 1/folder.vmdk'));
    await refuses('[nfs [1]] vm 1/folder.vmdk', 'TRANSPORT_FAILED', /folder.vmdk/);
  });

  it('fails the read when the file is cut off later', async () => {
    await using reader = await openFileDisk(optionsFor(folder), never);
    await truncate(folder.file('ds/vm 1/disk-flat.vmdk'), MiB);
    const error = await reader.read(MiB - 512, new Uint8Array(1024)).catch((e: unknown) => e);
    assert.instanceOf(error, AppError);
    assert.equal(error.code, 'TRANSPORT_SHORT_READ');
    assert.equal(error.facts['at'], MiB);
  });
});
