/** A whole round on an encrypted device: backup, increment, verification and restore, and no secret anywhere in clear. */
import { assert } from 'chai';
import { open, readFile, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { openLog } from '../../../shared/base/log.ts';
import { openDevice } from '../../../shared/repository/device.ts';
import { listAttempts } from '../../../shared/repository/attempts.ts';
import { unlock } from '../../../shared/repository/key-slots.ts';
import { codeOfAsync } from '../../unit/format/codes.ts';
import { RealWorld, assertOutcome } from '../../support/real-world.ts';

const PASSWORD = 'Tr0ub4dor & three';
const MIB = 1024 * 1024;
const WORDS = Buffer.alloc(64 * 1024, 'the words of a secret file; ');

/** Every file below a folder with its content. */
async function* filesBelow(folder: string): AsyncGenerator<{ name: string; bytes: Buffer }> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const name = path.join(entry.parentPath, entry.name);
    if (entry.isFile()) yield { name, bytes: await readFile(name) };
  }
}

describe('an encrypted device', function () {
  this.timeout(120_000);
  let world: RealWorld;
  let key: Uint8Array;

  before(async () => {
    world = await RealWorld.open({
      site: {
        datastores: [{ name: 'ds1' }],
        hosts: [{ name: 'esx1.sim' }],
        vms: [{ name: 'payroll01', cbt: true, disks: [{ capacityBytes: 8 * MIB }] }],
      },
      devices: {},
      settings: { logLevel: 'debug' },
    });
    await world.closeApp();
    await world.openApp(
      openLog({ kind: 'master', folder: path.join(world.dataDir, 'logs'), level: 'debug' }),
    );
    const add = { name: 'safe0', path: world.file('safe0'), encrypt: true, password: PASSWORD };
    const device = await world.services.devices.add(add);
    assert.isTrue(device.encrypted);
    assert.deepEqual(
      device.keySlots.map(({ inUse }) => inUse),
      [true],
    );
    ({ key } = await unlock({ storage: world.storage('safe0'), deviceId: device.deviceId }, PASSWORD));
    await world.addJob('nightly', ['payroll01']);
  });
  after(async () => world[Symbol.asyncDispose]());

  async function assertRestores(point: string): Promise<void> {
    const now = world.file('now.raw');
    const back = world.file(`back-${point}.raw`);
    await world.sim.exportDisk('payroll01', 2000, now);
    assertOutcome(await world.restore(point, '2000', back), 'ok');
    assert.isTrue((await readFile(back)).equals(await readFile(now)), 'the disk came back as it is');
    await rm(now);
  }

  it('gives back what was backed up, in full and by increments', async () => {
    await world.sim.guestWrite('payroll01', 2000, [
      { offset: 0, bytes: WORDS },
      { offset: 5 * MIB, bytes: WORDS },
    ]);
    assertOutcome(await world.runJob('nightly', 'full'), 'ok');
    const full = await world.pointOf('payroll01');
    await assertRestores(full.savesetId);

    await world.sim.guestWrite('payroll01', 2000, [{ offset: 2 * MIB, bytes: WORDS }]);
    assertOutcome(await world.runJob('nightly', 'incremental'), 'ok');
    const next = await world.pointOf('payroll01');
    assert.equal(next.type, 'incremental');
    await assertRestores(next.savesetId);
    assertOutcome(await world.verify(next.savesetId), 'ok');
  });

  it('stores nothing anew that it has', async () => {
    assertOutcome(await world.runJob('nightly', 'full'), 'ok');
    const { counters } = await world.pointOf('payroll01');
    assert.equal(counters.fresh, 0);
    assert.isAbove(counters.known, 0);
  });

  it('builds on it from another device, and restores over both', async () => {
    await world.addDevice('clear0', 1);
    await world.services.jobs.edit('nightly', { devices: ['clear0'] });
    await world.sim.guestWrite('payroll01', 2000, [{ offset: 7 * MIB, bytes: WORDS }]);
    assertOutcome(await world.runJob('nightly', 'incremental'), 'ok');
    const point = await world.pointOf('payroll01');
    assert.equal(point.type, 'incremental');
    assert.equal(point.device, 'clear0');
    await assertRestores(point.savesetId);
    await world.services.jobs.edit('nightly', { devices: ['safe0'] });
  });

  it('leaves no attempt behind', async () => {
    assert.deepEqual(await listAttempts(world.storage('safe0')), []);
  });

  it('can be used after a restart without being asked again', async () => {
    await world.closeApp();
    await world.openApp(
      openLog({ kind: 'master', folder: path.join(world.dataDir, 'logs'), level: 'debug' }),
    );
    assertOutcome(await world.runJob('nightly', 'incremental'), 'ok');
  });

  it('shows no word of a guest, a configuration or a manifest on the device', async () => {
    for await (const { name, bytes } of filesBelow(world.file('safe0'))) {
      for (const word of ['secret file', 'payroll01', 'nightly']) assert.isFalse(bytes.includes(word), name);
    }
  });

  it('shows neither password nor key in any file of the service', async () => {
    const hex = Buffer.from(key).toString('hex');
    let logs = 0;
    for await (const { name, bytes } of filesBelow(world.dataDir)) {
      if (name.endsWith('.log') && bytes.length > 0) logs++;
      assert.isFalse(bytes.includes(PASSWORD), name);
      assert.isFalse(bytes.includes(hex) || bytes.includes(Buffer.from(key)), name);
      assert.isFalse(bytes.includes(Buffer.from(PASSWORD).toString('base64')), name);
    }
    assert.isAtLeast(logs, 2, 'master and workers have written logs');
  });

  it('is locked for who has the device alone', async () => {
    assert.equal(await codeOfAsync(openDevice(world.storage('safe0'))), 'REPO_DEVICE_LOCKED');
    const again = { name: 'again', path: world.file('safe0') };
    assert.equal(await codeOfAsync(world.services.devices.add(again)), 'REPO_DEVICE_LOCKED');
    assert.equal(
      await codeOfAsync(world.services.devices.add({ ...again, password: 'wrong' })),
      'REPO_KEY_WRONG',
    );
  });

  it('fails a backup that has no password, and takes it up again when it has', async () => {
    await world.closeApp();
    const secrets = path.join(world.dataDir, 'secrets.json');
    const kept = JSON.parse(await readFile(secrets, 'utf8')) as Record<string, string>;
    const servers = Object.entries(kept).filter(([name]) => !name.startsWith('device/'));
    await rm(secrets);
    const file = await open(secrets, 'w', 0o600);
    await file.writeFile(JSON.stringify(Object.fromEntries(servers)));
    await file.close();
    await world.openApp();
    const { online, offlineReason, encrypted } = await world.services.devices.show('safe0');
    assert.deepEqual({ online, encrypted }, { online: false, encrypted: true });
    assert.match(offlineReason ?? '', /encrypted/);
    const run = await world.runJob('nightly');
    assert.equal(run.outcome, 'failed');
    assert.notInclude(JSON.stringify(run), PASSWORD);
    await world.services.keys.unlock('safe0', { password: PASSWORD });
    assertOutcome(await world.runJob('nightly', 'full'), 'ok');
  });

  it('keeps its points when the catalog is lost', async () => {
    const points = await world.pointCount('payroll01');
    assert.isAbove(points, 2);
    await world.closeApp();
    await rm(world.dataDir, { recursive: true });
    await world.openApp();
    const device = await world.services.devices.add({
      name: 'found',
      path: world.file('safe0'),
      password: PASSWORD,
    });
    assert.isAbove(device.points, 2);
  });
});
