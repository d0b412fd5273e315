/** Damage from the moment when it is found to the moment when nothing is lost any more, over real workers and a real folder. */
import { assert } from 'chai';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type RunView } from '../../../shared/contract/api.ts';
import { type CheckReport } from '../../../shared/contract/device-report.ts';
import { readDirectory } from '../../../shared/repository/pack-directories.ts';
import { packIdOf } from '../../../shared/format/names.ts';
import { whatIsWrong } from '../../support/disk-oracle.ts';
import { RealWorld, assertOutcome } from '../../support/real-world.ts';
import { type SiteConfig } from '../../support/vcenter-sim/config.ts';

const SITE: SiteConfig = {
  datastores: [{ name: 'ds1', type: 'NFS' }],
  hosts: [{ name: 'esx1.sim' }],
  vms: [{ name: 'web01', guestOs: 'windows', cbt: true, disks: [{ fixture: 'win-mbr' }] }],
};

describe('damage on a device', function () {
  this.timeout(120_000);
  let world: RealWorld;
  let point: string;

  beforeEach(async () => {
    world = await RealWorld.open({ site: SITE });
    await world.addJob('nightly', ['web01']);
    await world.runJob('nightly', 'full');
    point = (await world.pointOf('web01')).savesetId;
  });
  afterEach(() => world[Symbol.asyncDispose]());

  async function report(run: Promise<{ runId: number }>): Promise<{ run: RunView; report: CheckReport }> {
    const done = await world.done((await run).runId);
    const found = done.tasks[0]!.report;
    assert.equal(found?.kind, 'check', JSON.stringify(done.tasks));
    return { run: done, report: found as CheckReport };
  }

  const check = (payloads = false) => report(world.services.devices.check('tape0', { payloads }));
  const repair = (body: { payloads?: boolean; dryRun?: boolean } = {}) =>
    report(world.services.devices.repair('tape0', body));

  async function packs(): Promise<string[]> {
    const names = await readdir(world.file('tape0/packs'), { recursive: true });
    return names
      .filter((name) => name.endsWith('.pack'))
      .map((name) => `packs/${name.split(path.sep).join('/')}`);
  }

  async function flip(name: string, at: (bytes: Buffer) => number | Promise<number>): Promise<void> {
    const file = world.file(`tape0/${name}`);
    const bytes = await readFile(file);
    bytes[await at(bytes)]! ^= 1;
    await writeFile(file, bytes);
  }

  /** In the payload of the first record. */
  async function flipPayload(): Promise<string> {
    const [name] = await packs();
    await flip(name!, async (bytes) => {
      const place = { packId: packIdOf(name!)!, lengthBytes: bytes.length };
      return (await readDirectory(world.storage(), place))[0]!.offset + 100;
    });
    return name!;
  }

  it('is none after a backup, and what is asked in vain is told', async () => {
    const { run, report: found } = await check(true);
    assertOutcome(run, 'ok');
    assert.deepEqual(found.counts, { damage: 0, leftovers: 0, notes: 0 }, JSON.stringify(found.findings));
    assert.deepInclude(found, { points: 1, lostChunks: 0, unusedBytes: 0, repair: null });
    assert.equal(found.records.compared, found.records.count);
    const missing = await world.services.devices.check('none', {}).catch((error: unknown) => String(error));
    assert.include(missing, 'Cannot find device "none"');
  });

  it('is found, named, stored anew by the next full backup, and then the old point restores again', async () => {
    const name = await flipPayload();
    const verified = await world.verify(point);
    assertOutcome(verified, 'failed');
    assert.equal(verified.tasks[0]!.error?.code, 'VERIFY_FAILED');
    const { run, report: found } = await check(true);
    assertOutcome(run, 'failed');
    assert.equal(run.tasks[0]!.error?.code, 'DEVICE_DAMAGED');
    assert.deepEqual(
      found.findings.map(({ severity, object, points }) => [severity, object, points]),
      [['damage', name, [point]]],
    );
    assert.equal(found.lostChunks, 1);

    await world.runJob('nightly', 'full');
    const again = await world.verify(point);
    assertOutcome(again, 'warning');
    assert.deepEqual(
      again.tasks[0]!.warnings.map(({ code }) => code),
      ['REPO_CHUNK_ELSEWHERE'],
    );
    const newest = (await world.pointOf('web01')).savesetId;
    assert.notEqual(newest, point);
    assertOutcome(await world.verify(newest), 'ok');
    const image = world.file('restored.raw');
    const restored = await world.restore(point, '2000', image);
    assert.include(['ok', 'warning'], restored.outcome);
    assert.deepEqual(await whatIsWrong(image, 'win-mbr', 'before'), []);
    const { report: after } = await check(true);
    assert.deepInclude(after.counts, { damage: 0, notes: 1 }, JSON.stringify(after.findings));
  });

  it('of a directory is repaired: its records are in a new pack, and the point restores', async () => {
    const [name] = await packs();
    await flip(name!, (bytes) => bytes.length - 60);
    const { report: found } = await check();
    assert.deepInclude(found.counts, { damage: 1 });
    const { run: dry, report: would } = await repair({ dryRun: true });
    assertOutcome(dry, 'failed');
    assert.lengthOf(would.repairs, 1);
    assert.lengthOf(await packs(), (await packs()).length);
    const { run, report: did } = await repair();
    assertOutcome(run, 'ok');
    assert.deepEqual(did.repairs, would.repairs);
    const { run: clean, report: after } = await check(true);
    assertOutcome(clean, 'ok');
    assert.deepInclude(after.counts, { damage: 0 }, JSON.stringify(after.findings));
    assertOutcome(await world.verify(point), 'ok');
    assert.deepEqual(await world.unfinished(), []);
  });

  it('is no damage what an attempt left: it is removed, and nothing that is sealed', async () => {
    const left = 'e'.repeat(16);
    const begun = (at: string) =>
      `{"format":"blockhouse-attempt","version":1,"attemptId":"${left}","kind":"backup","startedAt":"${at}","runId":1,"taskId":1,"token":1}`;
    await mkdir(world.file(`tape0/incoming/${left}`), { recursive: true });
    await writeFile(world.file(`tape0/incoming/${left}/begun.json`), begun('2026-01-01T00:00:00.000Z'));
    await mkdir(world.file(`tape0/savesets/${'f'.repeat(16)}`), { recursive: true });
    await writeFile(world.file(`tape0/savesets/${'f'.repeat(16)}/nvram`), 'x');
    await writeFile(world.file('tape0/my notes.txt'), 'x');
    const { run, report: found } = await check();
    assertOutcome(run, 'ok');
    assert.deepEqual(found.counts, { damage: 0, leftovers: 2, notes: 1 }, JSON.stringify(found.findings));
    assertOutcome((await repair()).run, 'ok');
    const { report: after } = await check();
    assert.deepEqual(after.counts, { damage: 0, leftovers: 0, notes: 1 }, JSON.stringify(after.findings));
    assert.deepEqual(await world.unfinished(), []);
    assertOutcome(await world.verify(point), 'ok');
  });

  it('of a seal is repaired, as the catalog knows the point', async () => {
    await writeFile(world.file(`tape0/savesets/${point}/seal.json`), '{');
    assertOutcome((await check()).run, 'failed');
    assertOutcome((await repair()).run, 'ok');
    assertOutcome((await check()).run, 'ok');
    assertOutcome(await world.verify(point), 'ok');
  });
});
