import { assert } from 'chai';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { deviceStore } from '../../../../master/adapters/device-store.ts';
import { Catalog } from '../../../../master/catalog/catalog.ts';
import { DeviceKeys } from '../../../../master/device-keys.ts';
import { rebuildCatalog } from '../../../../master/service/rebuild.ts';
import { systemClock } from '../../../../shared/base/clock.ts';
import { silentLog } from '../../../../shared/base/log.ts';
import { type RebuildView } from '../../../../shared/contract/rebuild.ts';
import { type Manifest } from '../../../../shared/format/manifest.ts';
import { type OpenDevice, createDevice } from '../../../../shared/repository/device.ts';
import { putPin } from '../../../../shared/repository/pins.ts';
import { putManifest, seal } from '../../../../shared/repository/saveset-store.ts';
import { openLocalStorage } from '../../../../shared/repository/storage-local.ts';
import { noSecrets } from '../../../support/no-secrets.ts';
import { tempFolder } from '../../../support/temp.ts';
import { aManifest } from '../../format/samples.ts';

const idOf = (no: number): string => no.toString(16).padStart(16, '0');
const job = {
  name: 'nightly',
  server: 'vc1',
  vmPatterns: ['*'],
  devices: ['tape0', 'tape1'],
};

async function world() {
  const folder = await tempFolder();
  const path = folder.file('tape0');
  const device = await createDevice(openLocalStorage(path), { clock: systemClock });
  const catalog = Catalog.open(folder.path);
  const { deviceId } = device.header;
  catalog.devices.register({ deviceId, name: 'tape0', path, streams: 1 });
  const devices = deviceStore(systemClock, new DeviceKeys(noSecrets, systemClock));
  const context = { catalog, devices, clock: systemClock, log: silentLog };
  return {
    catalog,
    device,
    path,
    rebuild: (dryRun = false, withJobs = true): Promise<RebuildView> =>
      rebuildCatalog(context, catalog.devices.list(), { dryRun, withJobs }, new AbortController().signal),
    [Symbol.asyncDispose]: async () => {
      catalog[Symbol.dispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** A sealed point without disks, on `baseNo` when it is given. */
async function addPoint(
  device: OpenDevice,
  no: number,
  baseNo?: number,
  changes: Partial<Manifest> = {},
): Promise<void> {
  const { deviceId } = device.header;
  const base = baseNo === undefined ? null : { savesetId: idOf(baseNo), deviceId };
  const type = base === null ? 'full' : 'incremental';
  const createdAt = `2026-01-${String(no).padStart(2, '0')}T00:00:00.000Z`;
  const manifest = aManifest({
    savesetId: idOf(no),
    deviceId,
    base,
    type,
    createdAt,
    disks: [],
    job,
    ...changes,
  });
  await putManifest(device, manifest);
  await seal(device, idOf(no), { token: manifest.token, sealedAt: createdAt });
}

describe('rebuildCatalog', () => {
  it('takes up points, pins and the newest definition of a job', async () => {
    await using state = await world();
    await addPoint(state.device, 1);
    await addPoint(state.device, 2, 1, { job: { ...job, maxParallelStreams: 4 }, runId: 41, token: 99 });
    await putPin(state.device, { savesetId: idOf(1), pinnedAt: '2026-02-01T00:00:00.000Z', note: 'gold' });
    const dry = await state.rebuild(true);
    assert.deepInclude(dry.devices[0], { points: 2, added: 2, pins: 1 });
    assert.isUndefined(state.catalog.savesets.point(idOf(1)));
    const view = await state.rebuild();
    assert.deepEqual(view.jobs, [
      {
        job: 'nightly',
        state: 'restored',
        notes: [
          'add server "vc1" with "server add"',
          'it names device "tape1", which is not here: "device add" it, or "job edit nightly --device …" names others',
        ],
      },
    ]);
    assert.equal(state.catalog.jobs.get('nightly')?.maxParallelStreams, 4);
    assert.equal(state.catalog.savesets.point(idOf(2))?.baseId, idOf(1));
    assert.equal(state.catalog.savesets.pinOf(idOf(1))?.note, 'gold');
    const run = { kind: 'verify', job: null, requestedType: null, startedAt: 't', streamSetting: 1 } as const;
    assert.isAbove(state.catalog.runs.insert({ ...run, warnings: [] }), 41);
    assert.deepInclude((await state.rebuild()).devices[0], { points: 2, added: 0 });
  });

  it('says of a job that its device has another name here, whether the job is restored or known', async () => {
    await using state = await world();
    await addPoint(state.device, 1, undefined, { job: { ...job, devices: ['old'] } });
    const note =
      'it names device "old", which is not here; its points are on "tape0": "job edit nightly --device tape0"';
    const served = { job: 'nightly', notes: ['add server "vc1" with "server add"', note] };
    assert.deepEqual((await state.rebuild()).jobs, [{ ...served, state: 'restored' }]);
    assert.deepEqual((await state.rebuild()).jobs, [{ ...served, state: 'known' }]);
  });

  it('tells of jobs that it leaves on the device', async () => {
    await using state = await world();
    await addPoint(state.device, 1);
    const { jobs, devices } = await state.rebuild(false, false);
    assert.deepEqual(jobs, [{ job: 'nightly', state: 'left', notes: [] }]);
    assert.deepInclude(devices[0], { points: 1, chains: 1 });
    assert.isUndefined(state.catalog.jobs.get('nightly'));
  });

  it('keeps a point as pinned whose pin cannot be read', async () => {
    await using state = await world();
    await addPoint(state.device, 1);
    await addPoint(state.device, 2);
    // reading a folder fails as a bad sector would
    await mkdir(`${state.path}/savesets/${idOf(1)}/pin.json`);
    await writeFile(`${state.path}/savesets/${idOf(2)}/pin.json`, '{');
    const [device] = (await state.rebuild()).devices;
    assert.deepInclude(device, { points: 2, pins: 2, damaged: 0 });
    const warnings = [1, 2].map((no) => `the pin of point ${idOf(no)} cannot be read: it stays pinned`);
    assert.sameMembers([...device!.warnings], warnings);
    for (const no of [1, 2]) assert.equal(state.catalog.savesets.pinOf(idOf(no))?.note, '');
  });

  it('removes a point whose replacement is sealed, and moves what builds on it', async () => {
    await using state = await world();
    await addPoint(state.device, 1);
    await addPoint(state.device, 2, 1);
    await addPoint(state.device, 3, 2);
    await addPoint(state.device, 9, undefined, {
      standsFor: [idOf(2)],
      createdAt: '2026-01-02T00:00:00.000Z',
    });
    assert.equal((await state.rebuild(true)).broken, 0);
    assert.isTrue(await state.device.storage.exists(`savesets/${idOf(2)}/seal.json`));
    const view = await state.rebuild();
    assert.equal(view.devices[0]?.replaced, 1);
    assert.equal(view.broken, 0);
    assert.equal(state.catalog.savesets.point(idOf(3))?.baseId, idOf(9));
    assert.equal(state.catalog.savesets.stateOf(idOf(2)), 'gone');
    assert.isFalse(await state.device.storage.exists(`savesets/${idOf(2)}/manifest.json`));
    await addPoint(state.device, 4, 2);
    await state.rebuild();
    assert.equal(state.catalog.savesets.point(idOf(4))?.baseId, idOf(9), 'a base that was replaced before');
  });

  it('names what is damaged, of another device, broken or of no use, and takes up the rest', async () => {
    await using state = await world();
    await addPoint(state.device, 1);
    await addPoint(state.device, 2, 1, { jobName: 'odd', job: { name: 'odd' } });
    await addPoint(state.device, 3, undefined, { deviceId: 'e'.repeat(32) });
    await writeFile(`${state.path}/savesets/${idOf(1)}/manifest.json`, 'no manifest');
    const view = await state.rebuild();
    const damaged = view.devices[0]?.damagedPoints.map(({ savesetId }) => savesetId) ?? [];
    assert.sameMembers(damaged, [idOf(1), idOf(3)]);
    assert.deepEqual(view.brokenPoints, [{ savesetId: idOf(2), vm: 'db01', missing: idOf(1) }]);
    assert.deepInclude(view.jobs[0], { job: 'odd', state: 'unusable' });
  });

  it('forgets what is gone, and says of a device that it is away', async () => {
    await using state = await world();
    await addPoint(state.device, 1);
    await addPoint(state.device, 2, 1);
    await state.rebuild();
    await rm(`${state.path}/savesets/${idOf(2)}`, { recursive: true });
    assert.equal((await state.rebuild(true)).devices[0]?.forgotten, 1);
    assert.equal((await state.rebuild()).devices[0]?.forgotten, 1);
    assert.isUndefined(state.catalog.savesets.point(idOf(2)));
    await rm(state.path, { recursive: true });
    const [away] = (await state.rebuild()).devices;
    assert.isString(away?.offlineReason);
    assert.isDefined(state.catalog.savesets.point(idOf(1)));
  });
});
