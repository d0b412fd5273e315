/** Sets of points are verified within a budget, those that were not looked at the longest first, chains by one worker each. */
import { assert } from 'chai';
import { type RunView } from '../../../shared/contract/api.ts';
import { type VerifyBody } from '../../../shared/contract/verification.ts';
import { RealWorld, assertOutcome } from '../../support/real-world.ts';
import { type SiteConfig } from '../../support/vcenter-sim/config.ts';

const SITE: SiteConfig = {
  datastores: [{ name: 'ds1', type: 'NFS' }],
  hosts: [{ name: 'esx1.sim' }],
  vms: ['web01', 'web02'].map((name) => ({
    name,
    guestOs: 'windows',
    cbt: true,
    disks: [{ fixture: 'win-mbr' }],
  })),
};

describe('verifying sets of points', function () {
  this.timeout(120_000);
  let world: RealWorld;

  before(async () => {
    world = await RealWorld.open({ site: SITE, devices: { tape0: 2, tape1: 1 } });
    await world.addJob('nightly', ['web01'], { devices: ['tape0'] });
    await world.addJob('weekly', ['web02'], { devices: ['tape1'] });
    for (let i = 0; i < 2; i++) await world.runJob('nightly');
    await world.runJob('weekly');
  });
  after(() => world[Symbol.asyncDispose]());

  const verify = (): RealWorld['services']['verify'] => world.services.verify;

  async function run(body: VerifyBody): Promise<RunView> {
    const { runId } = await verify().start(body);
    assert.isNotNull(runId);
    return world.done(runId);
  }

  it('says first what it would do, and changes nothing', async () => {
    const plan = await verify().plan({ all: true });
    assert.equal(plan.total.points, 3);
    assert.deepInclude(plan.left, { points: 0, readBytes: 0, isComplete: true });
    assert.isTrue(plan.points.every(({ verifiedAt }) => verifiedAt === null));
    const small = await verify().plan({ all: true, budgetBytes: 1 });
    assert.equal(small.total.points, 1);
    assert.equal(small.left.points, 2);
    assert.isAbove(small.left.moreRuns, 0);
    assert.equal((await verify().plan({ devices: ['tape1'] })).total.points, 1);
    assert.equal((await verify().plan({ vms: ['web0?'], jobs: ['nightly'] })).total.points, 2);
    assert.equal((await verify().plan({ vms: ['none'] })).total.points, 0);
  });

  it('goes on where the budget ended it, until everything was verified lately', async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 3; i++) {
      const done = await run({ olderThanMs: 3_600_000, budgetBytes: 1 });
      assertOutcome(done, 'ok');
      assert.lengthOf(done.tasks, 1);
      seen.add(done.tasks[0]!.subject);
    }
    assert.equal(seen.size, 3);
    const nothing = await verify().start({ olderThanMs: 3_600_000, budgetBytes: 1 });
    assert.deepInclude(nothing, { runId: null });
    assert.equal(nothing.total.points, 0);
  });

  it('verifies points of a chain by one worker, which reads them about once, and each on its device', async () => {
    const done = await run({ all: true, streams: 3 });
    assertOutcome(done, 'ok');
    const ofChain = done.tasks.filter(({ subject }) => subject.startsWith('web01'));
    const [first, second] = ofChain.map(({ counters }) => counters.read).sort((a, b) => b - a);
    assert.lengthOf(ofChain, 2);
    assert.isBelow(second!, first! / 4);
    assert.deepEqual(new Set(ofChain.map(({ device }) => device)), new Set(['tape0']));
    const other = done.tasks.find(({ subject }) => subject.startsWith('web02'));
    assert.equal(other?.device, 'tape1');
  });

  it('refuses what cannot be meant', async () => {
    const { savesetId } = await world.pointOf('web02');
    for (const body of [{}, { points: [savesetId], all: true }, { points: ['ffff'] }, { jobs: ['none'] }]) {
      const error: unknown = await verify()
        .start(body)
        .then(() => undefined, String);
      assert.match(String(error), /Cannot (tell what to verify|verify points|find)/);
    }
  });
});
