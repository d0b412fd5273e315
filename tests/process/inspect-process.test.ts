import { assert } from 'chai';
import { inspectInProcess } from '../../master/inspect-process.ts';
import { cancelled } from '../../shared/base/abort.ts';
import { hasCode } from '../../shared/base/errors.ts';
import { loadDisk, writeState } from '../support/fixtures.ts';
import { type TempFolder, tempFolder } from '../support/temp.ts';

async function errorOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('inspectInProcess', function () {
  this.timeout(60_000);
  let folder: TempFolder;
  before(async () => {
    folder = await tempFolder();
    await writeState('win-gpt', 'before', folder.file('disk.raw'));
  });
  after(() => folder[Symbol.asyncDispose]());

  it('gives what the process found', async () => {
    const order = { file: folder.file('disk.raw'), dropShadowCopies: false };
    const { capacityBytes, state } = await inspectInProcess(order, new AbortController().signal);
    assert.deepEqual(
      { capacityBytes, state },
      { capacityBytes: loadDisk('win-gpt').capacityBytes, state: 'filtered' },
    );
  });

  it('fails as the process does', async () => {
    const order = { file: folder.file('none.raw'), dropShadowCopies: false };
    const error = await errorOf(inspectInProcess(order, new AbortController().signal));
    assert.isTrue(hasCode(error, 'DISK_FILE_UNUSABLE'), String(error));
  });

  it('ends the process when it is cancelled', async () => {
    const stop = new AbortController();
    const order = { file: folder.file('disk.raw'), dropShadowCopies: false };
    const error = errorOf(inspectInProcess(order, stop.signal));
    stop.abort(cancelled('The command'));
    assert.isTrue(hasCode(await error, 'CANCELLED'));
    assert.isTrue(hasCode(await errorOf(inspectInProcess(order, stop.signal)), 'CANCELLED'));
  });
});
