import { assert } from 'chai';
import { writeFile } from 'node:fs/promises';
import { selectDisk } from '../../../../master/restore/disk-selector.ts';
import { checkFileTarget } from '../../../../master/restore/target-check.ts';
import { toAppError } from '../../../../shared/base/errors.ts';
import { tempFolder } from '../../../support/temp.ts';

const disks = [
  { key: 2000, label: 'Hard disk 1' },
  { key: 2001, label: 'Data' },
  { key: 2016, label: 'data' },
];

describe('selectDisk', () => {
  const cases = [
    { selector: '2001', key: 2001 },
    { selector: 'hard DISK 1', key: 2000 },
    { selector: '3', key: 2016 },
    { selector: ' 1 ', key: 2000 },
  ];
  for (const { selector, key } of cases) {
    it(`finds ${key} for "${selector}"`, () => assert.equal(selectDisk(disks, selector).key, key));
  }

  for (const [selector, message] of [
    ['4', /Cannot find disk "4"/],
    ['0', /Cannot find/],
    ['', /Cannot find/],
    ['DATA', /Cannot tell which disk/],
  ] as const) {
    it(`refuses "${selector}"`, () => assert.throws(() => selectDisk(disks, selector), message));
  }
});

describe('checkFileTarget', () => {
  const codeOf = async (path: string, more: object = {}): Promise<string> => {
    try {
      await checkFileTarget({ path, overwrite: false, neededBytes: 1, ...more });
      return 'none';
    } catch (error) {
      return toAppError(error).code;
    }
  };

  it('accepts a new file in a folder, and an old one when it may be overwritten', async () => {
    await using folder = await tempFolder();
    await writeFile(folder.file('old'), '');
    assert.equal(await codeOf(folder.file('new')), 'none');
    assert.equal(await codeOf(folder.file('old')), 'RESTORE_TARGET_EXISTS');
    assert.equal(await codeOf(folder.file('old'), { overwrite: true }), 'none');
  });

  it('refuses a path that cannot take the disk', async () => {
    await using folder = await tempFolder();
    await writeFile(folder.file('file'), '');
    assert.equal(await codeOf('relative'), 'USAGE_INVALID');
    assert.equal(await codeOf(folder.file('missing/new')), 'RESTORE_TARGET_FAILED');
    assert.equal(await codeOf(folder.file('file/new')), 'RESTORE_TARGET_FAILED');
    assert.equal(await codeOf(folder.path, { overwrite: true }), 'RESTORE_TARGET_FAILED');
    assert.equal(await codeOf(folder.file('new'), { neededBytes: 2 ** 60 }), 'RESTORE_TARGET_FAILED');
  });
});
