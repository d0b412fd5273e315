import { assert } from 'chai';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '../../../shared/base/clock.ts';
import { silentLog } from '../../../shared/base/log.ts';
import { createDevice } from '../../../shared/repository/device.ts';
import { PackWriter } from '../../../shared/repository/pack-writer.ts';
import { openLocalStorage } from '../../../shared/repository/storage-local.ts';
import { openStream } from '../../../worker/open-stream.ts';
import { tempFolder } from '../../support/temp.ts';
import { noise, store } from '../repository/chunks.ts';

describe('openStream', () => {
  it('remembers in the cache folder what the stream stored, and goes on when the folder was emptied', async () => {
    await using folder = await tempFolder();
    const storage = openLocalStorage(folder.file('device'));
    const { header } = await createDevice(storage, { clock: systemClock });
    const { deviceId } = header;
    const access = { deviceId, name: 'disk0', path: storage.location, key: null };
    const cacheFolder = folder.file('cache');
    const signal = new AbortController().signal;
    const sizes: number[] = [];
    for (let round = 0; round < 3; round++) {
      await using stream = await openStream(access, { threads: 1, cacheFolder, log: silentLog });
      const lookup = await stream.lookup(signal);
      assert.strictEqual(await stream.lookup(signal), lookup);
      sizes.push(lookup.size);
      const packs = new PackWriter(storage, '00112233445566aa');
      const { id, ...place } = await store(packs, noise(5000));
      await packs.finish();
      lookup.add(id, place);
      if (round === 1) await writeFile(path.join(cacheFolder, `lookup-${deviceId}.bin`), 'nonsense');
    }
    assert.deepEqual(sizes, [0, 1, 2]);
    assert.deepEqual(await readdir(cacheFolder), [`lookup-${deviceId}.bin`]);
  });
});
