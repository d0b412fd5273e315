import { assert } from 'chai';
import { mkdir, rm } from 'node:fs/promises';
import { deviceStore } from '../../../../master/adapters/device-store.ts';
import { disksOfManifest, pointOfManifest } from '../../../../master/adapters/point-of-manifest.ts';
import { Catalog } from '../../../../master/catalog/catalog.ts';
import { planRestore } from '../../../../master/restore/restore-plan.ts';
import { systemClock } from '../../../../shared/base/clock.ts';
import { MiB } from '../../../../shared/base/units.ts';
import { noBytes } from '../../../../shared/domain/task.ts';
import { DiskIndexBuilder } from '../../../../shared/format/disk-index-builder.ts';
import { type Manifest, type StoredFile } from '../../../../shared/format/manifest.ts';
import { DeviceKeys } from '../../../../master/device-keys.ts';
import { noSecrets } from '../../../support/no-secrets.ts';
import { openDevice } from '../../../../shared/repository/device.ts';
import { putDiskIndex, putManifest, seal } from '../../../../shared/repository/saveset-store.ts';
import { openLocalStorage } from '../../../../shared/repository/storage-local.ts';
import { tempFolder } from '../../../support/temp.ts';

const SAVESET = 'a'.repeat(16);

/** A device with one sealed point: a disk of two MiB, the first stored as a chunk of 1000 bytes, the second zeros. */
async function onePoint() {
  const folder = await tempFolder();
  await mkdir(folder.file('tape0'));
  const devices = deviceStore(systemClock, new DeviceKeys(noSecrets, systemClock));
  const path = folder.file('tape0');
  const deviceId = await devices.prepare(path);
  const device = await openDevice(openLocalStorage(path));
  const builder = new DiskIndexBuilder(2 * MiB, MiB);
  const packId = 'b'.repeat(32);
  builder.add({ start: 0, plainLength: MiB, id: new Uint8Array(32), packId, offset: 64, storedLength: 1000 });
  const index = builder.finish([
    { kind: 'data', start: 0, length: MiB },
    { kind: 'zero', start: MiB, length: MiB },
  ]);
  const place = { diskKey: 2000, layer: 0, segment: 0 };
  const stored = await putDiskIndex(device, SAVESET, place, index);
  const manifest = manifestOf(deviceId, stored);
  const { sha256 } = await putManifest(device, manifest);
  await seal(device, SAVESET, { token: 1, sealedAt: manifest.finishedAt });
  const catalog = Catalog.open(folder.path);
  catalog.devices.register({ deviceId, name: 'tape0', path, streams: 1 });
  const point = pointOfManifest(manifest, sha256);
  catalog.savesets.insertUnsealed(point);
  catalog.savesets.setSealed(point, disksOfManifest(manifest));
  const close = async (): Promise<void> => {
    catalog[Symbol.dispose]();
    await folder[Symbol.asyncDispose]();
  };
  return { catalog, devices, point, path, [Symbol.asyncDispose]: close };
}

function manifestOf(deviceId: string, index: StoredFile): Manifest {
  const at = '2026-01-01T00:00:00.000Z';
  const ids = { runId: 1, taskId: 1, attempt: 1, token: 1 };
  const disk = {
    key: 2000,
    label: 'Hard disk 1',
    uuid: 'u',
    fileName: '[ds] a/a.vmdk',
    thin: true,
    mode: 'persistent',
  };
  const of = { changeId: null, type: 'full', base: null, fallback: null, transport: 'file' } as const;
  const vm = {
    name: 'db01',
    moref: 'vm-1',
    instanceUuid: 'i',
    biosUuid: 'b',
    inventoryPath: '/db01',
    server: 'vc',
  };
  return {
    format: 'blockhouse-manifest',
    version: 1,
    producer: { product: 'test', version: '0' },
    savesetId: SAVESET,
    deviceId,
    ...ids,
    jobName: 'nightly',
    type: 'full',
    base: null,
    createdAt: at,
    finishedAt: at,
    vm: { ...vm, guestId: '', hardwareVersion: 'vmx-19', powerState: 'poweredOn' },
    consistency: { asked: 'crash', reached: 'crash', reason: null },
    job: null,
    standsFor: [],
    disks: [
      {
        ...disk,
        ...of,
        capacityBytes: 2 * MiB,
        filter: { state: 'off', volumes: [] },
        freeBytes: 0,
        layers: [{ segments: [index] }],
        packs: 1,
        chunks: 1,
        counters: noBytes,
      },
    ],
    leftOutDisks: [],
    files: [],
    packsWritten: [],
    warnings: [],
    counters: noBytes,
    phases: {},
  };
}

describe('planRestore', () => {
  it('says what is read and written, from manifest and index alone', async () => {
    await using state = await onePoint();
    const plan = await planRestore(state, state.point, 'hard disk 1');
    assert.isTrue(plan.possible);
    assert.deepEqual(plan.totals, { packs: 1, readBytes: 1000, writeBytes: MiB });
    assert.deepInclude(plan.disks[0], { key: 2000, savesets: 1, zeroBytes: MiB, freeBytes: 0 });
    assert.deepInclude(plan.chain[0], { savesetId: SAVESET, online: true, writeBytes: MiB });
  });

  it('names the device that is away', async () => {
    await using state = await onePoint();
    await rm(state.path, { recursive: true });
    const plan = await planRestore(state, state.point, undefined);
    assert.isFalse(plan.possible);
    assert.match(plan.obstacles[0] ?? '', /^device "tape0": /);
    assert.isEmpty(plan.disks);
  });

  it('names a saveset that the chain misses, and an index that is gone', async () => {
    await using state = await onePoint();
    const broken = await planRestore(state, { ...state.point, baseId: 'f'.repeat(16) }, undefined);
    assert.deepEqual(broken.obstacles, [`saveset ${'f'.repeat(16)} of the chain is not there`]);
    await rm(`${state.path}/savesets/${SAVESET}/disk-2000.0.0.index`);
    const gone = await planRestore(state, state.point, undefined);
    assert.isFalse(gone.possible);
    assert.lengthOf(gone.obstacles, 1);
  });
});
