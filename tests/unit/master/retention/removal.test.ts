import { assert } from 'chai';
import { Catalog } from '../../../../master/catalog/catalog.ts';
import { type SavesetRecord } from '../../../../master/catalog/saveset-rows.ts';
import {
  type RemovalContext,
  dependentsFirst,
  finishRemovals,
  removePoint,
} from '../../../../master/retention/removal.ts';
import { systemClock } from '../../../../shared/base/clock.ts';
import { AppError, hasCode } from '../../../../shared/base/errors.ts';
import { silentLog } from '../../../../shared/base/log.ts';
import { noBytes } from '../../../../shared/domain/task.ts';
import { putPin } from '../../../../shared/repository/pins.ts';
import { type MemoryStorage } from '../../../../shared/repository/storage-memory.ts';
import { type FaultRule, FaultyStorage } from '../../../support/faulty-storage.ts';
import { deviceOf, removerOn, sealedOn } from '../../../support/point-device.ts';
import { point, storePoints } from '../../../support/points.ts';
import { onStorage } from '../../../support/open-devices.ts';
import { tempFolder } from '../../../support/temp.ts';

/** `on` is the number of the base. */
function numbered(number: number, on?: number): SavesetRecord {
  const id = (n: number): string => String(n).padStart(16, '0');
  const base = on === undefined ? {} : ({ type: 'incremental', baseId: id(on) } as const);
  return point(id(number), { createdAt: `2026-01-0${number}T00:00:00.000Z`, ...base });
}

/** A full with a fork: 3 and 4 build on 2. */
const points = [numbered(1), numbered(2, 1), numbered(3, 2), numbered(4, 2), numbered(5)];
const [full, , third, , lone] = points as [
  SavesetRecord,
  SavesetRecord,
  SavesetRecord,
  SavesetRecord,
  SavesetRecord,
];
const DEVICE = full.deviceId;

