import { assert } from 'chai';
import { AppError } from '../../../shared/base/errors.ts';
import { decodePin, encodePin } from '../../../shared/format/pin.ts';
import { putPin, readPin, removePin } from '../../../shared/repository/pins.ts';
import { MemoryStorage } from '../../../shared/repository/storage-memory.ts';
import { FaultyStorage } from '../../support/faulty-storage.ts';
import { onStorage, testCipher } from '../../support/open-devices.ts';
import { codeOf, codeOfAsync } from '../format/codes.ts';

const ID = '00112233445566aa';
const OTHER = '00112233445566bb';
const pin = { savesetId: ID, pinnedAt: '2026-01-31T12:00:00.000Z', note: 'before the migration' };
const document = { format: 'blockhouse-pin', version: 1, ...pin } as const;

describe('encodePin', () => {
  it('gives what decodePin takes, with a note that is text or sealed', () => {
    for (const note of ['', 'text', { sealed: '00ff' }])
      assert.deepEqual(decodePin(encodePin({ ...document, note }), 'it'), { ...document, note });
  });

  it('refuses what is no pin', () => {
    const bytes = (value: object): Buffer => Buffer.from(JSON.stringify(value));
    assert.equal(
      codeOf(() => decodePin(bytes({ ...document, note: 7 }), 'it')),
      'FORMAT_INVALID',
    );
    assert.equal(
      codeOf(() => decodePin(bytes({ ...document, version: 2 }), 'it')),
      'FORMAT_VERSION_UNKNOWN',
    );
  });
});

describe('putPin', () => {
  it('pins beside the manifest, and replaces a pin', async () => {
    const storage = new MemoryStorage();
    await putPin(onStorage(storage), { ...pin, note: 'first' });
    await putPin(onStorage(storage), pin);
    assert.deepEqual([...storage.objects.keys()], [`savesets/${ID}/pin.json`]);
    assert.deepEqual(await readPin(onStorage(storage), ID), pin);
    await removePin(storage, ID);
    await removePin(storage, ID);
    assert.isUndefined(await readPin(onStorage(storage), ID));
  });
});

describe('putPin on an encrypted device', () => {
  it('seals the note to its place', async () => {
    const storage = new MemoryStorage();
    const device = onStorage(storage, testCipher());
    await putPin(device, pin);
    const stored = Buffer.from(storage.objects.get(`savesets/${ID}/pin.json`)!);
    assert.isFalse(stored.includes(pin.note));
    assert.deepEqual(await readPin(device, ID), pin);
    assert.deepEqual(await readPin(onStorage(storage, testCipher(undefined, 2)), ID), { ...pin, note: '' });
    storage.objects.set(`savesets/${OTHER}/pin.json`, stored);
    assert.equal((await readPin(device, OTHER))?.note, '');
  });
});

describe('readPin', () => {
  const unreadable = {
    'damaged bytes': Buffer.from('{'),
    'a newer version': Buffer.from(JSON.stringify({ ...document, version: 2 })),
  };
  for (const [what, bytes] of Object.entries(unreadable)) {
    it(`takes ${what} for a pin all the same`, async () => {
      const storage = new MemoryStorage();
      storage.objects.set(`savesets/${ID}/pin.json`, bytes);
      const found = await readPin(onStorage(storage), ID);
      assert.deepEqual(found, { savesetId: ID, pinnedAt: null, note: '' });
    });
  }

  it('reads a sealed note as none', async () => {
    const storage = new MemoryStorage();
    const sealed = encodePin({ ...document, note: { sealed: '00' } });
    storage.objects.set(`savesets/${ID}/pin.json`, sealed);
    assert.deepEqual(await readPin(onStorage(storage), ID), { ...pin, note: '' });
  });

  it('takes a file that the disk gives an error for, for a pin all the same', async () => {
    const error = () => new AppError('REPO_READ_FAILED', 'broken');
    const storage = new FaultyStorage(new MemoryStorage(), { call: 'readWhole', error });
    assert.deepEqual(await readPin(onStorage(storage), ID), { savesetId: ID, pinnedAt: null, note: '' });
  });

  it('fails when the device is away', async () => {
    const error = () => new AppError('DEVICE_OFFLINE', 'gone');
    const storage = new FaultyStorage(new MemoryStorage(), { call: 'readWhole', error });
    assert.equal(await codeOfAsync(readPin(onStorage(storage), ID)), 'DEVICE_OFFLINE');
  });
});
