/** Small sound objects of a device, for tests of the format. */
import { crc32 } from 'node:zlib';
import { chunkIdOf } from '../../../shared/format/hash.ts';
import { type DiskIndex } from '../../../shared/format/disk-index.ts';
import { DiskIndexBuilder } from '../../../shared/format/disk-index-builder.ts';
import { type Manifest, type ManifestDisk } from '../../../shared/format/manifest.ts';
import { type PackEntry, encodePackEnd } from '../../../shared/format/pack-directory.ts';
import { CHUNK_HEADER_BYTES, encodePackHeader, writeChunkHeader } from '../../../shared/format/pack.ts';
import { noBytes } from '../../../shared/domain/task.ts';

export const PACK_ID = '000102030405060708090a0b0c0d0e0f';
export const SAVESET_ID = '00112233445566aa';
export const DEVICE_ID = '0f'.repeat(16);
const SHA = 'ab'.repeat(32);

/** A pack with these plain chunks, stored as they are. */
export function aPack(...chunks: readonly Uint8Array[]): { bytes: Uint8Array; entries: PackEntry[] } {
  const parts = [encodePackHeader({ packId: PACK_ID, attemptId: SAVESET_ID })];
  const entries: PackEntry[] = [];
  let offset = parts[0]!.length;
  for (const plain of chunks) {
    const lengths = { plainLength: plain.length, storedLength: plain.length };
    const coding = { codec: 'none' as const, isEncrypted: false };
    const entry = { id: chunkIdOf(plain), ...coding, ...lengths, offset };
    const header = new Uint8Array(CHUNK_HEADER_BYTES);
    writeChunkHeader(header, { ...entry, payloadCrc: crc32(plain) });
    parts.push(header, plain);
    entries.push(entry);
    offset += header.length + plain.length;
  }
  parts.push(encodePackEnd(PACK_ID, offset, entries));
  return { bytes: Buffer.concat(parts), entries };
}

/** An index of five cells: two with data, of which one in part. */
export function aDiskIndex(): DiskIndex {
  const builder = new DiskIndexBuilder(20_480, 4096);
  const place = { packId: PACK_ID, offset: 44, storedLength: 10 };
  builder.add({ ...place, start: 12_288, id: chunkIdOf(Buffer.from('two')), plainLength: 4096 });
  builder.add({ ...place, start: 100, id: chunkIdOf(Buffer.from('one')), plainLength: 1900 });
  return builder.finish([
    { kind: 'zero', start: 0, length: 100 },
    { kind: 'data', start: 100, length: 900 },
    { kind: 'free', start: 1000, length: 500 },
    { kind: 'data', start: 1500, length: 500 },
    { kind: 'same', start: 2000, length: 10_288 },
    { kind: 'data', start: 12_288, length: 4096 },
    { kind: 'zero', start: 16_384, length: 4096 },
  ]);
}

export function aManifestDisk(changes: Partial<ManifestDisk> = {}): ManifestDisk {
  return {
    key: 2000,
    label: 'Hard disk 1',
    uuid: '6000C29e-0000-0000-0000-000000000001',
    capacityBytes: 20_480,
    fileName: '[ds1] db01/db01.vmdk',
    thin: true,
    mode: 'persistent',
    changeId: '52 de c0 d9 b9 43 9d 10-61 d5 4c 1b e9 7b 65 63/4',
    type: 'full',
    base: null,
    fallback: null,
    transport: 'file',
    filter: { state: 'off', volumes: [] },
    freeBytes: 500,
    layers: [{ segments: [{ name: 'disk-2000.0.0.index', lengthBytes: 100, sha256: SHA }] }],
    packs: 1,
    chunks: 2,
    counters: noBytes,
    ...changes,
  };
}

export function aManifest(changes: Partial<Manifest> = {}): Manifest {
  return {
    format: 'blockhouse-manifest',
    version: 1,
    producer: { product: 'Blockhouse', version: '0.1.0' },
    savesetId: SAVESET_ID,
    deviceId: DEVICE_ID,
    runId: 1,
    taskId: 2,
    attempt: 1,
    token: 7,
    jobName: 'nightly',
    job: { name: 'nightly', devices: ['tape0'] },
    type: 'full',
    base: null,
    standsFor: [],
    createdAt: '2026-01-31T12:00:00.000Z',
    finishedAt: '2026-01-31T12:05:00.000Z',
    vm: {
      name: 'db01',
      moref: 'vm-42',
      instanceUuid: '5029c6b9-0000-0000-0000-000000000001',
      biosUuid: '4229c6b9-0000-0000-0000-000000000001',
      inventoryPath: '/dc1/vm/db01',
      server: 'vc1',
      guestId: 'windows2019srv_64Guest',
      hardwareVersion: 'vmx-19',
      powerState: 'poweredOn',
    },
    consistency: { asked: 'application', reached: 'filesystem', reason: 'VSS writer failed' },
    disks: [aManifestDisk()],
    leftOutDisks: [{ key: 2001, label: 'Hard disk 2', code: 'DISK_NOT_IN_IMAGE', reason: 'independent' }],
    files: [],
    packsWritten: [{ packId: PACK_ID, lengthBytes: 1000, chunks: 2 }],
    warnings: [{ code: 'CONSISTENCY_LOWERED', message: 'The guest could not be quiesced' }],
    counters: noBytes,
    phases: { snapshot: 1200, read: 5000.5 },
    ...changes,
  };
}
