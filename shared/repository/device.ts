/** A device as a whole: made in an empty folder, and recognised by its header. */
import { randomBytes } from 'node:crypto';
import { type Clock, isoTime } from '../base/clock.ts';
import { AppError, hasCode } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import { PRODUCT, VERSION } from '../base/version.ts';
import { type DeviceHeader, decodeDeviceHeader, encodeDeviceHeader } from '../format/device-header.ts';
import { DEVICE_HEADER_NAME } from '../format/names.ts';
import { type Storage } from './storage.ts';

const GRID_BYTES = MiB;
const MAX_HEADER_BYTES = MiB;

/**
 * Makes a device of an empty or missing folder.
 * @param options.gridBytes - where chunks are cut; 1 MiB unless told
 * @throws AppError `REPO_OBJECT_EXISTS` when it is one already, `USAGE_CONFLICT` when it holds anything else
 */
export async function createDevice(
  storage: Storage,
  options: { readonly clock: Clock; readonly gridBytes?: number },
): Promise<DeviceHeader> {
  for await (const { name } of storage.list('')) {
    if (await storage.exists(DEVICE_HEADER_NAME)) break;
    throw new AppError('USAGE_CONFLICT', `Cannot make a device of "${storage.location}": it is not empty`, {
      location: storage.location,
      name,
    });
  }
  const header: DeviceHeader = {
    format: 'blockhouse-device',
    version: 1,
    deviceId: randomBytes(16).toString('hex'),
    createdAt: isoTime(options.clock.nowMs()),
    producer: { product: PRODUCT, version: VERSION },
    gridBytes: options.gridBytes ?? GRID_BYTES,
    hash: 'sha256',
    codec: 'zstd',
    features: { required: [], optional: [] },
    keySlots: [],
  };
  await storage.put(DEVICE_HEADER_NAME, encodeDeviceHeader(header));
  return header;
}

/**
 * The header of the device.
 * @param expectDeviceId - the device that must be there
 * @throws AppError `REPO_NOT_A_DEVICE`, `REPO_WRONG_DEVICE`, `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`
 */
export async function openDevice(storage: Storage, expectDeviceId?: string): Promise<DeviceHeader> {
  const header = decodeDeviceHeader(await readHeader(storage), `the header of device "${storage.location}"`);
  if (expectDeviceId !== undefined && header.deviceId !== expectDeviceId) {
    throw new AppError('REPO_WRONG_DEVICE', `Cannot use "${storage.location}": it holds another device`, {
      location: storage.location,
      deviceId: header.deviceId,
      expectedDeviceId: expectDeviceId,
    });
  }
  return header;
}

async function readHeader(storage: Storage): Promise<Uint8Array> {
  try {
    return await storage.readWhole(DEVICE_HEADER_NAME, MAX_HEADER_BYTES);
  } catch (error) {
    if (!hasCode(error, 'REPO_OBJECT_MISSING')) throw error;
    const facts = { location: storage.location };
    throw new AppError(
      'REPO_NOT_A_DEVICE',
      `Cannot use "${storage.location}": it is not a device`,
      facts,
      error,
    );
  }
}
