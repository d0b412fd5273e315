import { assert } from 'chai';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '../../../shared/base/clock.ts';
import { openLocalStorage } from '../../../shared/repository/storage-local.ts';
import { deviceStore } from '../../../master/adapters/device-store.ts';
import { DeviceKeys } from '../../../master/device-keys.ts';
import { Secrets } from '../../../master/secrets.ts';
import { type TempFolder, tempFolder } from '../../support/temp.ts';
import { codeOfAsync } from '../format/codes.ts';

const PASSWORD = 'a password of the device';

describe('DeviceKeys', function () {
  this.timeout(60_000);
  let temp: TempFolder;
  let secrets: Secrets;
  let keys: DeviceKeys;
  let deviceId: string;
  const folder = (): string => temp.file('tape0');
  const storage = () => openLocalStorage(folder());
  /** As after a restart of the service. */
  const restarted = async () => new DeviceKeys(await Secrets.open(temp.path), systemClock);

  beforeEach(async () => {
    temp = await tempFolder();
    secrets = await Secrets.open(temp.path);
    keys = new DeviceKeys(secrets, systemClock);
    const wish = { encrypt: true, password: PASSWORD };
    deviceId = await deviceStore(systemClock, keys).prepare(folder(), wish);
  });
  afterEach(() => temp[Symbol.asyncDispose]());

  it('opens the device after a restart, by the password that is kept sealed', async () => {
    const later = await restarted();
    assert.isTrue((await later.open(storage(), deviceId)).cipher.isEncrypting);
    const first = await later.keyOf(storage(), deviceId);
    assert.strictEqual(await later.keyOf(storage(), deviceId), first, 'derived once');
    const hex = Buffer.from(first!).toString('hex');
    for (const name of await readdir(temp.path)) {
      if (name === 'tape0') continue;
      const bytes = await readFile(path.join(temp.path, name));
      assert.isFalse(bytes.includes(PASSWORD) || bytes.includes(hex), name);
    }
    const device = { deviceId, name: 'tape0', path: folder(), key: null };
    assert.equal((await deviceStore(systemClock, later).withKey(device)).key, hex);
  });

  it('takes no password for a device that is not encrypted', async () => {
    const plain = temp.file('plain');
    const id = await deviceStore(systemClock, keys).prepare(plain, { encrypt: false });
    const by = { password: PASSWORD, label: 'x' };
    assert.equal(await codeOfAsync(keys.use(openLocalStorage(plain), id, PASSWORD)), 'USAGE_INVALID');
    assert.equal(await codeOfAsync(keys.add(openLocalStorage(plain), id, by)), 'USAGE_INVALID');
    assert.deepEqual(await keys.list(openLocalStorage(plain), id), { slots: [], damaged: [] });
  });

  it('is locked without its password, and says how it is encrypted all the same', async () => {
    await keys.forget(deviceId);
    const store = deviceStore(systemClock, keys);
    const device = { deviceId, name: 'tape0', path: folder(), key: null };
    assert.match((await store.whyOffline(device)) ?? '', /it is encrypted/);
    assert.isNull((await store.withKey(device)).key);
    const { encrypted, keySlots } = await store.encryption(device);
    assert.isTrue(encrypted);
    assert.deepEqual(
      keySlots.map(({ label, inUse }) => ({ label, inUse })),
      [{ label: 'first password', inUse: false }],
    );
    assert.equal(
      await codeOfAsync(keys.add(storage(), deviceId, { password: 'x', label: 'y' })),
      'REPO_DEVICE_LOCKED',
    );
    assert.equal(await codeOfAsync(keys.use(storage(), deviceId, 'wrong')), 'REPO_KEY_WRONG');
    assert.isNull(await keys.keyOf(storage(), deviceId), 'a wrong password is not kept');
    await keys.use(storage(), deviceId, PASSWORD);
    assert.isUndefined(await store.whyOffline(device));
  });

  it('changes the password in use, keeps its label, and leaves others alone', async () => {
    const spare = await keys.add(storage(), deviceId, { password: 'spare', label: 'in the safe' });
    const before = (await keys.list(storage(), deviceId)).slots.find(({ inUse }) => inUse)!;
    const changed = await keys.change(storage(), deviceId, 'new password');
    assert.deepInclude(changed, { label: 'first password', inUse: true });
    const { slots } = await keys.list(storage(), deviceId);
    assert.sameMembers(
      slots.map(({ slotId }) => slotId),
      [spare.slotId, changed.slotId],
    );
    assert.notEqual(before.slotId, changed.slotId);
    assert.equal(await codeOfAsync(keys.use(storage(), deviceId, PASSWORD)), 'REPO_KEY_WRONG');
    assert.isNotNull(await (await restarted()).keyOf(storage(), deviceId));
    assert.equal(await codeOfAsync(keys.remove(storage(), deviceId, changed.slotId)), 'REPO_KEY_SLOT_IN_USE');
    await keys.remove(storage(), deviceId, spare.slotId);
    assert.equal(await codeOfAsync(keys.use(storage(), deviceId, 'spare')), 'REPO_KEY_WRONG');
  });

  it('does not blame the password for a device that is not there', async () => {
    const later = await restarted();
    const nowhere = openLocalStorage(temp.file('nowhere'));
    assert.equal(await codeOfAsync(later.keyOf(nowhere, deviceId)), 'REPO_NOT_A_DEVICE');
    assert.isNotNull(await later.keyOf(storage(), deviceId), 'asked anew');
  });
});

describe('prepareDevice', function () {
  this.timeout(60_000);
  let temp: TempFolder;
  before(async () => {
    temp = await tempFolder();
  });
  after(() => temp[Symbol.asyncDispose]());
  const store = async () =>
    deviceStore(systemClock, new DeviceKeys(await Secrets.open(temp.path), systemClock));

  it('wants the password of a device that is encrypted, and of one that shall be', async () => {
    const wish = { encrypt: true, password: PASSWORD, label: 'mine' };
    const devices = await store();
    assert.equal(
      await codeOfAsync(devices.prepare(temp.file('a'), { encrypt: true })),
      'USAGE_PASSWORD_MISSING',
    );
    const deviceId = await devices.prepare(temp.file('a'), wish);
    assert.equal(await codeOfAsync(devices.prepare(temp.file('a'))), 'REPO_DEVICE_LOCKED');
    assert.equal(await codeOfAsync(devices.prepare(temp.file('a'), { password: 'wrong' })), 'REPO_KEY_WRONG');
    assert.equal(await devices.prepare(temp.file('a'), { password: PASSWORD }), deviceId);
  });

  it('does not encrypt a device that is one in clear', async () => {
    const devices = await store();
    const deviceId = await devices.prepare(temp.file('b'));
    assert.equal(await devices.prepare(temp.file('b'), { password: 'not needed' }), deviceId);
    const wish = { encrypt: true, password: PASSWORD };
    assert.equal(await codeOfAsync(devices.prepare(temp.file('b'), wish)), 'USAGE_CONFLICT');
    const keys = new DeviceKeys(await Secrets.open(temp.path), systemClock);
    const adding = keys.add(openLocalStorage(temp.file('b')), deviceId, { password: 'x', label: 'y' });
    assert.equal(await codeOfAsync(adding), 'USAGE_INVALID');
  });
});
