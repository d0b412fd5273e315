/**
 * The restore point that an increment builds on, as far as a disk needs it: its manifest, and per disk what the chain does
 * not hold (the `free` ranges of its index). A base that cannot be read is no failure: every disk is then read as a whole.
 */
import { type ChainLink } from '../../shared/contract/ipc.ts';
import { toAppError } from '../../shared/base/errors.ts';
import { type ExtentSet } from '../../shared/domain/extent.ts';
import { select } from '../../shared/domain/extent-map.ts';
import { type Manifest, type ManifestDisk } from '../../shared/format/manifest.ts';
import { openDevice } from '../../shared/repository/device.ts';
import { readDiskIndex, readSealedManifest } from '../../shared/repository/saveset-store.ts';
import { openLocalStorage } from '../../shared/repository/storage-local.ts';
import { type OpenStream } from '../task-context.ts';

export interface BasePoint {
  readonly savesetId: string;
  readonly deviceId: string;
  readonly manifest: Manifest;
  /** What the chain does not hold of this disk. @throws AppError when the index is missing or damaged */
  droppedOf(disk: ManifestDisk): Promise<ExtentSet>;
}

/** The base, or why there is none. */
export type BaseLookup =
  | { readonly base: BasePoint; readonly reason: null }
  | { readonly base: null; readonly reason: string | null };

export async function openBase(
  link: ChainLink | null,
  reason: string | null,
  stream: OpenStream,
): Promise<BaseLookup> {
  if (link === null) return { base: null, reason };
  const { savesetId, device } = link;
  try {
    const storage =
      device.deviceId === stream.access.deviceId ? stream.storage : openLocalStorage(device.path);
    await openDevice(storage, device.deviceId);
    const manifest = await readSealedManifest(storage, savesetId);
    return {
      reason: null,
      base: {
        savesetId,
        deviceId: device.deviceId,
        manifest,
        droppedOf: async (disk) => select(await readDiskIndex(storage, savesetId, disk), 'free'),
      },
    };
  } catch (error) {
    return { base: null, reason: `the base ${savesetId} cannot be read: ${toAppError(error).message}` };
  }
}
