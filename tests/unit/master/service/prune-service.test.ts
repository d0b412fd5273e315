import { assert } from 'chai';
import { Catalog } from '../../../../master/catalog/catalog.ts';
import { type SavesetRecord } from '../../../../master/catalog/saveset-rows.ts';
import { type Reclaim, pruneService } from '../../../../master/service/prune-service.ts';
import { systemClock } from '../../../../shared/base/clock.ts';
import { AppError } from '../../../../shared/base/errors.ts';
import { silentLog } from '../../../../shared/base/log.ts';
import { type PruneBody, pruneView } from '../../../../shared/contract/retention.ts';
import { type Job } from '../../../../shared/domain/job.ts';
import { type RetentionPolicy } from '../../../../shared/domain/retention.ts';
import { noBytes } from '../../../../shared/domain/task.ts';
import { FaultyStorage } from '../../../support/faulty-storage.ts';
import { deviceOf, removerOn, sealedOn } from '../../../support/point-device.ts';
import { point } from '../../../support/points.ts';
import { tempFolder } from '../../../support/temp.ts';
import { codeOfAsync } from '../../format/codes.ts';

const [TAPE0, TAPE1] = ['0'.repeat(32), '1'.repeat(32)];
const NOW = Date.parse('2026-01-10T00:00:00.000Z');

function jobOf(name: string, retention?: RetentionPolicy): Job {
  const options = {
    type: 'auto',
    abm: true,
    cbt: true,
    transport: 'auto',
    consistency: 'crash',
    consistencyFallback: true,
  } as const;
  return {
    name,
    server: 'vc',
    vmPatterns: ['*'],
    excludePatterns: [],
    devices: ['tape0'],
    maxParallelStreams: 1,
    options,
    ...(retention && { retention }),
  };
}

/** Points of `vm` on days 1, 2, … of January; the ids are the first letter of the job and VM, and the day. */
function pointsOf(job: string, vm: string, days: number, more: Partial<SavesetRecord> = {}): SavesetRecord[] {
  return Array.from({ length: days }, (_, i) =>
    point(`${job[0]}${vm[0]}${i + 1}`.padEnd(16, '0').replace(/[^0-9a-f]/g, 'c'), {
      deviceId: TAPE0,
      job,
      vmName: vm,
      vmUuid: `uuid-${vm}`,
      createdAt: `2026-01-0${i + 1}T00:00:00.000Z`,
      counters: { ...noBytes, stored: 10, known: 1 },
      ...more,
    }),
  );
}

