import { assert } from 'chai';
import { MiB } from '../../../shared/base/units.ts';
import { type RunView } from '../../../shared/contract/api.ts';
import { type ReclaimReport } from '../../../shared/contract/device-report.ts';
import { CliWorld } from '../../support/cli-world.ts';
import { aRun, aTask } from '../../support/fake-services.ts';

const report: ReclaimReport = {
  kind: 'reclaim',
  dryRun: false,
  points: 7,
  found: { packs: 40, bytes: 2560 * MiB },
  liveBytes: 2000 * MiB,
  unused: { packs: 3, bytes: 192 * MiB },
  sparse: { packs: 2, bytes: 128 * MiB, copiedBytes: 20 * MiB },
  removed: { packs: 1, bytes: 64 * MiB },
  waiting: [{ sweepId: '00112233445566aa', packs: 4, bytes: 256 * MiB, attempts: ['5f3a00000000c001'] }],
  leftAlone: [{ packId: 'ab'.repeat(16), reason: 'its payload is damaged' }],
};
const theRun = (over: Partial<ReclaimReport> = {}) =>
  aRun({
    ...{ kind: 'reclaim', job: null },
    tasks: [
      aTask({ kind: 'reclaim', subject: 'device disk1', savesetId: null, report: { ...report, ...over } }),
    ],
  });

describe('device reclaim', () => {
  let world: CliWorld;

  beforeEach(async () => {
    world = await CliWorld.open();
    await world.run(['device', 'add', 'disk1', '--path', '/backup/disk1']);
    world.core.calls.length = 0;
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('says what was freed, what waits for whom and what was let alone', async () => {
    world.core.runs = [theRun()];
    const { code, stdout } = await world.run(['device', 'reclaim', 'disk1', '--sparse', '80']);
    assert.equal(code, 0);
    assert.deepEqual(world.core.calls, ['devices.reclaim {"dryRun":false,"sparsePercent":80}']);
    assert.match(stdout, /^device disk1 +ok /m);
    assert.match(stdout, /^In use +1\.95 GiB by 7 restore points$/m);
    assert.match(stdout, /^Sparse +2 packs, 128 MiB; 20\.0 MiB of them in use were copied$/m);
    assert.match(stdout, /^Removed +1 pack, 64\.0 MiB$/m);
    assert.match(
      stdout,
      /^4 packs, 256 MiB of sweep 00112233445566aa wait for 1 attempt: 5f3a00000000c001$/m,
    );
    assert.match(stdout, /^Pack (ab){16} is let alone: its payload is damaged$/m);
  });

  it('says of a dry run what would be', async () => {
    const sparse = { packs: 0, bytes: 0, copiedBytes: 0 };
    world.core.runs = [theRun({ dryRun: true, sparse, waiting: [], leftAlone: [] })];
    const { stdout } = await world.run(['device', 'reclaim', 'disk1', '--dry-run']);
    assert.deepEqual(world.core.calls, ['devices.reclaim {"dryRun":true,"sparsePercent":50}']);
    assert.match(stdout, /^Unused +3 packs, 192 MiB$/m);
    assert.notInclude(stdout, 'Removed');
  });

  it('shows the report in JSON', async () => {
    world.core.runs = [theRun()];
    const { stdout } = await world.run(['device', 'reclaim', 'disk1', '--json']);
    const run = JSON.parse(stdout) as RunView;
    assert.deepEqual(run.tasks[0]?.report, report);
  });

  it('names the run when it is not to be waited for', async () => {
    const { stdout } = await world.run(['device', 'reclaim', 'disk1', '--no-wait']);
    assert.match(stdout, /^Run 12 has begun$/m);
  });

  it('refuses a share that is no number', async () => {
    assert.notEqual((await world.run(['device', 'reclaim', 'disk1', '--sparse', 'half'])).code, 0);
  });
});
