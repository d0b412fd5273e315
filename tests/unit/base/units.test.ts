import { assert } from 'chai';
import { mkdir, readFile, readdir, stat } from 'node:fs/promises';
import { syncFolder, writeFileAtomic } from '../../../shared/base/atomic-file.ts';
import { hasCode } from '../../../shared/base/errors.ts';
import { GiB, KiB, MiB, TiB, formatBytes, formatDuration, toSafeNumber } from '../../../shared/base/units.ts';
import { tempFolder } from '../../support/temp.ts';

describe('formatBytes', () => {
  for (const [bytes, text] of [
    [0, '0 B'],
    [1023, '1023 B'],
    [KiB, '1.00 KiB'],
    [1.5 * MiB, '1.50 MiB'],
    [12.34 * GiB, '12.3 GiB'],
    [123.4 * TiB, '123 TiB'],
  ] as const) {
    it(`shows ${String(bytes)} as ${text}`, () => assert.equal(formatBytes(bytes), text));
  }
});

describe('formatDuration', () => {
  for (const [ms, text] of [
    [400, '0.4 s'],
    [12_000, '12 s'],
    [9_960, '10 s'],
    [59_600, '1 min 0 s'],
    [119_700, '2 min 0 s'],
    [200_000, '3 min 20 s'],
    [7_500_000, '2 h 5 min'],
  ] as const) {
    it(`shows ${String(ms)} as ${text}`, () => assert.equal(formatDuration(ms), text));
  }
});

describe('toSafeNumber', () => {
  it('takes what a number holds exactly', () => {
    assert.equal(toSafeNumber(0n, 'it'), 0);
    assert.equal(toSafeNumber(2n ** 53n - 1n, 'it'), Number.MAX_SAFE_INTEGER);
  });

  for (const value of [-1n, 2n ** 53n]) {
    it(`refuses ${String(value)}`, () => {
      try {
        toSafeNumber(value, 'the offset');
        assert.fail('it was taken');
      } catch (error) {
        assert.isTrue(hasCode(error, 'FORMAT_INVALID'));
      }
    });
  }
});

describe('writeFileAtomic', () => {
  it('replaces the file with its mode, and leaves nothing aside', async () => {
    await using folder = await tempFolder();
    await writeFileAtomic(folder.file('a'), 'old');
    await writeFileAtomic(folder.file('a'), new TextEncoder().encode('new'), 0o600);
    assert.equal(await readFile(folder.file('a'), 'utf8'), 'new');
    assert.equal((await stat(folder.file('a'))).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(folder.path), ['a']);
    await syncFolder(folder.path);
  });

  it('leaves the old one and nothing aside when it fails', async () => {
    await using folder = await tempFolder();
    await mkdir(folder.file('a'));
    const error: unknown = await writeFileAtomic(folder.file('a'), 'new').catch((caught: unknown) => caught);
    assert.instanceOf(error, Error);
    assert.deepEqual(await readdir(folder.path), ['a']);
  });
});
