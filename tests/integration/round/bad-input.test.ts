/** Bad input from outside: wrong logins, full and damaged devices, damaged file systems, answers that are none. Others go on. */
import { assert } from 'chai';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, stat, truncate, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { type ErrorCode } from '../../../shared/base/error-table.ts';
import { hasCode } from '../../../shared/base/errors.ts';
import { whatIsWrong } from '../../support/disk-oracle.ts';
import { RealWorld, assertOutcome, eventually, taskOf, warningCodes } from '../../support/real-world.ts';
import { type SiteConfig, type VmConfig } from '../../support/vcenter-sim/config.ts';
import { type FaultRule } from '../../support/vcenter-sim/fault-rules.ts';

const MIB = 2 ** 20;

const machine = (name: string, fixture?: string): VmConfig => ({
  name,
  guestOs: 'windows',
  cbt: true,
  disks: [fixture === undefined ? { capacityBytes: 4 * MIB } : { fixture }],
});

const BAD_ANSWERS = ['malformed-xml', 'dtd', 'cut-xml', 'http503-html', 'empty200'] as const;
/** A machine for each of them. */
const HOSTILE = BAD_ANSWERS.map((_action, i) => `hostile${i}`);

const SITE: SiteConfig = {
  datastores: [{ name: 'ds1' }],
  hosts: [{ name: 'esx1.sim' }],
  vms: [
    machine('calm01'),
    machine('gone01'),
    machine('gone02'),
    ...HOSTILE.map((name) => machine(name)),
    machine('damaged01', 'win-two'),
    machine('big01', 'win-mbr'),
    machine('twin01', 'win-gpt'),
    machine('broken01', 'late-metadata'),
  ],
};

async function codeOf(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.isTrue(hasCode(error, code), `${code}, not ${String(error)}`);
}