async function world(points: readonly SavesetRecord[], jobs: readonly Job[]) {
  const folder = await tempFolder();
  const catalog = Catalog.open(folder.path);
  for (const [deviceId, name] of [
    [TAPE0, 'tape0'],
    [TAPE1, 'tape1'],
  ] as const)
    catalog.devices.register({ deviceId, name, path: `/${name}`, streams: 1 });
  for (const record of points) {
    catalog.savesets.insertUnsealed(record);
    catalog.savesets.setSealed(record, []);
  }
  for (const job of jobs) catalog.jobs.put(job);
  const storage = deviceOf(points);
  const away = new Map<string, string>();
  const devices = removerOn(storage, (deviceId) => away.get(deviceId));
  const clock = { ...systemClock, nowMs: () => NOW };
  const context = { catalog, devices, clock, log: silentLog };
  const reclaimed: string[] = [];
  const reclaim: Reclaim = (name) => {
    reclaimed.push(name);
    if (name === 'tape1') return Promise.reject(new AppError('DEVICE_IN_USE', 'run 9 does it already'));
    return Promise.resolve({ runId: 77 });
  };
  const signal = new AbortController().signal;
  return {
    context,
    catalog,
    storage,
    away,
    reclaimed,
    reclaim,
    prune: async (body: PruneBody) => pruneView.parse(await pruneService(context, reclaim)(body, signal)),
    [Symbol.asyncDispose]: async () => {
      catalog[Symbol.dispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const kept = (view: { points: readonly { verdict: string; vm: string; createdAt: string }[] }): string[] =>
  view.points
    .filter(({ verdict }) => verdict === 'keep')
    .map(({ vm, createdAt }) => `${vm} ${createdAt.slice(8, 10)}`);

describe('pruneService', () => {
  const nightly = jobOf('nightly', { last: 2 });

  it('shows in a dry run what would go and why, and changes nothing', async () => {
    await using state = await world(
      [...pointsOf('nightly', 'db01', 3), ...pointsOf('nightly', 'app', 3)],
      [nightly],
    );
    const view = await state.prune({ dryRun: true });
    assert.deepEqual(kept(view), ['app 03', 'app 02', 'db01 03', 'db01 02']);
    assert.deepEqual(view.totals, { kept: 4, deleted: 2, storedBytes: 20, unreferencedBytesAtMost: 22 });
    assert.deepInclude(view.points[0], { device: 'tape0', reasons: ['one of the last 2', 'newest point'] });
    assert.deepEqual(view.points[2]?.reasons, ['no rule keeps it']);
    assert.lengthOf([...sealedOn(state.storage)], 6);
    assert.isEmpty(state.reclaimed);
  });

  it('deletes what it showed, and has the space freed once per device', async () => {
    const points = [...pointsOf('nightly', 'db01', 4), ...pointsOf('nightly', 'app', 3, { deviceId: TAPE1 })];
    await using state = await world(points, [nightly]);
    const { plan } = await state.prune({ dryRun: true });
    const done = await state.prune({ plan });
    assert.isFalse(done.dryRun);
    assert.equal(done.totals.deleted, 3);
    assert.isEmpty(done.failures);
    assert.lengthOf([...sealedOn(state.storage)], 4);
    assert.sameDeepMembers(done.reclaims, [
      { device: 'tape0', runId: 77, reason: null },
      { device: 'tape1', runId: null, reason: 'run 9 does it already' },
    ]);
    const again = await state.prune({});
    assert.equal(again.totals.deleted, 0);
    assert.isEmpty(again.reclaims);
    assert.deepEqual(state.reclaimed.sort(), ['tape0', 'tape1']);
  });

  it('deletes nothing when other points would go than were shown', async () => {
    await using state = await world(pointsOf('nightly', 'db01', 3), [nightly]);
    const { plan } = await state.prune({ dryRun: true });
    state.catalog.savesets.setPin(pointsOf('nightly', 'db01', 1)[0]?.savesetId ?? '', {
      pinnedAt: 't',
      note: '',
    });
    assert.equal(await codeOfAsync(state.prune({ plan })), 'PRUNE_PLAN_CHANGED');
    assert.lengthOf([...sealedOn(state.storage)], 3);
  });

  it('keeps everything of a job without rules, and of one that is no more', async () => {
    await using state = await world(
      [...pointsOf('archive', 'db01', 2), ...pointsOf('deleted', 'app', 2)],
      [jobOf('archive')],
    );
    const view = await state.prune({ dryRun: true });
    assert.lengthOf(kept(view), 4);
    assert.include(view.points[0]?.reasons ?? [], 'job "archive" keeps everything');
    assert.match(view.points[2]?.reasons.join() ?? '', /job "deleted" was removed: .* named, with rules/);
    const ruled = await state.prune({ dryRun: true, policy: { last: 1 } });
    assert.deepEqual(kept(ruled), ['db01 02', 'app 02', 'app 01'], 'rules alone do not touch a removed job');
    assert.lengthOf(kept(await state.prune({ dryRun: true, jobs: ['deleted'] })), 2);
    const named = await state.prune({ dryRun: true, jobs: ['deleted'], policy: { last: 1 } });
    assert.deepEqual(kept(named), ['app 02']);
    assert.lengthOf(named.points, 2);
  });

  it('refuses a job that nothing is known of, and takes one without points', async () => {
    await using state = await world(pointsOf('nightly', 'db01', 1), [nightly, jobOf('new', { last: 1 })]);
    assert.equal(await codeOfAsync(state.prune({ jobs: ['nightlx'] })), 'USAGE_NOT_FOUND');
    assert.equal(await codeOfAsync(state.prune({ jobs: ['zzz'] })), 'USAGE_NOT_FOUND');
    assert.isEmpty((await state.prune({ jobs: ['new'] })).points);
    assert.equal(await codeOfAsync(state.prune({ devices: ['none'] })), 'USAGE_NOT_FOUND');
    assert.equal(await codeOfAsync(state.prune({ policy: { within: '3 months' } })), 'USAGE_INVALID');
  });

  it('looks only at the VMs that patterns name', async () => {
    const points = ['db01', 'app', 'web'].flatMap((vm) => pointsOf('nightly', vm, 3));
    await using state = await world(points, [nightly]);
    const view = await state.prune({ dryRun: true, vms: ['DB*', 'we?'] });
    assert.deepEqual([...new Set(view.points.map(({ vm }) => vm))], ['db01', 'web']);
  });

  it('tells VMs without an instance UUID apart', async () => {
    const unknown = (vm: string) => pointsOf('nightly', vm, 3, { vmUuid: '', vmMoref: `vm-${vm}` });
    await using state = await world([...unknown('db01'), ...unknown('app')], [nightly]);
    assert.deepEqual(kept(await state.prune({ dryRun: true })), ['app 03', 'app 02', 'db01 03', 'db01 02']);
  });

  it('leaves devices alone that are away, not named or not registered, with what their points need', async () => {
    const [one, two, three, four] = pointsOf('nightly', 'db01', 4) as [
      SavesetRecord,
      SavesetRecord,
      SavesetRecord,
      SavesetRecord,
    ];
    const chained = { ...two, type: 'incremental', baseId: one.savesetId, deviceId: TAPE1 } as const;
    await using state = await world([one, chained, three, four], [nightly]);
    const reasons = async (body: PruneBody) =>
      (await state.prune({ dryRun: true, ...body })).points.slice(2).map((each) => each.reasons.join());
    const needed = `needed by point ${two.savesetId}`;
    assert.deepEqual(await reasons({}), ['no rule keeps it', 'no rule keeps it']);
    assert.deepEqual(await reasons({ devices: ['tape0'] }), ['left: device "tape1" was not named', needed]);
    state.away.set(TAPE1, 'it is not mounted');
    assert.deepEqual(await reasons({}), ['left: device "tape1" is offline: it is not mounted', needed]);
    state.catalog.devices.forget(TAPE1);
    assert.deepEqual(await reasons({}), ['left: device "tape1" is not registered', needed]);
  });

  it('names points that stay although they were to go, and finishes them the next time', async () => {
    const points = pointsOf('nightly', 'db01', 4);
    await using state = await world(points, [nightly]);
    const error = () => new AppError('REPO_WRITE_FAILED', 'it is read-only');
    const faulty = new FaultyStorage(state.storage, { call: 'remove', after: 1, times: 1, error });
    const context = { ...state.context, devices: removerOn(faulty) };
    const done = await pruneService(context, state.reclaim)({}, new AbortController().signal);
    faulty.assertHit();
    assert.lengthOf(done.failures, 1);
    assert.deepInclude(done.failures[0], { vm: 'db01', reason: 'it is read-only' });
    assert.lengthOf(state.catalog.savesets.listRemoving(), 1);
    await state.prune({});
    assert.isEmpty(state.catalog.savesets.listRemoving());
    assert.lengthOf([...sealedOn(state.storage)], 2);
  });

  it('stops between two points when nobody waits any more', async () => {
    await using state = await world(pointsOf('nightly', 'db01', 5), [nightly]);
    const caller = new AbortController();
    const remove = state.context.devices.remove.bind(state.context.devices);
    const devices = {
      ...state.context.devices,
      remove: (...args: Parameters<typeof remove>) => {
        caller.abort(new AppError('CANCELLED', 'gone'));
        return remove(...args);
      },
    };
    const work = pruneService({ ...state.context, devices }, state.reclaim)({}, caller.signal);
    assert.equal(await codeOfAsync(work), 'CANCELLED');
    assert.lengthOf([...sealedOn(state.storage)], 4);
    assert.isEmpty(state.catalog.savesets.listRemoving());
  });

  it('lists ten thousand points at most, those that go before those that stay', async () => {
    const many = Array.from({ length: 10_050 }, (_, i) =>
      point(i.toString(16).padStart(16, '0'), {
        deviceId: TAPE0,
        createdAt: new Date(NOW - i * 60_000).toISOString(),
      }),
    );
    await using state = await world([], [jobOf('nightly', { last: 10_000 })]);
    state.catalog.transact(() => {
      for (const record of many) {
        state.catalog.savesets.insertUnsealed(record);
        state.catalog.savesets.setSealed(record, []);
      }
    });
    const view = await state.prune({ dryRun: true });
    assert.deepInclude(view.totals, { kept: 10_000, deleted: 50 });
    assert.lengthOf(view.points, 10_000);
    assert.equal(view.unlisted, 50);
    assert.lengthOf(
      view.points.filter(({ verdict }) => verdict === 'delete'),
      50,
    );
  });
});
