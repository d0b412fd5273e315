import { assert } from 'chai';
import { type JobService } from '../../../../master/services.ts';
import { type Harness, harness } from '../../../support/app-harness.ts';
import { rejectsCode } from '../../vsphere/throws-code.ts';

const signal = new AbortController().signal;

describe('jobService', function () {
  this.timeout(20_000);
  let service: Harness;
  let jobs: JobService;

  beforeEach(async () => {
    service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = ['gate-a', 'gate-b', 'template-c'];
    await service.job('nightly', {});
    jobs = service.app.services.jobs;
  });
  afterEach(() => service[Symbol.asyncDispose]());

  it('keeps a job, and refuses a second one of its name', async () => {
    const job = await jobs.show('nightly');
    assert.deepEqual(await jobs.list(), [job]);
    await rejectsCode('USAGE_CONFLICT', jobs.add(job));
  });

  it('changes only what is told', async () => {
    const before = await jobs.show('nightly');
    const after = await jobs.edit('nightly', { maxParallelStreams: 3, options: { abm: false } });
    const options = { ...before.options, abm: false };
    assert.deepEqual(after, { ...before, maxParallelStreams: 3, options });
    assert.deepEqual(await jobs.show('nightly'), after);
  });

  const wrong = [
    { change: { server: 'other' }, code: 'USAGE_INVALID' },
    { change: { devices: ['tape0', 'tape9'] }, code: 'USAGE_NOT_FOUND' },
    { change: { devices: [] }, code: 'USAGE_INVALID' },
    { change: { maxParallelStreams: 0 }, code: 'USAGE_INVALID' },
    { change: { options: { excludePaths: ['C:\\Temp'] } }, code: 'USAGE_INVALID' },
    { change: { options: { excludeSwap: true, abm: false } }, code: 'USAGE_INVALID' },
    { change: { options: { excludePaths: ['\\Temp'], abm: false } }, code: 'USAGE_INVALID' },
  ] as const;
  for (const { change, code } of wrong) {
    it(`keeps the job as it is when ${JSON.stringify(change)} is told`, async () => {
      const before = await jobs.show('nightly');
      await rejectsCode(code, jobs.edit('nightly', { ...change } as never));
      assert.deepEqual(await jobs.show('nightly'), before);
    });
  }

  it('tells which VMs it takes now, and why not the others', async () => {
    await jobs.edit('nightly', { excludePatterns: ['gate-b'] });
    const { selected, leftOut } = await jobs.selection('nightly', signal);
    assert.deepEqual(
      selected.map(({ name }) => name),
      ['gate-a'],
    );
    assert.sameMembers(
      leftOut.map(({ name }) => name),
      ['gate-b', 'template-c'],
    );
  });

  it('is not removed while a run of it is under way', async () => {
    const runId = await service.run('nightly');
    const error = await rejectsCode('USAGE_BUSY', jobs.remove('nightly'));
    assert.include(error.message, `run ${runId} is under way`);
    await service.app.services.runs.cancel(runId);
    await service.done(runId);
    await jobs.remove('nightly');
    await rejectsCode('USAGE_NOT_FOUND', jobs.show('nightly'));
    await rejectsCode('USAGE_NOT_FOUND', jobs.remove('nightly'));
  });

  it('warns in a run that has no VM to work on', async () => {
    service.vms = ['template-c'];
    const run = await service.done(await service.run('nightly'));
    assert.equal(run.outcome, 'warning');
    assert.deepEqual(
      run.warnings.map(({ message }) => message),
      ['Every VM that matches is left out'],
    );
  });
});
