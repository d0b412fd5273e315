import { assert } from 'chai';
import { DeviceKeys } from '../../../../master/device-keys.ts';
import { noSecrets } from '../../../support/no-secrets.ts';
import { type DeviceStore, deviceStore } from '../../../../master/adapters/device-store.ts';
import { patientStore } from '../../../../master/adapters/patient-store.ts';
import { type Deferred, deferred } from '../../../../shared/base/async.ts';
import { type Clock, systemClock } from '../../../../shared/base/clock.ts';
import { AppError } from '../../../../shared/base/errors.ts';
import { rejectsCode } from '../../vsphere/throws-code.ts';

const device = { deviceId: 'a'.repeat(32), name: 'tape0', path: '/mnt/tape0', key: null };
const other = { ...device, deviceId: 'b'.repeat(32), name: 'tape1' };

describe('patientStore', () => {
  let nowMs: number;
  let sleepers: { readonly atMs: number; readonly wake: () => void }[];
  let questions: Deferred<string | undefined>[];
  let store: DeviceStore;

  const clock: Clock = {
    ...systemClock,
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        sleepers.push({ atMs: nowMs + ms, wake: resolve });
        signal?.addEventListener('abort', () => reject(new Error('awake')));
      }),
  };
  beforeEach(() => {
    nowMs = 1_000;
    sleepers = [];
    questions = [];
    const hanging: DeviceStore = {
      ...deviceStore(clock, new DeviceKeys(noSecrets, clock)),
      whyOffline: () => {
        const question = deferred<string | undefined>();
        questions.push(question);
        return question.promise;
      },
      freeBytes: ({ name }) => (name === 'tape1' ? Promise.resolve(7) : new Promise(() => undefined)),
    };
    store = patientStore(hanging, clock);
  });

  function pass(ms: number): void {
    nowMs += ms;
    for (const { atMs, wake } of sleepers) if (atMs <= nowMs) wake();
  }

  it('gives the answer of the device', async () => {
    const [here, away] = [store.whyOffline(device), store.whyOffline(other)];
    questions[0]?.resolve(undefined);
    questions[1]?.resolve('it is not mounted');
    assert.isUndefined(await here);
    assert.equal(await away, 'it is not mounted');
  });

  it('says after five seconds that the device does not answer', async () => {
    const answer = store.whyOffline(device);
    pass(4_999);
    pass(1);
    assert.equal(await answer, 'it does not answer');
  });

  it('asks a device that hangs only once, and who comes later waits the rest of the time', async () => {
    const first = store.whyOffline(device);
    pass(3_000);
    const second = store.whyOffline(device);
    pass(2_000);
    assert.deepEqual([await first, await second], ['it does not answer', 'it does not answer']);
    const third = store.whyOffline(device);
    pass(0);
    assert.equal(await third, 'it does not answer');
    assert.lengthOf(questions, 1);
  });

  it('asks again when a late answer has come', async () => {
    const first = store.whyOffline(device);
    pass(5_000);
    await first;
    questions[0]?.resolve(undefined);
    await questions[0]?.promise;
    const second = store.whyOffline(device);
    questions[1]?.resolve('it is another device');
    assert.equal(await second, 'it is another device');
  });

  it('asks again when a question failed, and passes the failure on', async () => {
    const first = store.whyOffline(device);
    questions[0]?.reject(new AppError('REPO_READ_FAILED', 'Cannot read'));
    await rejectsCode('REPO_READ_FAILED', first);
    void store.whyOffline(device);
    assert.lengthOf(questions, 2);
  });

  it('bounds the look at the free space in the same way', async () => {
    assert.equal(await store.freeBytes(other), 7);
    const answer = store.freeBytes(device);
    pass(5_000);
    const error = await rejectsCode('DEVICE_OFFLINE', answer);
    assert.equal(error.message, 'Cannot use device "tape0": it does not answer');
  });
});
