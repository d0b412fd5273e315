import { assert } from 'chai';
import { AppError } from '../../../../shared/base/errors.ts';
import { MiB } from '../../../../shared/base/units.ts';
import { SortFolder } from '../../../../worker/reclaim/sort-folder.ts';
import { tempFolder } from '../../../support/temp.ts';

describe('SortFolder.requireSpace', () => {
  const FREE = 80 * MiB;

  async function answerTo(refs: number, freeBytes?: () => Promise<number>): Promise<unknown> {
    await using folder = await tempFolder();
    await using sorts = await SortFolder.open(folder.file('sorts'), freeBytes ? { freeBytes } : {});
    return await sorts.requireSpace(refs).catch((error: unknown) => error);
  }

  it('refuses what the folder cannot hold, with the numbers', async () => {
    const error = await answerTo(MiB + 1, () => Promise.resolve(FREE));
    assert.instanceOf(error, AppError);
    assert.equal(error.code, 'RECLAIM_NO_SORT_SPACE');
    assert.match(error.message, /about 80\.0 MiB are needed, 80\.0 MiB are free$/);
    assert.include(error.facts, { refs: MiB + 1, neededBytes: FREE + 80, freeBytes: FREE });
  });

  it('takes what fits, and what is sorted in memory without looking', async () => {
    assert.isUndefined(await answerTo(MiB, () => Promise.resolve(FREE)));
    assert.isUndefined(await answerTo(1000, () => Promise.reject(new Error('it is not asked'))));
  });

  it('asks the file system of the folder', async () => {
    assert.isUndefined(await answerTo(300_000));
    assert.instanceOf(await answerTo(2 ** 50), AppError);
  });
});
