/** A device as a whole: made in an empty folder, and recognised by its header. */
import { randomBytes } from 'node:crypto';
import { type Clock, isoTime } from '../base/clock.ts';
import { AppError, hasCode } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import { PRODUCT, VERSION } from '../base/version.ts';
import {
  type DeviceHeader,
  ENCRYPTION,
  decodeDeviceHeader,
  encodeDeviceHeader,
  isEncrypted,
} from '../format/device-header.ts';
import { KEY_BYTES, deriveKeys } from '../format/encryption.ts';
import { DEVICE_HEADER_NAME, keySlotOf } from '../format/names.ts';
import { MAX_SEGMENT_CELLS } from '../format/segments.ts';
import { type DeviceCipher, cipherOf } from './device-cipher.ts';
import { addKeySlot } from './key-slots.ts';
import { isAside } from './object-name.ts';
import { type Storage } from './storage.ts';

const GRID_BYTES = MiB;
const MAX_HEADER_BYTES = MiB;

/** A device that was recognised, and how it keeps what it is given. */
export interface OpenDevice {
  readonly storage: Storage;
  readonly header: DeviceHeader;
  readonly cipher: DeviceCipher;
}

export interface NewDevice {
  readonly clock: Clock;
  /** Where chunks are cut; 1 MiB unless told. */
  readonly gridBytes?: number;
  /** Disks are described in pieces of this length; 1 TiB for the usual grid. */
  readonly segmentBytes?: number;
  /** The password of its first key slot; without it the device is in clear. */
  readonly encryption?: { readonly password: string; readonly label: string };
}

/**
 * Makes a device of an empty or missing folder.
 * @throws AppError `REPO_OBJECT_EXISTS` when it is one already, `USAGE_CONFLICT` when it holds anything else
 */
export async function createDevice(storage: Storage, options: NewDevice): Promise<OpenDevice> {
  await clearRemains(storage);
  const { clock, encryption, gridBytes = GRID_BYTES } = options;
  const header: DeviceHeader = {
    format: 'blockhouse-device',
    version: 1,
    deviceId: randomBytes(16).toString('hex'),
    createdAt: isoTime(clock.nowMs()),
    producer: { product: PRODUCT, version: VERSION },
    gridBytes,
    segmentBytes: options.segmentBytes ?? gridBytes * MAX_SEGMENT_CELLS,
    hash: 'sha256',
    codec: 'zstd',
    features: { required: encryption === undefined ? [] : [ENCRYPTION], optional: [] },
  };
  const { deviceId } = header;
  const bytes = encodeDeviceHeader(header);
  const key = encryption === undefined ? null : new Uint8Array(randomBytes(KEY_BYTES));
  // A device whose key nobody has would be of no use to anybody: the slot is there before the header is.
  if (encryption !== undefined && key !== null) {
    await addKeySlot({ storage, deviceId, clock }, key, encryption);
  }
  await storage.put(DEVICE_HEADER_NAME, bytes);
  return { storage, header, cipher: cipherFor(header, key) };
}

/** Key slots without a header are what is left of a device that was not made to the end. */
async function clearRemains(storage: Storage): Promise<void> {
  const slots: string[] = [];
  for await (const { name } of storage.list('')) {
    if (await storage.exists(DEVICE_HEADER_NAME)) return;
    if (keySlotOf(name) === undefined) throw notEmpty(storage, name);
    slots.push(name);
  }
  // what has no name of an object is somebody's all the same; what is in the making is no more than that
  for await (const { name } of storage.listRest('')) {
    const isOurs = isAside(name) || (await storage.exists(DEVICE_HEADER_NAME));
    if (!isOurs) throw notEmpty(storage, name);
  }
  for (const name of slots) await storage.remove(name);
}

function notEmpty({ location }: Storage, name: string): AppError {
  return new AppError('USAGE_CONFLICT', `Cannot make a device of "${location}": it is not empty`, {
    location,
    name,
  });
}

export interface DeviceExpectation {
  /** The device that must be there. */
  readonly expectDeviceId?: string;
  /** The master key, where it is known. A device that is in clear although a key is known is not the one that is meant. */
  readonly key?: Uint8Array | null;
}

/**
 * @throws AppError `REPO_NOT_A_DEVICE`, `REPO_WRONG_DEVICE`, `REPO_DEVICE_LOCKED` when it is encrypted and no key is given,
 *         `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`
 */
export async function openDevice(storage: Storage, expected: DeviceExpectation = {}): Promise<OpenDevice> {
  const header = await readDeviceHeader(storage, expected.expectDeviceId);
  const key = expected.key ?? null;
  const facts = { location: storage.location, deviceId: header.deviceId };
  if (isEncrypted(header) && key === null) {
    throw new AppError('REPO_DEVICE_LOCKED', `Cannot use "${storage.location}": it is encrypted`, facts);
  }
  if (!isEncrypted(header) && key !== null) {
    const why = 'it was encrypted, and its header says that it is not';
    throw new AppError('REPO_WRONG_DEVICE', `Cannot use "${storage.location}": ${why}`, facts);
  }
  return { storage, header, cipher: cipherFor(header, key) };
}

/**
 * The header alone, which needs no key: enough to find and check objects.
 * @throws AppError as `openDevice`, but for `REPO_DEVICE_LOCKED`
 */
export async function readDeviceHeader(storage: Storage, expectDeviceId?: string): Promise<DeviceHeader> {
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

function cipherFor({ deviceId }: DeviceHeader, key: Uint8Array | null): DeviceCipher {
  return cipherOf(key === null ? null : deriveKeys(key, deviceId));
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
