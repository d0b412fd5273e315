/** Devices for tests, open: in clear or encrypted, without the half second that a password takes. */
import { type DeviceHeader, ENCRYPTION } from '../../shared/format/device-header.ts';
import { deriveKeys } from '../../shared/format/encryption.ts';
import { type DeviceCipher, cipherOf } from '../../shared/repository/device-cipher.ts';
import { type OpenDevice } from '../../shared/repository/device.ts';
import { type Storage } from '../../shared/repository/storage.ts';

export const clearCipher = cipherOf(null);

/** The cipher of the device with this id; another `seed` is another master key. */
export function testCipher(deviceId = '0f'.repeat(16), seed = 1): DeviceCipher {
  return cipherOf(deriveKeys(new Uint8Array(32).fill(seed), deviceId));
}

/** What `openDevice` gives, without a header on the storage. */
export function onStorage(storage: Storage, cipher: DeviceCipher = clearCipher): OpenDevice {
  const header: DeviceHeader = {
    format: 'blockhouse-device',
    version: 1,
    deviceId: '0f'.repeat(16),
    createdAt: '2026-01-31T12:00:00.000Z',
    producer: { product: 'Blockhouse', version: '0.1.0' },
    gridBytes: 1_048_576,
    segmentBytes: 2 ** 40,
    hash: 'sha256',
    codec: 'zstd',
    features: { required: cipher.isEncrypting ? [ENCRYPTION] : [], optional: [] },
  };
  return { storage, header, cipher };
}