describe('bad input', function () {
  this.timeout(120_000);
  let world: RealWorld;
  let jobs = 0;

  /** A job of its own for each test. */
  async function jobOf(vms: readonly string[], devices?: readonly string[]): Promise<string> {
    const name = `job${++jobs}`;
    await world.addJob(name, vms, { devices: [...(devices ?? ['tape0'])] });
    return name;
  }

  before(async () => {
    world = await RealWorld.open({ site: SITE, settings: { taskAttempts: 2 } });
  });
  after(() => world[Symbol.asyncDispose]());
  afterEach(async () => {
    await world.sim.control('clearFaults', {});
    await eventually(async () => (await world.sim.stats()).snapshotsNow === 0);
    const { byVm } = await world.sim.stats();
    assert.isEmpty(
      Object.entries(byVm).filter(([, { peak }]) => peak > 1),
      'never two of our snapshots on one machine',
    );
  });

  describe('of a login', () => {
    it('refuses a wrong password and keeps nothing of it', async () => {
      const password = 'not-the-one-7';
      await codeOf(world.addServer({ name: 'other', password }), 'AUTH_LOGIN_REFUSED');
      const servers = await world.services.servers.list();
      assert.deepEqual(
        servers.map(({ name }) => name),
        ['vc'],
      );
    });

    it('refuses a certificate that is not the pinned one, before the password is sent', async () => {
      const before = (await world.sim.calls({ method: 'Login' })).length;
      const fingerprint = world.sim.fingerprint.replace(/^../, (byte) => (byte === '00' ? '01' : '00'));
      await codeOf(world.addServer({ name: 'other', fingerprint }), 'AUTH_FINGERPRINT_MISMATCH');
      await codeOf(world.addServer({ name: 'other', fingerprint: null }), 'AUTH_CERTIFICATE_UNTRUSTED');
      assert.equal((await world.sim.calls({ method: 'Login' })).length, before);
    });

    it('fails the task with the same code when the password is changed later', async () => {
      const name = await jobOf(['calm01']);
      await world.sim.fault({ method: 'Login', fault: 'InvalidLogin', skip: 1, count: 1 });
      const run = await world.runJob(name, 'full');
      assertOutcome(run, 'failed');
      assert.equal(taskOf(run, 'calm01').error?.code, 'AUTH_LOGIN_REFUSED');
    });
  });

  it('fails a machine alone that vanishes after it was selected', async () => {
    const name = await jobOf(['calm01', 'gone01', 'gone02']);
    const slow = { method: 'CreateSnapshot_Task', object: 'calm01', action: 'delay', delayMs: 1500 } as const;
    await world.sim.fault(slow);
    const runId = await world.startJob(name, 'full');
    await world.sim.control('destroyVm', { vm: 'gone01' });
    await world.sim.control('destroyVm', { vm: 'gone02' });
    const run = await world.done(runId);
    assertOutcome(run, 'partly');
    for (const vm of ['gone01', 'gone02']) {
      assert.equal(taskOf(run, vm).error?.code, 'VSPHERE_OBJECT_GONE');
    }
    assert.isNotNull(taskOf(run, 'calm01').savesetId);
  });

  it('says that a device is full, and makes no point of it', async function () {
    const folder = world.file('small');
    await mkdir(folder);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]);
    if (mounted.status !== 0) {
      console.log('      skipped: a small file system cannot be mounted here');
      this.skip();
    }
    try {
      await world.addDevice('small', 1, folder);
      const full = await jobOf(['big01'], ['small']);
      const run = await world.runJob(full, 'full');
      assertOutcome(run, 'failed');
      assert.equal(taskOf(run, 'big01').error?.code, 'DEVICE_FULL');
      assert.equal(await world.pointCount('big01'), 0);
      assert.deepEqual(await world.unfinished('small'), []);
    } finally {
      spawnSync('umount', [folder]);
    }
  });

  it('finds a truncated pack by verify and restore; the point of another machine is fine', async () => {
    await world.addDevice('tape1', 1);
    const big = await jobOf(['big01'], ['tape1']);
    const twin = await jobOf(['twin01'], ['tape1']);
    assertOutcome(await world.runJob(big, 'full'), 'ok');
    assertOutcome(await world.runJob(twin, 'full'), 'ok');
    const [damaged, sound] = [await world.pointOf('big01'), await world.pointOf('twin01')];
    const { packsWritten } = await world.manifest(damaged.savesetId, 'tape1');
    const { packId } = packsWritten[0]!;
    const pack = `${world.file('tape1')}/packs/${packId.slice(0, 2)}/${packId}.pack`;
    await truncate(pack, Math.floor((await stat(pack)).size / 2));

    const verified = await world.verify(damaged.savesetId);
    assertOutcome(verified, 'failed');
    assert.equal(verified.tasks[0]!.error?.code, 'VERIFY_FAILED');
    const { report } = verified.tasks[0]!;
    assert.isTrue(report?.kind === 'verify' && report.disks[0]!.ranges.length > 0, 'kept in the catalog');
    assert.isNull((await world.pointOf('big01')).verifiedAt);
    const target = world.file('damaged.raw');
    const restored = await world.restore(damaged.savesetId, '2000', target);
    assertOutcome(restored, 'failed');
    const code = restored.tasks[0]!.error?.code;
    assert.include(['REPO_CHUNK_DAMAGED', 'REPO_CHUNK_MISSING', 'FORMAT_INVALID'], code);
    assert.isFalse(existsSync(target), 'half a disk is not shown under its name');

    assertOutcome(await world.verify(sound.savesetId), 'ok');
    const path = await world.restoreTo(sound.savesetId, 2000);
    assert.deepEqual(await whatIsWrong(path, 'win-gpt', 'before'), []);
  });

  it('copies an NTFS volume whole whose structures are damaged, and names the gate', async () => {
    const name = await jobOf(['damaged01']);
    assertOutcome(await world.runJob(name, 'full'), 'ok');
    await world.sim.guestWrite('damaged01', 2000, [
      { offset: 36_700_160 + 11, bytes: Buffer.alloc(64) },
      { offset: 20 * MIB, bytes: randomBytes(4096) },
    ]);
    const run = await world.runJob(name, 'incremental');
    assertOutcome(run, 'warning');
    const point = await world.pointOf('damaged01');
    const [disk] = point.disks;
    assert.equal(disk!.filter, 'partly');
    const [sound, damaged] = disk!.volumes;
    assert.isNull(sound!.gate);
    assert.isAbove(sound!.skippedBytes, 0);
    assert.isString(damaged!.gate);
    assert.isString(damaged!.reason);
    assert.equal(damaged!.skippedBytes, 0);
    const { keptVolumes } = taskOf(run, 'damaged01');
    assert.deepEqual(keptVolumes, [{ ...damaged!, disk: 2000 }]);
    const gateCodes = warningCodes(taskOf(run, 'damaged01'));
    assert.isTrue(gateCodes.includes('FILTER_GATE_CLOSED') || gateCodes.includes('FS_STRUCTURE_INVALID'));
    const now = world.file('damaged-now.raw');
    await world.sim.exportDisk('damaged01', 2000, now);
    const path = await world.restoreTo(point.savesetId, 2000);
    const place = ['--bytes=27262976', '--ignore-initial=36700160'];
    const compared = spawnSync('cmp', [...place, now, path], { encoding: 'utf8' });
    assert.equal(compared.status, 0, compared.stdout);
  });

  it('gets a whole disk out of a machine whose partition table is noise', async () => {
    await world.sim.guestWrite('broken01', 2000, [{ offset: 0, bytes: randomBytes(MIB) }]);
    const name = await jobOf(['broken01']);
    const run = await world.runJob(name, 'full');
    assert.include(['ok', 'warning'], run.outcome);
    const point = await world.pointOf('broken01');
    assert.equal(point.disks[0]!.filter, 'unfiltered');
    const now = world.file('broken-now.raw');
    await world.sim.exportDisk('broken01', 2000, now);
    const path = await world.restoreTo(point.savesetId, 2000);
    assert.equal(spawnSync('cmp', [now, path]).status, 0);
  });

  describe('in answers of the server', () => {
    it('to CreateSnapshot fails the machine alone, and what was made unseen is removed', async () => {
      const name = await jobOf([...HOSTILE, 'calm01']);
      const rules = await Promise.all(
        BAD_ANSWERS.map((action, i) => {
          const rule: FaultRule = { method: 'CreateSnapshot_Task', object: HOSTILE[i]!, action, count: 9 };
          return world.sim.fault(rule);
        }),
      );
      const run = await world.runJob(name, 'full');
      assertOutcome(run, 'partly');
      for (const rule of rules) assert.isAbove(await world.sim.hits(rule), 0);
      for (const vm of HOSTILE) {
        const { outcome, error } = taskOf(run, vm);
        assert.equal(outcome, 'failed', vm);
        assert.match(error!.code, /^VSPHERE_(ANSWER_INVALID|UNREACHABLE|BUSY|FAULT)$/, vm);
        assert.equal(await world.pointCount(vm), 0);
      }
      assert.include(['ok', 'warning'], taskOf(run, 'calm01').outcome);
    });

    it('to QueryChangedDiskAreas costs a machine no more than its change tracking', async () => {
      const name = await jobOf([...HOSTILE, 'calm01']);
      for (const [i, action] of BAD_ANSWERS.entries()) {
        await world.sim.fault({ method: 'QueryChangedDiskAreas', object: HOSTILE[i]!, action, count: 99 });
      }
      const run = await world.runJob(name, 'full');
      for (const vm of HOSTILE) {
        const { outcome, error } = taskOf(run, vm);
        if (outcome === 'failed') assert.match(error!.code, /^VSPHERE_/, vm);
        else assert.isString((await world.pointOf(vm)).disks[0]!.fallback, vm);
      }
      assert.include(['ok', 'warning'], taskOf(run, 'calm01').outcome);
    });

    it('recover where the answer is bad only once', async () => {
      const name = await jobOf(['hostile0']);
      await world.sim.fault({ method: 'RetrievePropertiesEx', object: 'hostile0', action: 'http503-html' });
      await world.sim.fault({ method: 'folder', object: 'hostile0', action: 'drop' });
      const run = await world.runJob(name, 'full');
      assert.include(['ok', 'warning'], run.outcome, JSON.stringify(run.tasks));
    });
  });

  it('refuses a device folder that holds something else', async () => {
    const folder = world.file('photos');
    await mkdir(folder);
    await writeFile(`${folder}/holiday.jpg`, 'x');
    await codeOf(world.addDevice('photos', 1, folder), 'USAGE_CONFLICT');
  });

  describe('and afterwards', () => {
    it('a password is nowhere in the data folder or in what the runs say', async () => {
      const runs = await world.services.runs.list({ limit: 100 });
      const views = await Promise.all(runs.map(({ runId }) => world.services.runs.show(runId)));
      assert.notInclude(JSON.stringify(views), world.sim.password);
      const found = spawnSync('grep', ['-rlF', '--', world.sim.password, world.file('')], {
        encoding: 'utf8',
      });
      assert.equal(found.stdout, '');
    });
  });
});
