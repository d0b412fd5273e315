/** The committed bytes of docs/format/vectors, which a program without our code made from docs/format/device.md. */
import { assert } from 'chai';
import { readFileSync } from 'node:fs';
import { decompress } from '../../../shared/repository/compression.ts';
import { decodeAttempt, encodeAttempt } from '../../../shared/format/attempt.ts';
import { decodeDeviceHeader, encodeDeviceHeader, isEncrypted } from '../../../shared/format/device-header.ts';
import { decodeDiskIndex, encodeDiskIndex } from '../../../shared/format/disk-index-codec.ts';
import { deriveKeys } from '../../../shared/format/encryption.ts';
import { decodeKeySlot, encodeKeySlot } from '../../../shared/format/key-slot.ts';
import { diskIndexName, keySlotName } from '../../../shared/format/names.ts';
import { decodeRecord } from '../../../shared/repository/decode-record.ts';
import { cipherOf } from '../../../shared/repository/device-cipher.ts';
import { unlock } from '../../../shared/repository/key-slots.ts';
import { MemoryStorage } from '../../../shared/repository/storage-memory.ts';
import { refsOf } from '../../../shared/format/disk-index.ts';
import { toHex } from '../../../shared/format/hash.ts';
import {
  PACK_FOOTER_BYTES,
  decodeDirectory,
  decodePackFooter,
  encodePackEnd,
} from '../../../shared/format/pack-directory.ts';
import {
  CHUNK_HEADER_BYTES,
  checkPayloadCrc,
  decodeChunkHeader,
  decodePackHeader,
  encodePackHeader,
  writeChunkHeader,
} from '../../../shared/format/pack.ts';
import { decodeManifest, encodeManifest } from '../../../shared/format/manifest.ts';
import {
  type MovedRecord,
  decodeMovedRecords,
  encodeMovedRecords,
} from '../../../shared/format/moved-records.ts';
import { decodeSeal, encodeSeal } from '../../../shared/format/seal.ts';

