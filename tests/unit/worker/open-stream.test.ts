import { assert } from 'chai';
import { readdir, stat, writeFile } from 'node:fs/promises';
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

  it('remembers there what another device holds, too, of which it looks chunks up', async () => {
    await using folder = await tempFolder();
    const own = openLocalStorage(folder.file('own'));
    const { deviceId } = (await createDevice(own, { clock: systemClock })).header;
    const other = await createDevice(openLocalStorage(folder.file('other')), { clock: systemClock });
    const packs = new PackWriter(other.storage, '00112233445566aa');
    await store(packs, noise(5000));
    await packs.finish();
    const access = { deviceId, name: 'disk0', path: own.location, key: null };
    const cacheFolder = folder.file('cache');
    await using stream = await openStream(access, { threads: 1, cacheFolder, log: silentLog });
    const { signal } = new AbortController();
    assert.equal((await stream.lookupElsewhere(other, signal)).size, 1);
    assert.deepEqual(await readdir(cacheFolder), [`lookup-${other.header.deviceId}.bin`]);
    // the directories are not read again: without the cache this would be an empty lookup
    const [pack] = (await readdir(folder.file('other/packs'), { recursive: true })).filter((name) =>
      name.endsWith('.pack'),
    );
    const file = folder.file(`other/packs/${pack!}`);
    await writeFile(file, new Uint8Array((await stat(file)).size));
    assert.equal((await stream.lookupElsewhere(other, signal)).size, 1);
  });
});
