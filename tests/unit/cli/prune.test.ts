import { assert } from 'chai';
import { type PruneView } from '../../../shared/contract/retention.ts';
import { CliWorld } from '../../support/cli-world.ts';
import { aPruning, aRun } from '../../support/fake-services.ts';

const job = ['job', 'add', 'nightly', '--server', 'vc1', '--vm', 'db*', '--device', 'disk1'];

describe('the command line: retention', () => {
  let world: CliWorld;
  beforeEach(async () => {
    world = await CliWorld.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const pruneCalls = (): unknown[] =>
    world.core.calls
      .filter((call) => call.startsWith('prune'))
      .map((call) => JSON.parse(call.slice('prune '.length)) as unknown);

  describe('job add and job edit', () => {
    it('take rules, change what is named, and show them', async () => {
      const rules = ['--keep-last', '7', '--keep-within', '30d', '--keep-yearly', '3'];
      assert.equal((await world.run([...job, ...rules])).code, 0);
      assert.deepEqual(world.core.jobs.get('nightly')?.retention, { last: 7, within: '30d', yearly: 3 });
      assert.match(
        (await world.run(['job', 'show', 'nightly'])).stdout,
        /^Keeps +last 7, within 30d, yearly 3$/m,
      );
      const edit = ['job', 'edit', 'nightly', '--keep-last', '0', '--keep-daily', '14', '--keep-within', '0'];
      await world.run(edit);
      assert.include(world.core.calls.at(-1), '"retention":{"last":null,"within":null,"daily":14}');
      await world.run(['job', 'edit', 'nightly', '--keep-all']);
      assert.include(world.core.calls.at(-1), '{"retention":null}');
    });

    it('keep everything without rules', async () => {
      await world.run(job);
      assert.isUndefined(world.core.jobs.get('nightly')?.retention);
      assert.match((await world.run(['job', 'show', 'nightly'])).stdout, /^Keeps +everything$/m);
    });

    const wrong: readonly (readonly [string, readonly string[]])[] = [
      ['a number that is none', [...job, '--keep-last', 'some']],
      ['a rule of nothing in a new job', [...job, '--keep-daily', '0']],
      ['an age that is none', [...job, '--keep-within', '3 months']],
      ['rules together with none', ['job', 'edit', 'nightly', '--keep-all', '--keep-last', '3']],
      ['a rule of nothing in prune', ['prune', '--keep-last', '0']],
      ['a rule given twice', ['prune', '--keep-last', '1', '--keep-last', '2']],
      ['a list of jobs for a list of runs', ['run', 'list', '--job', 'a', '--job', 'b']],
    ];
    for (const [what, words] of wrong) {
      it(`refuse ${what}`, async () => {
        const result = await world.run(words);
        assert.equal(result.code, 2, result.stderr);
        assert.isEmpty(world.core.jobs);
      });
    }
  });

  describe('point pin', () => {
    it('pins with a note, or without, and unpins', async () => {
      const pinned = await world.run(['point', 'pin', '5f3a', '--note', 'before the migration']);
      assert.match(pinned.stdout, /^Point 5f3a00000000c001 is pinned$/m);
      await world.run(['point', 'pin', '5f3a']);
      const unpinned = await world.run(['point', 'unpin', '5f3a']);
      assert.match(unpinned.stdout, /is not pinned/);
      assert.deepEqual(world.core.calls, [
        'points.pin {"id":"5f3a","note":"before the migration"}',
        'points.pin {"id":"5f3a","note":""}',
        'points.unpin "5f3a"',
      ]);
    });

    it('is seen in the list and in the point', async () => {
      const point = await world.core.services.points.pin('5f3a', { note: 'audit' });
      world.core.services.points.list = () => Promise.resolve([point, { ...point, pin: null }]);
      world.core.services.points.show = () => Promise.resolve(point);
      const { stdout } = await world.run(['point', 'list']);
      assert.match(stdout, /PINNED\n.* audit\n.* -$/m);
      assert.match((await world.run(['point', 'show', '5f3a'])).stdout, /^Pinned +2026-05-0\d .* audit$/m);
    });
  });

  describe('prune', () => {
    it('shows verdicts and reasons in a dry run, and asks for no more', async () => {
      const { code, stdout } = await world.run(['prune', '--dry-run']);
      assert.equal(code, 0);
      assert.match(stdout, /db01 +nightly +5f3a00000000c001 .* keep +newest point; one of the last 1$/m);
      assert.match(stdout, /db01 +nightly +5f3900000000c000 .* delete +no rule keeps it$/m);
      assert.match(stdout, /^1 point kept, 1 point would be deleted$/m);
      assert.match(stdout, /^They stored 700 MiB; at most 1.00 GiB are needed by nothing else$/m);
      assert.deepEqual(pruneCalls(), [{ dryRun: true }]);
    });

    it('asks, deletes exactly what it showed, and waits for the space', async () => {
      world.core.runs = [aRun({ state: 'running' }), aRun({ kind: 'reclaim', job: null })];
      const { code, stdout, stderr } = await world.run(['prune'], { typed: ['y'] });
      assert.equal(code, 0, stderr);
      assert.include(stderr, 'Really delete 1 restore point? [y/N] ');
      assert.deepEqual(pruneCalls(), [{ dryRun: true }, { dryRun: false, plan: '0011223344556677' }]);
      assert.match(stdout, /^1 point deleted\ndevice "disk1": run 12 frees the space$/m);
      assert.match(stdout, /^Run 12/m);
    });

    it('deletes nothing without a yes', async () => {
      const asked = await world.run(['prune'], { typed: ['n'] });
      assert.equal(asked.code, 130);
      const silent = await world.run(['prune']);
      assert.equal(silent.code, 2);
      assert.include(silent.stderr, 'Cannot delete 1 restore point without being sure');
      assert.deepEqual(pruneCalls(), [{ dryRun: true }, { dryRun: true }]);
    });

    it('asks nothing where nothing is to be deleted', async () => {
      const totals = { kept: 2, deleted: 0, storedBytes: 0, unreferencedBytesAtMost: 0 };
      world.core.pruned = aPruning({ points: [], unlisted: 3, totals });
      const { code, stdout } = await world.run(['prune']);
      assert.equal(code, 0);
      assert.equal(stdout, 'and 3 points more\n2 points kept, 0 points would be deleted\n');
      assert.lengthOf(pruneCalls(), 1);
    });

    it('hands on what it is limited to, and rules for once', async () => {
      const limits = ['--job', 'a', 'b', '--job', 'c', '--vm', 'db*', '--device', 'd1', 'd2'];
      await world.run(['prune', '--dry-run', ...limits, '--keep-weekly', '4', '--keep-monthly', '6']);
      assert.deepEqual(pruneCalls(), [
        {
          jobs: ['a', 'b', 'c'],
          vms: ['db*'],
          devices: ['d1', 'd2'],
          policy: { weekly: 4, monthly: 6 },
          dryRun: true,
        },
      ]);
    });

    it('gives one JSON document, and does not wait where it shall not', async () => {
      const { code, stdout } = await world.run(['prune', '--yes', '--json', '--no-wait']);
      assert.equal(code, 0);
      assert.deepEqual(JSON.parse(stdout) as PruneView, aPruning());
      const waited = await world.run(['prune', '--yes', '--json']);
      assert.deepEqual(JSON.parse(waited.stdout) as PruneView, aPruning());
    });

    it('ends with 1 when points stay that were to go, and says where no space is freed yet', async () => {
      world.core.pruned = aPruning({
        failures: [{ savesetId: '5f3900000000c000', vm: 'db01', reason: 'it was pinned meanwhile' }],
        reclaims: [{ device: 'disk1', runId: null, reason: 'run 9 does it already' }],
      });
      const { code, stdout } = await world.run(['prune', '--yes']);
      assert.equal(code, 1);
      assert.match(stdout, /^0 points deleted$/m);
      assert.match(stdout, /^point 5f3900000000c000 of "db01" stays: it was pinned meanwhile$/m);
      assert.match(stdout, /^device "disk1": .* not freed yet: run 9 .*; use "device reclaim disk1" later$/m);
    });

    it('ends with the code of the run that frees the space', async () => {
      world.core.runs = [aRun({ kind: 'reclaim', job: null, outcome: 'failed', tasks: [] })];
      assert.equal((await world.run(['prune', '--yes'])).code, 1);
    });
  });
});
