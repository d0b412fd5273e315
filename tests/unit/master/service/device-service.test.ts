import { assert } from 'chai';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { type DeviceService } from '../../../../master/services.ts';
import { type Harness, eventually, harness } from '../../../support/app-harness.ts';
import { rejectsCode } from '../../vsphere/throws-code.ts';

describe('deviceService', function () {
  this.timeout(20_000);
  let service: Harness;
  let devices: DeviceService;

  beforeEach(async () => {
    service = await harness([{ name: 'tape0', streams: 1 }]);
    service.vms = ['gate-a'];
    devices = service.app.services.devices;
  });
  afterEach(() => service[Symbol.asyncDispose]());

  const place = (name: string): string => `${service.folder}/${name}`;

  it('tells that a device is there, and how much is free', async () => {
    const [device] = await devices.list();
    assert.deepInclude(device, { name: 'tape0', online: true, offlineReason: null });
    assert.isAbove(device?.freeBytes ?? 0, 0);
  });

  it('tells why a device is not there', async () => {
    await rename(place('tape0'), place('elsewhere'));
    const device = await devices.show('tape0');
    assert.deepInclude(device, { online: false, freeBytes: null });
    assert.isString(device.offlineReason);
    await rename(place('elsewhere'), place('tape0'));
  });

  it('refuses a name that is taken, a path that is not absolute, and a device under a second name', async () => {
    await mkdir(place('new'));
    await rejectsCode('USAGE_CONFLICT', devices.add({ name: 'tape0', path: place('new'), streams: 1 }));
    await rejectsCode('USAGE_INVALID', devices.add({ name: 'tape1', path: 'tape1', streams: 1 }));
    const error = await rejectsCode(
      'USAGE_CONFLICT',
      devices.add({ name: 'tape1', path: place('tape0'), streams: 1 }),
    );
    assert.include(error.message, 'it is "tape0" already');
  });

  it('refuses a folder that holds other things, and a device that is unknown', async () => {
    await mkdir(place('photos'));
    await writeFile(`${place('photos')}/cat.jpg`, 'meow');
    await rejectsCode('USAGE_CONFLICT', devices.add({ name: 'photos', path: place('photos'), streams: 1 }));
    await rejectsCode('USAGE_NOT_FOUND', devices.show('tape9'));
  });

  it('keeps a device that a job names, or that a run uses', async () => {
    await service.job('nightly', {});
    assert.include((await rejectsCode('USAGE_CONFLICT', devices.remove('tape0'))).message, 'job "nightly"');
    const runId = await service.run('nightly');
    await service.until(runId, (run) => run.streams.inUse === 1);
    await mkdir(place('tape1'));
    await devices.add({ name: 'tape1', path: place('tape1'), streams: 1 });
    await service.app.services.jobs.edit('nightly', { devices: ['tape1'] });
    await rejectsCode('DEVICE_IN_USE', devices.remove('tape0'));

    await service.app.services.runs.cancel(runId);
    await service.done(runId);
    await eventually(async () => (await devices.show('tape0')).streamsInUse === 0);
    await devices.remove('tape0');
    assert.deepEqual(
      (await devices.list()).map(({ name }) => name),
      ['tape1'],
    );
  });
});
