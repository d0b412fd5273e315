import { assert } from 'chai';
import { CliWorld } from '../../support/cli-world.ts';

describe('point consolidate and catalog rebuild', () => {
  let world: CliWorld;
  beforeEach(async () => {
    world = await CliWorld.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('says what consolidating would do', async () => {
    const { code, stdout } = await world.run(['point', 'consolidate', '5f3a', '--dry-run']);
    assert.equal(code, 0);
    assert.match(stdout, /^Made of +2 savesets: 5f3a00000000c001, 5f3900000000c000$/m);
    assert.match(stdout, /^Possible +yes$/m);
    const plan = await world.core.services.points.consolidate('5f3a', { dryRun: true });
    const obstacles = ['it is a full point already'];
    world.core.services.points.consolidate = () => Promise.resolve({ ...plan, possible: false, obstacles });
    const refused = await world.run(['point', 'consolidate', '5f3a', '--dry-run']);
    assert.match(refused.stdout, /^Possible +no: it is a full point already$/m);
  });

  it('begins to consolidate', async () => {
    const { code, stdout } = await world.run(['point', 'consolidate', '5f3a', '--no-wait']);
    assert.equal(code, 0);
    assert.equal(stdout, 'Run 7 has begun\n');
    assert.deepEqual(world.core.calls, ['points.consolidate {"id":"5f3a","dryRun":false}']);
  });

  it('shows a point whose chain lacks a saveset', async () => {
    const { points } = world.core.services;
    const broken = { ...(await points.show('5f3a')), missing: '5f3800000000c00b' };
    points.list = () => Promise.resolve([broken]);
    points.show = () => Promise.resolve(broken);
    assert.match((await world.run(['point', 'list'])).stdout, / broken\b/);
    const shown = await world.run(['point', 'show', '5f3a']);
    assert.match(shown.stdout, /broken: saveset 5f3800000000c00b is missing$/m);
  });

  it('tells what rebuilding found', async () => {
    const { code, stdout } = await world.run(['catalog', 'rebuild', '--device', 'tape0', '--dry-run']);
    assert.equal(code, 0);
    assert.deepEqual(world.core.calls, ['rebuild {"devices":["tape0"],"dryRun":true}']);
    assert.match(stdout, /^tape0 +3 +2 +1 +0 +1$/m);
    for (const line of [
      'damaged: 5f3a00000000c001: its manifest is damaged',
      'job "nightly" restored\n  add server "vc1" with "server add"',
      'broken: 5f3a00000000c002 of db01 lacks saveset 5f3a00000000c001',
      'and 2 broken points more',
      'Nothing was changed',
    ])
      assert.include(stdout, `${line}\n`);
    assert.notInclude(stdout, 'weekly');
  });

  it('tells of a device that is added what it brought, and of a new one nothing', async () => {
    const used = await world.run(['device', 'add', 'tape0', '--path', '/backup/used']);
    for (const line of [
      'It holds 3 restore points in 2 chains, 1 pin',
      'damaged: 5f3a00000000c001: its manifest is damaged',
      'warning: odd pin',
      'job "nightly" restored',
    ])
      assert.include(used.stdout, `${line}\n`);
    const fresh = await world.run(['device', 'add', 'tape1', '--path', '/backup/new']);
    assert.match(fresh.stdout, /^Device "tape1" is registered: .*\n$/);
    const { services } = world.core;
    const view = await services.rebuild({}, new AbortController().signal);
    const note = 'it names device "old", which is not here';
    const jobs = [
      { job: 'weekly', state: 'known' as const, notes: [note] },
      { job: 'yearly', state: 'left' as const, notes: [] },
    ];
    services.rebuild = () => Promise.resolve({ ...view, jobs });
    const { stdout } = await world.run(['catalog', 'rebuild']);
    assert.include(stdout, `job "weekly" is known already\n  ${note}\n`);
    assert.include(stdout, 'job "yearly" is on the device and not here: "catalog rebuild" restores it\n');
  });

  it('says of a device why it was not read, and of a job why it cannot be used', async () => {
    const view = await world.core.services.rebuild({}, new AbortController().signal);
    world.core.services.rebuild = () =>
      Promise.resolve({
        ...view,
        devices: view.devices.map((device) => ({ ...device, offlineReason: 'it is not there' })),
        jobs: [{ job: 'odd', state: 'unusable', notes: ['its definition has no VMs'] }],
        broken: 0,
        brokenPoints: [],
      });
    const { stdout } = await world.run(['catalog', 'rebuild']);
    assert.include(stdout, 'device "tape0" was not read: it is not there\n');
    assert.include(stdout, 'job "odd" cannot be restored\n  its definition has no VMs\n');
  });
});
