import { assert } from 'chai';
import { AppError } from '../../../../shared/base/errors.ts';
import { type InspectBody } from '../../../../shared/contract/vm-inspection.ts';
import { type Harness, harness } from '../../../support/app-harness.ts';

describe('inspect', function () {
  this.timeout(60_000);
  let world: Harness;
  const signal = new AbortController().signal;
  before(async () => {
    world = await harness([]);
    world.vms = ['db01', 'DB01', 'Web01', 'template-web'];
  });
  after(() => world[Symbol.asyncDispose]());

  async function refusal(body: InspectBody): Promise<AppError> {
    const error: unknown = await world.app.services.inspect(body, signal).catch((e: unknown) => e);
    assert.instanceOf(error, AppError);
    return error;
  }

  async function subjectOf(body: InspectBody): Promise<string> {
    const { runId } = await world.app.services.inspect(body, signal);
    const run = await world.done(runId);
    assert.deepInclude(run, { kind: 'inspect', job: null, outcome: 'ok' });
    assert.isNull(run.tasks[0]!.device);
    return run.tasks[0]!.subject;
  }

  for (const [vm, meant] of [
    ['DB01', 'DB01'],
    ['vm-db01', 'db01'],
    ['web01', 'Web01'],
    ['/dc0/vm/web01', 'Web01'],
    ['uuid-db01', 'db01'],
  ] as const) {
    it(`takes "${vm}" for "${meant}"`, async () =>
      assert.equal(await subjectOf({ vm, server: 'vc' }), meant));
  }

  it('asks which one is meant where the case of letters does not tell', async () => {
    const { code, message } = await refusal({ vm: 'Db01' });
    assert.equal(code, 'USAGE_AMBIGUOUS');
    assert.include(message, 'vm-db01 (/DC0/vm/db01) on "vc"');
  });

  it('refuses what is not there, and what there can be no snapshot of', async () => {
    const unknown = await refusal({ vm: 'db77' });
    assert.deepEqual(
      [unknown.code, unknown.message],
      ['USAGE_NOT_FOUND', 'Cannot find VM "db77": there is none of that name on "vc"'],
    );
    assert.equal((await refusal({ vm: 'db01', server: 'other' })).message, 'Cannot find server "other"');
    const template = await refusal({ vm: 'template-web' });
    assert.equal(template.code, 'SNAPSHOT_NOT_POSSIBLE');
    assert.match(template.message, /it is a template$/);
    assert.equal((await refusal({ vm: '' })).code, 'USAGE_INVALID');
  });

  it('waits for a backup of the same VM', async () => {
    await using busy = await harness([{ name: 'tape0', streams: 1 }]);
    busy.vms = ['gate-db'];
    await busy.job('nightly', {});
    const backup = await busy.run('nightly');
    await busy.until(backup, (run) => run.tasks[0]?.state === 'running');
    const { runId } = await busy.app.services.inspect({ vm: 'gate-db' }, signal);
    const waiting = await busy.until(runId, ({ tasks }) => tasks[0]!.waitsFor !== null);
    assert.match(waiting.tasks[0]!.waitsFor!, /^waits for run 1, task 1, which works on the same VM$/);
    await busy.openGate('gate-db');
    await busy.done(runId);
  });

  it('finds no VM without a server', async () => {
    await world.app.services.servers.remove('vc');
    assert.match((await refusal({ vm: 'db01' })).message, /: no server is registered$/);
  });
});
