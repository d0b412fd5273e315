import { assert } from 'chai';
import { AppError } from '../../../shared/base/errors.ts';
import { systemClock } from '../../../shared/base/clock.ts';
import { type Manifest } from '../../../shared/format/manifest.ts';
import { createDevice, openDevice } from '../../../shared/repository/device.ts';
import * as store from '../../../shared/repository/saveset-store.ts';
import { MemoryStorage } from '../../../shared/repository/storage-memory.ts';
import { type Storage } from '../../../shared/repository/storage.ts';
import { FaultyStorage } from '../../support/faulty-storage.ts';
import { onStorage } from '../../support/open-devices.ts';
import { codeOfAsync } from '../format/codes.ts';
import { SAVESET_ID, aDiskIndex, aManifest, aManifestDisk } from '../format/samples.ts';

const by = { token: 7, sealedAt: '2026-01-31T12:10:00.000Z' };
const PLACE = { diskKey: 2000, layer: 0, segment: 0 };
const FOLDER = `savesets/${SAVESET_ID}`;

/** A whole saveset without its seal. */
async function written(storage: Storage, changes: Partial<Manifest> = {}): Promise<Manifest> {
  const index = await store.putDiskIndex(onStorage(storage), SAVESET_ID, PLACE, aDiskIndex());
  const file = await store.putFile(onStorage(storage), SAVESET_ID, 'vm-config.json', Buffer.from('{}'));
  const manifest = aManifest({
    disks: [aManifestDisk({ layers: [{ segments: [index] }] })],
    files: [file],
    ...changes,
  });
  await store.putManifest(onStorage(storage), manifest);
  return manifest;
}

describe('createDevice', () => {
  it('makes a device that can be opened by its id', async () => {
    const storage = new MemoryStorage();
    const { header } = await createDevice(storage, { clock: systemClock });
    assert.deepEqual((await openDevice(storage, { expectDeviceId: header.deviceId })).header, header);
    assert.equal(header.gridBytes, 1_048_576);
    assert.equal(
      await codeOfAsync(openDevice(storage, { expectDeviceId: 'ab'.repeat(16) })),
      'REPO_WRONG_DEVICE',
    );
    assert.equal(await codeOfAsync(createDevice(storage, { clock: systemClock })), 'REPO_OBJECT_EXISTS');
  });

  it('refuses a folder that holds something else', async () => {
    const storage = new MemoryStorage();
    await storage.put('holiday.jpg', new Uint8Array(3));
    assert.equal(await codeOfAsync(createDevice(storage, { clock: systemClock })), 'USAGE_CONFLICT');
    assert.equal(await codeOfAsync(openDevice(storage)), 'REPO_NOT_A_DEVICE');
  });

  it('tells a damaged header, and a device that does not answer, from no device', async () => {
    const storage = new MemoryStorage();
    await storage.put('device.json', Buffer.from('{'));
    assert.equal(await codeOfAsync(openDevice(storage)), 'FORMAT_INVALID');
    const error = (): AppError => new AppError('DEVICE_OFFLINE', 'Cannot read');
    const offline = new FaultyStorage(storage, { call: 'readWhole', error });
    assert.equal(await codeOfAsync(openDevice(offline)), 'DEVICE_OFFLINE');
  });
});

