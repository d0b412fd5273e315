/** Rules, pins and pruning in a whole service over folders, with the fake worker. */
import { assert } from 'chai';
import { access, readdir } from 'node:fs/promises';
import path from 'node:path';
import { type Harness, harness } from '../support/app-harness.ts';

const signal = new AbortController().signal;

async function backUp(state: Harness, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await state.done(await state.run('nightly'));
}

/** Newest first. */
async function idsOf(state: Harness): Promise<readonly string[]> {
  return (await state.app.services.points.list({ limit: 10 })).map(({ savesetId }) => savesetId);
}

const savesetsOf = (state: Harness): Promise<string[]> => readdir(path.join(state.folder, 'd1', 'savesets'));

describe('retention in the service', () => {
  it('changes the rules of a job one by one, and forgets them with the last', async () => {
    await using state = await harness([{ name: 'd1', streams: 1 }]);
    const { jobs } = state.app.services;
    await state.job('nightly', { retention: { last: 3, daily: 7 } });
    const edit = async (retention: Parameters<typeof jobs.edit>[1]['retention']) =>
      (await jobs.edit('nightly', { retention })).retention;
    assert.deepEqual(await edit({ last: null, within: '30d' }), { daily: 7, within: '30d' });
    assert.deepEqual((await jobs.edit('nightly', { maxParallelStreams: 2 })).retention, {
      daily: 7,
      within: '30d',
    });
    assert.isUndefined(await edit({ daily: null, within: null }));
    assert.deepEqual(await edit({ yearly: 1 }), { yearly: 1 });
    assert.isUndefined(await edit(null));
  });

  it('deletes points from the device, keeps pinned ones, and knows pins without a catalog', async () => {
    await using state = await harness([{ name: 'd1', streams: 1 }]);
    state.vms = ['db01'];
    await state.job('nightly', { retention: { last: 1 }, options: { type: 'full' } });
    await backUp(state, 4);
    const services = state.app.services;
    const [newest = '', , pinned = '', oldest = ''] = await idsOf(state);
    const pin = await services.points.pin(pinned, { note: 'audit' });
    assert.equal(pin.pin?.note, 'audit');
    await services.points.pin(oldest, {});
    assert.isNull((await services.points.unpin(oldest)).pin);
    const done = await services.prune({}, signal);
    assert.deepEqual([done.totals.kept, done.totals.deleted, done.failures.length], [2, 2, 0]);
    const left = [newest, pinned];
    assert.sameMembers(await savesetsOf(state), left);
    await access(path.join(state.folder, 'd1', 'savesets', pinned, 'pin.json'));
    const run = done.reclaims[0]?.runId;
    if (typeof run === 'number') await state.done(run);

    await state.restart();
    assert.sameMembers([...(await idsOf(state))], left);
    await using other = await harness([]);
    await other.app.services.devices.add({ name: 'd1', path: path.join(state.folder, 'd1') });
    const found = await other.app.services.points.show(pinned);
    assert.equal(found.pin?.note, 'audit');
  });
});