const load = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../docs/format/vectors/${name}.json`, import.meta.url), 'utf8'));

interface PackVector {
  packId: string;
  attemptId: string;
  hex: string;
  chunks: { id: string; codec: string; plainHex: string; offset: number; storedLength: number }[];
}

interface EncryptionVector {
  masterKey: string;
  deviceId: string;
  keys: { chunkId: string; chunk: string; object: string };
  record: { plain: string; id: string; hex: string };
  object: { name: string; text: string; hex: string };
  keySlot: { password: string; text: string };
}

describe('vectors', () => {
  it('reads the pack, and writes the same bytes', () => {
    const vector = load('pack') as PackVector;
    const bytes = Buffer.from(vector.hex, 'hex');
    const { packId, attemptId } = vector;
    assert.deepEqual(decodePackHeader(bytes, 'vector'), { packId, attemptId });
    const pack = { packId: vector.packId, lengthBytes: bytes.length };
    const footer = decodePackFooter(bytes.subarray(-PACK_FOOTER_BYTES), pack);
    const end = bytes.subarray(footer.directoryOffset);
    const entries = decodeDirectory(end.subarray(0, -PACK_FOOTER_BYTES), footer, vector.packId);
    const parts: Uint8Array[] = [encodePackHeader({ packId, attemptId })];
    entries.forEach((entry, i) => {
      const { plainHex, ...expected } = vector.chunks[i]!;
      const { id, codec, offset, storedLength, plainLength } = entry;
      assert.deepEqual({ id: toHex(id), codec, offset, storedLength }, expected);
      const payload = bytes.subarray(offset + CHUNK_HEADER_BYTES).subarray(0, storedLength);
      const plain = new Uint8Array(plainLength);
      const found = decodeChunkHeader(bytes.subarray(offset), 'vector');
      assert.isTrue(checkPayloadCrc(found, payload));
      decompress(found.codec, payload, plain);
      assert.equal(toHex(plain), plainHex);
      const header = new Uint8Array(CHUNK_HEADER_BYTES);
      writeChunkHeader(header, { ...entry, payloadCrc: found.payloadCrc });
      parts.push(header, payload);
    });
    parts.push(encodePackEnd(vector.packId, footer.directoryOffset, entries));
    assert.equal(Buffer.concat(parts).toString('hex'), vector.hex);
  });

  it('reads the disk index, and writes the same bytes', () => {
    const { hex, runs, refs, ...rest } = load('disk-index') as {
      hex: string;
      capacityBytes: number;
      gridBytes: number;
      packs: string[];
      runs: [string, number][];
      refs: unknown[];
    };
    const index = decodeDiskIndex(Buffer.from(hex, 'hex'), 'vector');
    const { capacityBytes, gridBytes, packs } = index;
    assert.deepEqual({ capacityBytes, gridBytes, packs: [...packs] }, rest);
    assert.deepEqual(
      index.runs.map(({ kind, length }): [string, number] => [kind, length]),
      runs,
    );
    assert.deepEqual(
      [...refsOf(index)].map((ref) => ({ ...ref, id: toHex(ref.id) })),
      refs,
    );
    assert.equal(Buffer.concat(encodeDiskIndex(index)).toString('hex'), hex);
  });

  it('reads the documents, and writes the same text', () => {
    const { device, seal, attempt, manifest } = load('documents') as Record<string, string>;
    const header = decodeDeviceHeader(Buffer.from(device!), 'vector');
    assert.equal(Buffer.from(encodeDeviceHeader(header)).toString(), device);
    assert.isTrue(isEncrypted(header));
    assert.equal(Buffer.from(encodeSeal(decodeSeal(Buffer.from(seal!), 'vector'))).toString(), seal);
    const begun = decodeAttempt(Buffer.from(attempt!), 'vector');
    assert.equal(Buffer.from(encodeAttempt(begun)).toString(), attempt);
    const point = decodeManifest(Buffer.from(manifest!), 'vector');
    assert.equal(Buffer.from(encodeManifest(point)).toString(), manifest);
    assert.deepEqual(
      point.disks[0]?.layers.map(({ segments }, layer) => [segments[0]?.name, layer]),
      [0, 1].map((layer) => [diskIndexName({ diskKey: 2000, layer, segment: 0 }), layer]),
    );
  });

  it('reads where records moved, and writes the same bytes', () => {
    const { packId, records, hex } = load('moved') as { packId: string; records: MovedRecord[]; hex: string };
    assert.deepEqual(decodeMovedRecords(Buffer.from(hex, 'hex'), packId), records);
    assert.equal(Buffer.from(encodeMovedRecords(packId, records)).toString('hex'), hex);
  });

  it('reads what is encrypted, by the master key and by the password', async () => {
    const vector = load('encryption') as EncryptionVector;
    const { deviceId, record, object, keySlot } = vector;
    const keys = deriveKeys(Buffer.from(vector.masterKey, 'hex'), deviceId);
    const all = Buffer.from(keys.memory).toString('hex');
    assert.equal(all, vector.keys.chunkId + vector.keys.chunk + vector.keys.object);
    const cipher = cipherOf(keys);
    const plain = Buffer.alloc(record.plain.length);
    const id = Buffer.from(record.id, 'hex');
    decodeRecord(cipher, Buffer.from(record.hex, 'hex'), { id, plainLength: plain.length }, plain);
    assert.equal(plain.toString(), record.plain);
    const opened = cipher.openObject(object.name, Buffer.from(object.hex, 'hex'));
    assert.equal(Buffer.from(opened).toString(), object.text);

    const storage = new MemoryStorage();
    await storage.put(keySlotName('00112233445566bb'), Buffer.from(keySlot.text));
    const { key } = await unlock({ storage, deviceId }, keySlot.password);
    assert.equal(toHex(key), vector.masterKey);
    const slot = decodeKeySlot(Buffer.from(keySlot.text), 'vector');
    assert.equal(Buffer.from(encodeKeySlot(slot)).toString(), keySlot.text);
  });
});