describe('seal', () => {
  it('makes a restore point of a whole saveset, once and for all', async () => {
    const storage = new MemoryStorage();
    const manifest = await written(storage);
    assert.equal(
      await codeOfAsync(store.readSealedManifest(onStorage(storage), SAVESET_ID)),
      'REPO_OBJECT_MISSING',
    );
    assert.isFalse(await store.isSealed(storage, SAVESET_ID));
    await store.seal(onStorage(storage), SAVESET_ID, by);
    await store.seal(onStorage(storage), SAVESET_ID, { ...by, sealedAt: '2026-01-31T12:11:00.000Z' });
    assert.isTrue(await store.isSealed(storage, SAVESET_ID));
    assert.deepEqual(await store.readSealedManifest(onStorage(storage), SAVESET_ID), manifest);
    const sealed: string[] = [];
    for await (const id of store.listSealed(storage)) sealed.push(id);
    assert.deepEqual(sealed, [SAVESET_ID]);
  });

  it('refuses the manifest of another attempt', async () => {
    const storage = new MemoryStorage();
    await written(storage);
    assert.equal(
      await codeOfAsync(store.seal(onStorage(storage), SAVESET_ID, { ...by, token: 8 })),
      'IPC_FENCED',
    );
  });

  it('refuses a saveset whose files are gone or shorter', async () => {
    const storage = new MemoryStorage();
    await written(storage);
    const name = `${FOLDER}/disk-2000.0.0.index`;
    const bytes = storage.objects.get(name)!;
    storage.objects.set(name, bytes.subarray(1));
    assert.equal(await codeOfAsync(store.seal(onStorage(storage), SAVESET_ID, by)), 'FORMAT_INVALID');
    storage.objects.delete(name);
    assert.equal(await codeOfAsync(store.seal(onStorage(storage), SAVESET_ID, by)), 'REPO_OBJECT_MISSING');
    assert.isFalse(await store.isSealed(storage, SAVESET_ID));
  });

  it('does not let a changed manifest pass under an old seal', async () => {
    const storage = new MemoryStorage();
    await written(storage);
    await store.seal(onStorage(storage), SAVESET_ID, by);
    await storage.remove(`${FOLDER}/manifest.json`);
    await store.putManifest(onStorage(storage), aManifest({ jobName: 'other', disks: [] }));
    assert.equal(
      await codeOfAsync(store.readSealedManifest(onStorage(storage), SAVESET_ID)),
      'FORMAT_INVALID',
    );
    assert.equal(await codeOfAsync(store.seal(onStorage(storage), SAVESET_ID, by)), 'REPO_OBJECT_EXISTS');
    const full = (): AppError => new AppError('DEVICE_FULL', 'Cannot write');
    const failing = new FaultyStorage(storage, { call: 'put', error: full });
    assert.equal(await codeOfAsync(store.seal(onStorage(failing), SAVESET_ID, by)), 'DEVICE_FULL');
  });

  it('refuses a manifest that lies in the folder of another saveset', async () => {
    const storage = new MemoryStorage();
    await written(storage);
    await storage.put(
      'savesets/ffffffffffffffff/manifest.json',
      storage.objects.get(`${FOLDER}/manifest.json`)!,
    );
    assert.equal(
      await codeOfAsync(store.readManifest(onStorage(storage), 'ffffffffffffffff')),
      'FORMAT_INVALID',
    );
  });
});

describe('readDiskIndex', () => {
  it('gives the index that the manifest names, and no other', async () => {
    const storage = new MemoryStorage();
    const disk = (await written(storage)).disks[0]!;
    const index = await store.readDiskIndex(onStorage(storage), SAVESET_ID, disk, PLACE);
    assert.deepEqual(index.runs, aDiskIndex().runs);
    const file = disk.layers[0]!.segments[0]!;
    const named = (changes: Partial<typeof file>) => ({
      ...disk,
      layers: [{ segments: [{ ...file, ...changes }] }],
    });
    const wrong = [
      { ...disk, capacityBytes: 4096 },
      { ...disk, capacityBytes: 2 ** 41 },
      { ...disk, layers: [] },
      named({ sha256: 'ab'.repeat(32) }),
      named({ lengthBytes: file.lengthBytes + 1 }),
      named({ lengthBytes: 10 }),
    ];
    for (const other of wrong) {
      assert.equal(
        await codeOfAsync(store.readDiskIndex(onStorage(storage), SAVESET_ID, other, PLACE)),
        'FORMAT_INVALID',
      );
    }
  });

  it('leaves nothing of an index that could not be written', async () => {
    const storage = new MemoryStorage();
    const error = (): AppError => new AppError('DEVICE_FULL', 'Cannot write');
    const full = new FaultyStorage(storage, { call: 'append', after: 2, error });
    assert.equal(
      await codeOfAsync(store.putDiskIndex(onStorage(full), SAVESET_ID, PLACE, aDiskIndex())),
      'DEVICE_FULL',
    );
    full.assertHit();
    assert.equal(storage.objects.size, 0);
    await store.putDiskIndex(onStorage(storage), SAVESET_ID, PLACE, aDiskIndex());
  });
});

describe('putManifest', () => {
  it('reads it back, and says when it is not the same', async () => {
    const storage = new MemoryStorage();
    const lying = new FaultyStorage(storage);
    lying.readWhole = () => Promise.resolve(new Uint8Array(5));
    assert.equal(await codeOfAsync(store.putManifest(onStorage(lying), aManifest())), 'FORMAT_INVALID');
  });
});

describe('discardAttempt', () => {
  it('removes what is not sealed', async () => {
    const storage = new MemoryStorage();
    await written(storage);
    await storage.create('packs/00/x.pack', `incoming/${SAVESET_ID}/x.partial`);
    await store.discardAttempt(storage, SAVESET_ID);
    assert.equal(storage.objects.size, 0);
    await store.discardAttempt(storage, SAVESET_ID);
  });

  it('never removes a restore point', async () => {
    const storage = new MemoryStorage();
    await written(storage);
    await store.seal(onStorage(storage), SAVESET_ID, by);
    assert.equal(await codeOfAsync(store.discardAttempt(storage, SAVESET_ID)), 'REPO_OBJECT_EXISTS');
    assert.isTrue(await store.isSealed(storage, SAVESET_ID));
  });
});
