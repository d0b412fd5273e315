/** One stream of a device, open: storage, threads, and what the device already holds. */
import path from 'node:path';
import { type Log } from '../shared/base/log.ts';
import { type DeviceAccess } from '../shared/contract/ipc.ts';
import { ChunkLookup } from '../shared/repository/chunk-lookup.ts';
import { openLocalDevice, openLocalLocked } from './open-local-device.ts';
import { CodePool } from './pipeline/thread-pool.ts';
import { type OpenStream } from './task-context.ts';
import { ProvenRecords } from './verify/proven-records.ts';

export interface StreamOptions {
  readonly threads: number;
  /** Where the lookups of devices are remembered; without it they are read from the devices alone. */
  readonly cacheFolder?: string | undefined;
  /** Open an encrypted device without its key, too: what is encrypted cannot be read then. */
  readonly mayBeLocked?: boolean | undefined;
  readonly log: Log;
}

/** @throws AppError `REPO_NOT_A_DEVICE`, `REPO_WRONG_DEVICE`, `REPO_DEVICE_LOCKED`, `FORMAT_VERSION_UNKNOWN` */
export async function openStream(
  access: DeviceAccess,
  { threads, cacheFolder, mayBeLocked = false, log }: StreamOptions,
): Promise<OpenStream & AsyncDisposable> {
  const device = await (mayBeLocked && access.key === null
    ? openLocalLocked(access)
    : openLocalDevice(access));
  const { deviceId, gridBytes } = device.header;
  const pool = new CodePool({ threads, gridBytes, cipher: device.cipher });
  const cacheOf = (id: string) =>
    cacheFolder === undefined ? undefined : { file: lookupCacheFile(cacheFolder, id), deviceId: id };
  const cache = cacheOf(deviceId);
  let lookup: ChunkLookup | undefined;
  return {
    ...device,
    access,
    pool,
    proven: new ProvenRecords(),
    async lookup(signal) {
      lookup ??= await ChunkLookup.open(device, { signal, cache, log });
      return lookup;
    },
    async lookupElsewhere(other, signal) {
      const found = await ChunkLookup.open(other, { signal, cache: cacheOf(other.header.deviceId), log });
      // it is only asked from here on, so nothing is new in it later
      await found.save();
      return found;
    },
    forgetLookup() {
      lookup = undefined;
    },
    async [Symbol.asyncDispose]() {
      await lookup?.save();
      await pool[Symbol.asyncDispose]();
    },
  };
}

function lookupCacheFile(folder: string, deviceId: string): string {
  return path.join(folder, `lookup-${deviceId}.bin`);
}
