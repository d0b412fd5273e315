import { assert } from 'chai';
import { Catalog } from '../../../../master/catalog/catalog.ts';
import { pinPoint, unpinPoint } from '../../../../master/service/point-pins.ts';
import { systemClock } from '../../../../shared/base/clock.ts';
import { AppError } from '../../../../shared/base/errors.ts';
import { putPin, readPin, removePin } from '../../../../shared/repository/pins.ts';
import { removeSaveset } from '../../../../shared/repository/saveset-store.ts';
import { FaultyStorage } from '../../../support/faulty-storage.ts';
import { deviceOf } from '../../../support/point-device.ts';
import { point, storePoints } from '../../../support/points.ts';
import { tempFolder } from '../../../support/temp.ts';
import { onStorage } from '../../../support/open-devices.ts';
import { codeOfAsync } from '../../format/codes.ts';

const one = point('aaaa000000000001');
const ID = one.savesetId;

async function world() {
  const folder = await tempFolder();
  const catalog = Catalog.open(folder.path);
  storePoints(catalog, [one]);
  const storage = deviceOf([one]);
  const devices = {
    putPin: (_device: object, pin: Parameters<typeof putPin>[1]) => putPin(onStorage(storage), pin),
    removePin: (_device: object, savesetId: string) => removePin(storage, savesetId),
    remove: (_device: object, savesetId: string) => removeSaveset(storage, savesetId),
  };
  return {
    catalog,
    storage,
    context: { catalog, devices, clock: systemClock },
    [Symbol.asyncDispose]: async () => {
      catalog[Symbol.dispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe('pinPoint', () => {
  it('writes to the device and the catalog, and replaces a pin', async () => {
    await using state = await world();
    await pinPoint(state.context, one, 'first');
    await pinPoint(state.context, one, 'second');
    assert.equal((await readPin(onStorage(state.storage), ID))?.note, 'second');
    assert.equal(state.catalog.savesets.pinOf(ID)?.note, 'second');
    await unpinPoint(state.context, one);
    assert.isUndefined(await readPin(onStorage(state.storage), ID));
    assert.isNull(state.catalog.savesets.pinOf(ID));
  });

  it('leaves the catalog as it is when the device fails', async () => {
    await using state = await world();
    const broken = new FaultyStorage(state.storage, {
      call: 'put',
      error: () => new AppError('DEVICE_FULL', 'no space'),
    });
    const devices = {
      ...state.context.devices,
      putPin: (_device: object, pin: Parameters<typeof putPin>[1]) => putPin(onStorage(broken), pin),
    };
    assert.equal(await codeOfAsync(pinPoint({ ...state.context, devices }, one, '')), 'DEVICE_FULL');
    assert.isNull(state.catalog.savesets.pinOf(ID));
  });

  it('leaves nothing behind when the point is deleted meanwhile', async () => {
    await using state = await world();
    const { catalog, storage, context } = state;
    const devices = {
      ...context.devices,
      putPin: async (_device: object, pin: Parameters<typeof putPin>[1]) => {
        catalog.savesets.setRemoving(ID);
        await removeSaveset(storage, ID);
        await putPin(onStorage(storage), pin);
      },
    };
    assert.equal(await codeOfAsync(pinPoint({ ...context, devices }, one, '')), 'USAGE_NOT_FOUND');
    assert.isEmpty([...storage.objects.keys()]);
  });

  it('needs a device that is registered', async () => {
    await using state = await world();
    state.catalog.devices.forget(one.deviceId);
    assert.equal(await codeOfAsync(pinPoint(state.context, one, '')), 'DEVICE_OFFLINE');
    assert.equal(await codeOfAsync(unpinPoint(state.context, one)), 'DEVICE_OFFLINE');
  });
});
