import { assert } from 'chai';
import {
  type DeviceHeader,
  decodeDeviceHeader,
  encodeDeviceHeader,
} from '../../../shared/format/device-header.ts';
import { type Manifest, decodeManifest, encodeManifest } from '../../../shared/format/manifest.ts';
import * as names from '../../../shared/format/names.ts';
import { decodeSeal, encodeSeal } from '../../../shared/format/seal.ts';
import { codeOf } from './codes.ts';
import { DEVICE_ID, PACK_ID, SAVESET_ID, aManifest, aManifestDisk } from './samples.ts';

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

const header: DeviceHeader = {
  format: 'blockhouse-device',
  version: 1,
  deviceId: DEVICE_ID,
  createdAt: '2026-01-31T12:00:00.000Z',
  producer: { product: 'Blockhouse', version: '0.1.0' },
  gridBytes: 1_048_576,
  segmentBytes: 2 ** 40,
  hash: 'sha256',
  codec: 'zstd',
  features: { required: [], optional: ['colour'] },
};

describe('decodeManifest', () => {
  it('gives back what was encoded, also the fallbacks and gates', () => {
    const manifest = aManifest({
      type: 'incremental',
      base: { savesetId: SAVESET_ID, deviceId: DEVICE_ID },
      disks: [
        aManifestDisk({
          base: { savesetId: SAVESET_ID },
          fallback: { code: 'CBT_NOT_USABLE', reason: 'a new epoch', method: 'whole', inARow: 1 },
          filter: {
            state: 'partly',
            volumes: [
              {
                startBytes: 1_048_576,
                lengthBytes: 4096,
                fileSystem: 'ntfs',
                label: 'System',
                clusterBytes: 4096,
                usedBytes: 1,
                freeBytes: null,
                skippedBytes: 0,
                kept: [{ why: 'shadow copies of the guest', bytes: 4096 }],
                gate: 'dirty',
                reason: 'the volume is dirty',
              },
            ],
          },
        }),
      ],
    });
    assert.deepEqual(decodeManifest(encodeManifest(manifest), 'manifest'), manifest);
  });

  it('is equal bytes for equal content, whatever the order of the fields', () => {
    const { format, version, ...rest } = aManifest();
    const reordered = { ...rest, version, format } as Manifest;
    assert.deepEqual(encodeManifest(reordered), encodeManifest(aManifest()));
  });

  it('takes a volume without "kept" for one that kept nothing beyond what is in use', () => {
    const bytes = { startBytes: 0, lengthBytes: 4096, clusterBytes: null, usedBytes: null, freeBytes: null };
    const names = { fileSystem: 'ext4', label: '', gate: null, reason: null };
    const volumes = [{ ...bytes, ...names, skippedBytes: 0 }];
    const disk = { ...aManifestDisk(), filter: { state: 'filtered', volumes } };
    const [decoded] = decodeManifest(json({ ...aManifest(), disks: [disk] }), 'manifest').disks;
    assert.deepEqual(decoded?.filter.volumes[0]?.kept, []);
  });

  it('leaves out fields that it does not know', () => {
    const bytes = json({ ...aManifest(), colour: 'red', vm: { ...aManifest().vm, icon: 3 } });
    assert.deepEqual(decodeManifest(bytes, 'manifest'), aManifest());
  });

  it('says which fields are wrong', () => {
    const bytes = json({ ...aManifest(), token: 0, savesetId: '../../etc' });
    assert.throws(
      () => decodeManifest(bytes, 'the sample'),
      /^Cannot use the sample: savesetId: .*; token: /,
    );
  });

  it('refuses file names that lead out of the saveset', () => {
    for (const name of ['../x', 'a/b', '/x', '', '.hidden']) {
      const files = [{ name, lengthBytes: 1, sha256: 'ab'.repeat(32) }];
      assert.equal(
        codeOf(() => encodeManifest(aManifest({ files }))),
        'FORMAT_INVALID',
        name,
      );
    }
  });

  const damaged: [string, Uint8Array, string][] = [
    ['nothing', new Uint8Array(), 'FORMAT_INVALID'],
    ['text that is not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'FORMAT_INVALID'],
    ['another kind of document', json({ ...aManifest(), format: 'blockhouse-seal' }), 'FORMAT_INVALID'],
    ['a number', json(3), 'FORMAT_INVALID'],
    ['a hundred thousand brackets', Buffer.from('['.repeat(100_000)), 'FORMAT_INVALID'],
    ['a later version', json({ format: 'blockhouse-manifest', version: 2 }), 'FORMAT_VERSION_UNKNOWN'],
    ['version 0', json({ ...aManifest(), version: 0 }), 'FORMAT_INVALID'],
  ];
  for (const [what, bytes, code] of damaged) {
    it(`refuses ${what}`, () =>
      assert.equal(
        codeOf(() => decodeManifest(bytes, 'manifest')),
        code,
      ));
  }

  it('refuses every cut-off', () => {
    const bytes = encodeManifest(aManifest());
    for (let length = 0; length < bytes.length - 1; length += 7) {
      assert.equal(
        codeOf(() => decodeManifest(bytes.subarray(0, length), 'manifest')),
        'FORMAT_INVALID',
      );
    }
  });
});

describe('decodeDeviceHeader', () => {
  it('gives back what was encoded', () => {
    assert.deepEqual(decodeDeviceHeader(encodeDeviceHeader(header), 'header'), header);
  });

  const unknown: [string, Partial<DeviceHeader>][] = [
    ['a required feature', { features: { required: ['tape'], optional: [] } }],
    ['another hash', { hash: 'blake3' }],
    ['another codec', { codec: 'lz4' }],
  ];
  for (const [what, change] of unknown) {
    it(`leaves a device with ${what} alone`, () => {
      const bytes = json({ ...header, ...change });
      assert.equal(
        codeOf(() => decodeDeviceHeader(bytes, 'header')),
        'FORMAT_VERSION_UNKNOWN',
      );
    });
  }

  for (const segmentBytes of [0, 1.5, 1_500_000, 2 ** 40 + 2 ** 20]) {
    it(`refuses segments of ${segmentBytes} bytes`, () =>
      assert.equal(
        codeOf(() => encodeDeviceHeader({ ...header, segmentBytes })),
        'FORMAT_INVALID',
      ));
  }

  it('refuses a grid that is no power of two', () => {
    assert.equal(
      codeOf(() => encodeDeviceHeader({ ...header, gridBytes: 1_000_000 })),
      'FORMAT_INVALID',
    );
  });
});

describe('decodeSeal', () => {
  it('gives back what was encoded', () => {
    const seal = {
      format: 'blockhouse-seal',
      version: 1,
      savesetId: SAVESET_ID,
      manifestSha256: 'ab'.repeat(32),
      token: 7,
      sealedAt: '2026-01-31T12:00:00.000Z',
    } as const;
    assert.deepEqual(decodeSeal(encodeSeal(seal), 'seal'), seal);
  });
});

describe('names', () => {
  it('finds the way back from a name to what it names', () => {
    assert.equal(names.packIdOf(names.packName(PACK_ID)), PACK_ID);
    assert.equal(names.sealedSavesetOf(`${names.savesetFolder(SAVESET_ID)}/seal.json`), SAVESET_ID);
    assert.equal(names.movedPackOf(names.movedName(PACK_ID)), PACK_ID);
    assert.equal(names.damagedPlaceOf(names.damageMarkName(PACK_ID, 36)), `${PACK_ID}.36`);
    assert.equal(names.incomingPackName(SAVESET_ID, PACK_ID), `incoming/${SAVESET_ID}/${PACK_ID}.partial`);
    assert.equal(names.diskIndexName({ diskKey: 2000, layer: 1, segment: 63 }), 'disk-2000.1.63.index');
  });

  it('knows what is no pack, seal or mark', () => {
    assert.isUndefined(names.packIdOf(`packs/ff/${PACK_ID}.pack`));
    assert.isUndefined(names.sealedSavesetOf(`savesets/${SAVESET_ID}/manifest.json`));
    assert.isUndefined(names.damagedPlaceOf('damaged/readme'));
    assert.isUndefined(names.movedPackOf('moved/readme'));
  });

  it('refuses ids that are none', () => {
    for (const id of ['', '..', PACK_ID.toUpperCase(), `${SAVESET_ID}/x`]) {
      assert.equal(
        codeOf(() => names.packName(id)),
        'FORMAT_INVALID',
      );
      assert.equal(
        codeOf(() => names.savesetFolder(id)),
        'FORMAT_INVALID',
      );
    }
  });
});
