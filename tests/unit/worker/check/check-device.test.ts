import { assert } from 'chai';
import { type CheckReport } from '../../../../shared/contract/device-report.ts';
import { WholeDevice } from '../../../support/whole-device.ts';

const ATTEMPT = 'd'.repeat(16);
const begun = (startedAt: string): Uint8Array =>
  Buffer.from(
    `{"format":"blockhouse-attempt","version":1,"attemptId":"${ATTEMPT}","kind":"backup","startedAt":"${startedAt}","runId":1,"taskId":1,"token":1}`,
  );

const objects = (report: CheckReport, severity: string): string[] =>
  report.findings.filter((finding) => finding.severity === severity).map(({ object }) => object);

describe('checkDevice', () => {
  let sound: WholeDevice;
  before(async () => {
    sound = await WholeDevice.make();
  });
  after(() => sound[Symbol.asyncDispose]());

  it('finds no damage on a sound device, with and without its payloads', async () => {
    for (const payloads of [false, true]) {
      const report = await sound.report({ payloads });
      assert.deepEqual(report.counts, { damage: 0, leftovers: 1, notes: 0 }, JSON.stringify(report.findings));
      assert.deepInclude(report, { points: 4, damagedPoints: 0, lostChunks: 0, unusedBytes: 0 });
      assert.equal(report.records.compared === report.records.count, payloads);
      assert.equal(report.leftOut.length, payloads ? 0 : 1);
    }
  });

  it('counts what no point uses', async () => {
    const device = sound.copy();
    const newest = device.chains[0]!.links[0]!.savesetId;
    for (const name of device.names(new RegExp(`savesets/${newest}/`))) device.replace(name, undefined);
    assert.isAbove((await device.report()).unusedBytes!, 16_000);
  });

  it('counts the points that build on a damaged one apart from those that are damaged themselves', async () => {
    const [increment, full] = sound.chains[0]!.links.map(({ savesetId }) => savesetId);
    const spoil: readonly (readonly [string, RegExp, number])[] = [
      ['an index', new RegExp(`${full!}/.*\\.index$`), 100],
      ['a manifest', new RegExp(`${full!}/manifest`), 30],
    ];
    const expected = { damagedPoints: 1, dependentPoints: 1, dependents: [increment] };
    for (const [what, pattern, at] of spoil) {
      const device = sound.copy();
      device.flip(device.names(pattern)[0]!, at);
      const { damagedPoints, dependentPoints, dependents } = await device.report();
      assert.deepEqual({ damagedPoints, dependentPoints, dependents }, expected, what);
    }
    const chunks = sound.copy();
    for (const pack of chunks.names(/^packs\//)) chunks.flip(pack, 200);
    const { damagedPoints, dependentPoints } = await chunks.report();
    assert.deepEqual([damagedPoints, dependentPoints], [4, 0], 'each one is counted once');
    const pin = sound.copy();
    for (const name of pin.names(/(pin\.json|nvram)$/)) pin.flip(name, 0);
    assert.deepInclude(await pin.report(), { dependentPoints: 0, dependents: [] });
  });

  it('checks an encrypted device without its key from outside', async () => {
    await using locked = await WholeDevice.make({ encryption: { password: 'p', label: 'one' } });
    const report = await locked.report({ locked: true });
    assert.deepInclude(report, { unusedBytes: null, points: 4 });
    assert.equal(report.counts.damage, 0, JSON.stringify(report.findings));
    assert.include(report.leftOut.join(), 'the device is locked');
    for (const pattern of [/^packs\//, /\.index$/, /manifest\.json$/, /nvram$/]) {
      const device = locked.copy();
      const name = device.names(pattern)[0]!;
      device.flip(name, device.bytes(name).length - 100);
      assert.include(objects(await device.report({ locked: true }), 'damage'), name);
    }
  });

  for (const [state, isWhole, severity] of [
    ['over', true, 'leftover'],
    ['unknown', true, 'note'],
    ['unknown', false, 'leftover'],
  ] as const) {
    it(`takes a ${isWhole ? 'whole' : 'broken'} saveset without a seal that is ${state} for ${severity}`, async () => {
      const device = sound.copy();
      const { savesetId } = device.chains[0]!.links[0]!;
      const folder = `savesets/${savesetId}`;
      device.replace(`${folder}/seal.json`, undefined);
      if (!isWhole) device.replace(device.names(new RegExp(`${folder}/.*index$`))[0]!, undefined);
      const report = await device.report({ states: { [savesetId]: state } });
      assert.equal(report.findings.find(({ object }) => object === folder)?.severity, severity);
    });
  }

  for (const [state, startedAt, severity] of [
    ['live', '2026-01-01T00:00:00.000Z', 'none'],
    ['over', '2026-01-01T00:00:00.000Z', 'leftover'],
    ['unknown', '2026-01-01T00:00:00.000Z', 'leftover'],
    ['unknown', '2026-01-09T00:00:00.000Z', 'note'],
  ] as const) {
    it(`takes an attempt that is ${state}, begun ${startedAt.slice(0, 10)}, for ${severity}`, async () => {
      const device = sound.copy();
      device.replace(`incoming/${ATTEMPT}/begun.json`, begun(startedAt));
      const report = await device.report({ states: { [ATTEMPT]: state }, nowMs: Date.UTC(2026, 0, 10) });
      const found = report.findings.find(({ object }) => object === `incoming/${ATTEMPT}`);
      assert.equal(found?.severity ?? 'none', severity);
    });
  }
});

describe('repairDevice', () => {
  let device: WholeDevice;
  before(async () => {
    device = await WholeDevice.make();
  });
  after(() => device[Symbol.asyncDispose]());

  /** The objects of each kind that can be damaged without a loss. */
  const harmless: readonly RegExp[] = [
    /^moved\//,
    /condemned\.json$/,
    /waits\.json$/,
    /pin\.json$/,
    /seal\.json$/,
    /begun\.json$/,
  ];
  for (const pattern of harmless) {
    it(`makes an end of damage in ${String(pattern)}`, async () => {
      const damaged = device.copy();
      const name = damaged.names(pattern)[0]!;
      damaged.replace(name, Buffer.from('{'));
      const states = { ['a'.repeat(16)]: 'over' as const };
      const before = await damaged.check({ states });
      assert.equal(before.found.lastingDamage, 0, JSON.stringify(before.found.shown));
      assert.isAbove(before.found.count('damage'), 0);
      const wouldDo = await damaged.repair(before, true);
      assert.equal(Buffer.from(damaged.bytes(name)).toString(), '{', 'a dry run changes nothing');
      assert.deepEqual((await damaged.repair(before)).lines, wouldDo.lines);
      const after = await damaged.report();
      assert.deepInclude(after.counts, { damage: 0, leftovers: 0 }, JSON.stringify(after.findings));
      assert.deepEqual(await damaged.lostPoints(), []);
      assert.equal(after.points, 4);
    });
  }

  for (const [what, at] of [
    ['header', () => 20],
    ['directory', (length: number) => length - 60],
    ['footer', (length: number) => length - 5],
  ] as const) {
    it(`writes the records of a pack anew whose ${what} is damaged`, async () => {
      const damaged = device.copy();
      for (const name of damaged.names(/^packs\//)) damaged.flip(name, at(damaged.bytes(name).length));
      const before = await damaged.check();
      assert.equal(before.found.count('damage'), 6);
      assert.equal(before.counts.lostChunks, 0);
      await damaged.repair(before);
      const after = await damaged.report();
      assert.deepInclude(after.counts, { damage: 0, leftovers: 0 }, JSON.stringify(after.findings));
      assert.deepEqual(await damaged.lostPoints(), []);
    });
  }

  it('marks damaged records, keeps the points that lost them, and names what is lost from then on', async () => {
    const damaged = device.copy();
    const name = damaged.names(/^packs\//)[0]!;
    damaged.flip(name, 200);
    await damaged.repair(await damaged.check());
    assert.lengthOf(damaged.names(/^damaged\//), 1);
    const after = await damaged.report();
    assert.deepEqual(objects(after, 'damage'), [name]);
    assert.equal(after.lostChunks, 1);
    assert.equal(after.points, 4);
    assert.isAbove((await damaged.lostPoints()).length, 0);
  });

  it('removes leftovers, but nothing that became live or sealed since', async () => {
    const damaged = device.copy();
    const left = 'e'.repeat(16);
    damaged.replace(`savesets/${left}/nvram`, Buffer.from('x'));
    damaged.replace(`incoming/${ATTEMPT}/begun.json`, begun('2026-01-01T00:00:00.000Z'));
    damaged.storage.asides.add(`damaged/x.partial`);
    const before = await damaged.check();
    assert.equal(before.found.count('leftover'), 4);
    const sealed = damaged.bytes(damaged.names(/seal\.json$/)[0]!);
    damaged.replace(`savesets/${left}/seal.json`, sealed);
    await damaged.repair(before);
    assert.isAbove(damaged.names(new RegExp(`savesets/${left}/`)).length, 0);
    assert.isEmpty(damaged.names(new RegExp(`incoming/${ATTEMPT}/`)));
    assert.isEmpty([...damaged.storage.asides]);
  });
});
