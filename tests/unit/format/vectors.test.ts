/** The committed bytes of docs/format/vectors, which a program without our code made from docs/format/device.md. */
import { assert } from 'chai';
import { readFileSync } from 'node:fs';
import { decompress } from '../../../shared/repository/compression.ts';
import { decodeDeviceHeader, encodeDeviceHeader } from '../../../shared/format/device-header.ts';
import { decodeDiskIndex, encodeDiskIndex } from '../../../shared/format/disk-index-codec.ts';
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
  decodeChunkHeader,
  decodePackHeader,
  encodePackHeader,
  writeChunkHeader,
} from '../../../shared/format/pack.ts';
import { decodeSeal, encodeSeal } from '../../../shared/format/seal.ts';

const load = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../docs/format/vectors/${name}.json`, import.meta.url), 'utf8'));

interface PackVector {
  packId: string;
  hex: string;
  chunks: { id: string; codec: string; plainHex: string; offset: number; storedLength: number }[];
}

describe('vectors', () => {
  it('reads the pack, and writes the same bytes', () => {
    const vector = load('pack') as PackVector;
    const bytes = Buffer.from(vector.hex, 'hex');
    assert.equal(decodePackHeader(bytes, 'vector'), vector.packId);
    const pack = { packId: vector.packId, lengthBytes: bytes.length };
    const footer = decodePackFooter(bytes.subarray(-PACK_FOOTER_BYTES), pack);
    const end = bytes.subarray(footer.directoryOffset);
    const entries = decodeDirectory(end.subarray(0, -PACK_FOOTER_BYTES), footer, vector.packId);
    const parts: Uint8Array[] = [encodePackHeader(vector.packId)];
    entries.forEach((entry, i) => {
      const { plainHex, ...expected } = vector.chunks[i]!;
      const { id, codec, offset, storedLength, plainLength } = entry;
      assert.deepEqual({ id: toHex(id), codec, offset, storedLength }, expected);
      const payload = bytes.subarray(offset + CHUNK_HEADER_BYTES).subarray(0, storedLength);
      const plain = new Uint8Array(plainLength);
      decompress(decodeChunkHeader(bytes.subarray(offset), 'vector').codec, payload, plain);
      assert.equal(toHex(plain), plainHex);
      const header = new Uint8Array(CHUNK_HEADER_BYTES);
      writeChunkHeader(header, entry);
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
    const { device, seal } = load('documents') as Record<string, string>;
    const header = decodeDeviceHeader(Buffer.from(device!), 'vector');
    assert.equal(Buffer.from(encodeDeviceHeader(header)).toString(), device);
    assert.equal(Buffer.from(encodeSeal(decodeSeal(Buffer.from(seal!), 'vector'))).toString(), seal);
  });
});
