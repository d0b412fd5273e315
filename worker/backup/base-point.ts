/**
 * The restore point that an increment builds on, as far as a disk needs it: its manifest, and per disk what the chain does
 * not hold (the `free` ranges of its indexes). A base that cannot be read is no failure: every disk is then read as a whole.
 */
import { type ChainLink } from '../../shared/contract/ipc.ts';
import { toAppError } from '../../shared/base/errors.ts';
import { type ExtentSet } from '../../shared/domain/extent.ts';
import { type Manifest, type ManifestDisk } from '../../shared/format/manifest.ts';
import { readSealedManifest } from '../../shared/repository/saveset-store.ts';
import { checkSegments, readDropped } from '../../shared/repository/segment-maps.ts';
import { openLocalDevice } from '../open-local-device.ts';
import { type OpenStream } from '../task-context.ts';

export interface BasePoint {
  readonly savesetId: string;
  readonly deviceId: string;
  readonly manifest: Manifest;
  /**
   * What the chain does not hold of this disk.
   * @throws AppError when an index is missing or damaged, or the devices describe the disk in different segments
   */
  droppedOf(disk: ManifestDisk, signal: AbortSignal): Promise<ExtentSet>;
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
    const open = device.deviceId === stream.access.deviceId ? stream : await openLocalDevice(device);
    const manifest = await readSealedManifest(open, savesetId);
    return {
      reason: null,
      base: {
        savesetId,
        deviceId: device.deviceId,
        manifest,
        async droppedOf(disk, signal) {
          const place = { device: open, savesetId };
          checkSegments(place, disk.capacityBytes, stream.header.segmentBytes);
          return readDropped(place, disk, signal);
        },
      },
    };
  } catch (error) {
    return { base: null, reason: `the base ${savesetId} cannot be read: ${toAppError(error).message}` };
  }
}
