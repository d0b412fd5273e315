/**
 * Devices that do not answer. A call to a file system on a mount that hangs neither ends nor can be taken back, so what is
 * asked of a device only to tell how it is has a bound, and is asked once at a time: who asks meanwhile shares the question.
 */
import { type Clock } from '../../shared/base/clock.ts';
import { AppError, hasCode } from '../../shared/base/errors.ts';
import { type DeviceAccess } from '../../shared/contract/ipc.ts';
import { type DeviceStore } from './device-store.ts';

const ANSWER_MS = 5_000;

type Ask<T> = (device: DeviceAccess) => Promise<T>;

/** `store`, whose `whyOffline`, `freeBytes` and `encryption` answer within seconds: a device that is silent then counts as offline. */
export function patientStore(store: DeviceStore, clock: Clock): DeviceStore {
  const whyOffline = withinBound(clock, (device) => store.whyOffline(device));
  const freeBytes = withinBound(clock, (device) => store.freeBytes(device));
  const encryption = withinBound(clock, (device) => store.encryption(device));
  return {
    ...store,
    freeBytes,
    encryption,
    async whyOffline(device) {
      try {
        return await whyOffline(device);
      } catch (error) {
        if (!hasCode(error, 'DEVICE_OFFLINE')) throw error;
        return 'it does not answer';
      }
    },
  };
}

/** @throws AppError `DEVICE_OFFLINE` when no answer has come in time since the question was put */
function withinBound<T>(clock: Clock, ask: Ask<T>): Ask<T> {
  const underWay = new Map<string, { readonly answer: Promise<T>; readonly askedMs: number }>();
  const put = (key: string, device: DeviceAccess) => {
    const answer = ask(device).finally(() => underWay.delete(key));
    const question = { answer, askedMs: clock.monotonicMs() };
    underWay.set(key, question);
    return question;
  };
  return async (device) => {
    const key = `${device.deviceId}\n${device.path}`;
    const { answer, askedMs } = underWay.get(key) ?? put(key, device);
    const done = new AbortController();
    const bound = clock.sleep(Math.max(0, askedMs + ANSWER_MS - clock.monotonicMs()), done.signal);
    const late = bound.then(() => {
      const text = `Cannot use device "${device.name}": it does not answer`;
      throw new AppError('DEVICE_OFFLINE', text, { device: device.name });
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      done.abort();
    }
  };
}
