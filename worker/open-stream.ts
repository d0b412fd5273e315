/** One stream of a device, open: storage, threads, and what the device already holds. */
import { type DeviceAccess } from '../shared/contract/ipc.ts';
import { ChunkLookup } from '../shared/repository/chunk-lookup.ts';
import { openDevice } from '../shared/repository/device.ts';
import { openLocalStorage } from '../shared/repository/storage-local.ts';
import { CodePool } from './pipeline/thread-pool.ts';
import { type OpenStream } from './task-context.ts';

/** @throws AppError `REPO_NOT_A_DEVICE`, `REPO_WRONG_DEVICE`, `FORMAT_VERSION_UNKNOWN` */
export async function openStream(
  access: DeviceAccess,
  threads: number,
): Promise<OpenStream & AsyncDisposable> {
  const storage = openLocalStorage(access.path);
  const header = await openDevice(storage, access.deviceId);
  const pool = new CodePool({ threads, gridBytes: header.gridBytes });
  let lookup: ChunkLookup | undefined;
  return {
    access,
    header,
    storage,
    pool,
    async lookup(signal) {
      lookup ??= await ChunkLookup.open(storage, signal);
      return lookup;
    },
    forgetLookup() {
      lookup = undefined;
    },
    async [Symbol.asyncDispose]() {
      await pool[Symbol.asyncDispose]();
    },
  };
}