async function world(storage = deviceOf(points)) {
  const folder = await tempFolder();
  const catalog = Catalog.open(folder.path);
  storePoints(catalog, points);
  const base = { catalog, clock: systemClock, log: silentLog };
  return {
    catalog,
    storage,
    context: { ...base, devices: removerOn(storage) },
    with: (devices: RemovalContext['devices']): RemovalContext => ({ ...base, devices }),
    [Symbol.asyncDispose]: async () => {
      catalog[Symbol.dispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function assertWholeChains(storage: MemoryStorage, catalog: Catalog): void {
  const sealed = sealedOn(storage);
  for (const { savesetId, baseId } of points) {
    if (baseId === null) continue;
    if (sealed.has(savesetId)) assert.isTrue(sealed.has(baseId), `${savesetId} lost ${baseId} on the device`);
    if (catalog.savesets.point(savesetId)) assert.exists(catalog.savesets.point(baseId));
  }
}

async function removeAll(context: RemovalContext): Promise<void> {
  for (const one of dependentsFirst(points)) await removePoint(context, one).catch(() => undefined);
}

describe('removePoint', () => {
  it('takes the seal first, then the rest, and counts the point no more', async () => {
    await using state = await world();
    assert.isUndefined(await removePoint(state.context, lone));
    assert.equal(state.catalog.savesets.stateOf(lone.savesetId), 'gone');
    assert.isUndefined(state.catalog.savesets.point(lone.savesetId));
    assert.equal(state.catalog.savesets.countOnDevice(DEVICE), 4);
    assert.isEmpty([...state.storage.objects.keys()].filter((name) => name.includes(lone.savesetId)));
    assert.equal(await removePoint(state.context, lone), 'it is being deleted already');
  });

  it('leaves what another point builds on, also one that is being removed', async () => {
    await using state = await world();
    assert.equal(await removePoint(state.context, full), `needed by point ${points[1]?.savesetId}`);
    for (const { savesetId } of points.slice(1, 4)) state.catalog.savesets.setRemoving(savesetId);
    assert.equal(await removePoint(state.context, full), `needed by point ${points[1]?.savesetId}`);
    assert.isTrue(sealedOn(state.storage).has(full.savesetId));
  });

  it('leaves what was pinned, verified or taken by a run since it was decided', async () => {
    await using state = await world();
    const { catalog, context } = state;
    catalog.savesets.setPin(lone.savesetId, { pinnedAt: 't', note: '' });
    assert.equal(await removePoint(context, lone), 'it was pinned meanwhile');
    catalog.savesets.clearPin(lone.savesetId);
    catalog.savesets.setVerified(third.savesetId, 't');
    assert.equal(await removePoint(context, third), 'it was verified meanwhile');
    const run = { kind: 'verify', job: null, requestedType: null, startedAt: 't', streamSetting: 1 } as const;
    const runId = catalog.runs.insert({ ...run, warnings: [] });
    catalog.tasks.insert(runId, 'x', { kind: 'verify', savesetId: lone.savesetId });
    assert.equal(await removePoint(context, lone), `in use by run ${runId}`);
    assert.lengthOf([...sealedOn(state.storage)], points.length);
  });

  it('takes up a pin that only the device has', async () => {
    await using state = await world();
    await putPin(onStorage(state.storage), {
      savesetId: lone.savesetId,
      pinnedAt: '2026-01-01T00:00:00Z',
      note: 'audit',
    });
    assert.equal(await removePoint(state.context, lone), 'pinned');
    assert.deepEqual(state.catalog.savesets.pinOf(lone.savesetId), {
      pinnedAt: '2026-01-01T00:00:00Z',
      note: 'audit',
    });
    state.catalog.savesets.clearPin(lone.savesetId);
    state.storage.objects.set(`savesets/${lone.savesetId}/pin.json`, Buffer.from('damaged'));
    assert.equal(await removePoint(state.context, lone), 'pinned');
  });

  it('changes nothing when the device is not registered', async () => {
    await using state = await world();
    state.catalog.devices.forget(DEVICE);
    const error: unknown = await removePoint(state.context, lone).catch((caught: unknown) => caught);
    assert.isTrue(hasCode(error, 'DEVICE_OFFLINE'));
    assert.exists(state.catalog.savesets.point(lone.savesetId));
  });
});

describe('removals that a crash cuts short', () => {
  const failure = () => new AppError('REPO_WRITE_FAILED', 'the process died here');
  const broken: FaultRule[] = [{ call: 'remove', error: failure }];
  const calls = ['remove', 'removeFolder'] as const;
  const rules = calls.flatMap((call) =>
    [0, 1, 2, 3, 4].map((after): FaultRule => ({ call, after, error: failure })),
  );
  for (const rule of rules) {
    it(`leave whole chains, and are finished later (${rule.call} fails after ${rule.after} calls)`, async () => {
      await using state = await world();
      const faulty = new FaultyStorage(state.storage, rule);
      await removeAll(state.with(removerOn(faulty)));
      faulty.assertHit();
      assertWholeChains(state.storage, state.catalog);
      await finishRemovals(state.context);
      assertWholeChains(state.storage, state.catalog);
      assert.isEmpty(state.catalog.savesets.listRemoving());
      await removeAll(state.context);
      assert.isEmpty(state.storage.objects);
      assert.equal(state.catalog.savesets.countOnDevice(DEVICE), 0);
    });
  }

  it('are finished when the device was done and only the catalog was not', async () => {
    await using state = await world();
    const { catalog, context } = state;
    catalog.savesets.setRemoving(lone.savesetId);
    await context.devices.remove({ deviceId: DEVICE, name: '', path: '', key: null }, lone.savesetId);
    await finishRemovals(context);
    assert.equal(catalog.savesets.stateOf(lone.savesetId), 'gone');
  });

  it('wait for a device that is away, failing or no more registered', async () => {
    await using state = await world();
    const { catalog } = state;
    for (const { savesetId } of points.slice(1, 4)) catalog.savesets.setRemoving(savesetId);
    await finishRemovals(state.with(removerOn(state.storage, () => 'it is not mounted')));
    await finishRemovals(state.with(removerOn(new FaultyStorage(state.storage, ...broken))));
    catalog.devices.forget(DEVICE);
    await finishRemovals(state.context);
    assert.lengthOf(catalog.savesets.listRemoving(), 3);
    assert.lengthOf([...sealedOn(state.storage)], points.length);
    storePoints(catalog, [lone]);
    await finishRemovals(state.context);
    assert.isEmpty(catalog.savesets.listRemoving());
    assert.sameMembers([...sealedOn(state.storage)], [full.savesetId, lone.savesetId]);
  });
});

describe('dependentsFirst', () => {
  it('puts no saveset before one that builds on it', () => {
    const order = dependentsFirst(points).map(({ savesetId }) => Number(savesetId));
    assert.sameMembers(order, [1, 2, 3, 4, 5]);
    assert.isBelow(order.indexOf(2), order.indexOf(1));
    assert.isBelow(Math.max(order.indexOf(3), order.indexOf(4)), order.indexOf(2));
  });

  it('leaves out savesets that name each other', () => {
    const ring = [
      { savesetId: 'a', baseId: 'b' },
      { savesetId: 'b', baseId: 'a' },
    ];
    assert.isEmpty(dependentsFirst(ring));
  });
});

describe('finishRemovals beside readers', () => {
  it('leaves a point that was replaced, and what it builds on, to those who began to read it before', async () => {
    await using state = await world();
    const { catalog, context, storage } = state;
    const [base, replaced, reader] = points as [SavesetRecord, SavesetRecord, SavesetRecord];
    const run = { kind: 'verify', job: null, requestedType: null, startedAt: 't', streamSetting: 1 } as const;
    const runId = catalog.runs.insert({ ...run, warnings: [] });
    const { savesetId } = reader;
    const place = { deviceId: DEVICE, group: savesetId };
    const taskId = catalog.tasks.insert(runId, 'db01', { kind: 'verify', savesetId, place });
    catalog.transact(() => {
      catalog.savesets.replace(replaced.savesetId, lone.savesetId);
      catalog.savesets.setRemoving(replaced.savesetId);
    });
    await finishRemovals(context);
    assert.isTrue(sealedOn(storage).has(replaced.savesetId), 'it is read');
    assert.equal(await removePoint(context, base), `needed by point ${replaced.savesetId}`);
    const ended = { counters: noBytes, phases: {}, error: null, warnings: [], finishedAt: 't' } as const;
    catalog.tasks.end(taskId, { ...ended, outcome: 'ok' });
    await finishRemovals(context);
    assert.isFalse(sealedOn(storage).has(replaced.savesetId));
    assert.isUndefined(await removePoint(context, base));
  });
});
