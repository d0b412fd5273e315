import { assert } from 'chai';
import { crc32 } from 'node:zlib';
import {
  PACK_FOOTER_BYTES,
  type PackEntry,
  decodeDirectory,
  decodePackFooter,
  encodePackEnd,
} from '../../../shared/format/pack-directory.ts';
import {
  CHUNK_HEADER_BYTES,
  MAX_CHUNK_BYTES,
  MAX_STORED_BYTES,
  decodeChunkHeader,
  decodePackHeader,
  encodePackHeader,
  findChunkHeader,
  writeChunkHeader,
} from '../../../shared/format/pack.ts';
import { codeOf } from './codes.ts';
import { PACK_ID, SAVESET_ID, aPack } from './samples.ts';

const ONE = Buffer.from('first chunk');
const TWO = Buffer.from('second, a little longer');

/** Changes a field and makes the checksum behind it right again. */
function patched(bytes: Uint8Array, at: number, value: number, crcAt: number): Uint8Array {
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(value, at);
  copy.writeUInt32LE(crc32(copy.subarray(0, crcAt)), crcAt);
  return copy;
}

function readEnd(bytes: Uint8Array, packId = PACK_ID): PackEntry[] {
  const footerAt = Math.max(0, bytes.length - PACK_FOOTER_BYTES);
  const footer = decodePackFooter(bytes.subarray(footerAt), { packId, lengthBytes: bytes.length });
  return decodeDirectory(bytes.subarray(footer.directoryOffset, footerAt), footer, packId);
}

describe('decodePackHeader', () => {
  const ids = { packId: PACK_ID, attemptId: SAVESET_ID };
  const header = encodePackHeader(ids);

  it('gives the pack and its attempt', () => assert.deepEqual(decodePackHeader(header, 'pack'), ids));

  it('refuses every cut-off and every flipped bit', () => {
    for (let length = 0; length < header.length; length++) {
      assert.equal(
        codeOf(() => decodePackHeader(header.subarray(0, length), 'pack')),
        'FORMAT_INVALID',
      );
    }
    for (let bit = 0; bit < header.length * 8; bit++) {
      const copy = Buffer.from(header);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      assert.notEqual(
        codeOf(() => decodePackHeader(copy, 'pack')),
        'none',
        `bit ${bit}`,
      );
    }
  });

  it('leaves later versions and unknown flags alone', () => {
    assert.equal(
      codeOf(() => decodePackHeader(patched(header, 8, 2, 40), 'pack')),
      'FORMAT_VERSION_UNKNOWN',
    );
    assert.equal(
      codeOf(() => decodePackHeader(patched(header, 12, 1, 40), 'pack')),
      'FORMAT_VERSION_UNKNOWN',
    );
    assert.equal(
      codeOf(() => decodePackHeader(patched(header, 8, 0, 40), 'pack')),
      'FORMAT_INVALID',
    );
  });

  it('is not made of an id that is none', () => {
    assert.equal(
      codeOf(() => encodePackHeader({ ...ids, packId: 'abc' })),
      'FORMAT_INVALID',
    );
    assert.equal(
      codeOf(() => encodePackHeader({ ...ids, attemptId: PACK_ID })),
      'FORMAT_INVALID',
    );
  });
});

describe('decodeChunkHeader', () => {
  const { bytes, entries } = aPack(ONE);
  const header = bytes.subarray(entries[0]!.offset, entries[0]!.offset + CHUNK_HEADER_BYTES);

  it('refuses every cut-off and every flipped bit', () => {
    for (let length = 0; length < header.length; length++) {
      assert.equal(
        codeOf(() => decodeChunkHeader(header.subarray(0, length), 'record')),
        'FORMAT_INVALID',
      );
    }
    for (let bit = 0; bit < header.length * 8; bit++) {
      const copy = Buffer.from(header);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(
        codeOf(() => decodeChunkHeader(copy, 'record')),
        'FORMAT_INVALID',
        `bit ${bit}`,
      );
    }
  });

  it('leaves unknown codecs and flags alone', () => {
    for (const field of [3, 0x200, 0x301, 0x10000]) {
      assert.equal(
        codeOf(() => decodeChunkHeader(patched(header, 4, field, 52), 'record')),
        'FORMAT_VERSION_UNKNOWN',
      );
    }
  });

  it('tells an encrypted payload from one in clear', () => {
    const into = new Uint8Array(CHUNK_HEADER_BYTES);
    const fields = { id: new Uint8Array(32), codec: 'none', plainLength: 5, storedLength: 49 } as const;
    writeChunkHeader(into, { ...fields, isEncrypted: true, payloadCrc: 7 });
    const { isEncrypted, payloadCrc } = decodeChunkHeader(into, 'record');
    assert.deepEqual({ isEncrypted, payloadCrc }, { isEncrypted: true, payloadCrc: 7 });
  });

  const impossible = [
    [0, 0, 'none'],
    [0, 5, 'zstd'],
    [5, 0, 'zstd'],
    [5, 6, 'none'],
    [MAX_CHUNK_BYTES + 1, 100, 'zstd'],
    [MAX_CHUNK_BYTES, MAX_STORED_BYTES + 1, 'zstd'],
    [5, 5, 'none', true],
    [5, 44, 'zstd', true],
    [5, 50, 'none', true],
  ] as const;
  for (const [plainLength, storedLength, codec, isEncrypted = false] of impossible) {
    it(`refuses ${plainLength} plain bytes stored in ${storedLength} by ${codec}${isEncrypted ? ', encrypted' : ''}`, () => {
      const into = new Uint8Array(CHUNK_HEADER_BYTES);
      const fields = { id: new Uint8Array(32), codec, isEncrypted, plainLength, storedLength };
      writeChunkHeader(into, { ...fields, payloadCrc: 0 });
      assert.equal(
        codeOf(() => decodeChunkHeader(into, 'record')),
        'FORMAT_INVALID',
      );
    });
  }
});

describe('findChunkHeader', () => {
  const { bytes, entries } = aPack(ONE, TWO);

  it('finds one record after the other', () => {
    assert.equal(findChunkHeader(bytes, 0), entries[0]!.offset);
    assert.equal(findChunkHeader(bytes, entries[0]!.offset + 1), entries[1]!.offset);
    assert.equal(findChunkHeader(bytes, entries[1]!.offset + 1), -1);
  });

  it('passes by a header that is damaged', () => {
    const copy = Buffer.from(bytes);
    copy[entries[0]!.offset + 20]! ^= 1;
    assert.equal(findChunkHeader(copy, 0), entries[1]!.offset);
  });

  it('does not find a header that is cut off', () => {
    assert.equal(findChunkHeader(bytes.subarray(0, entries[0]!.offset + CHUNK_HEADER_BYTES - 1), 0), -1);
  });
});

describe('decodeDirectory', () => {
  const { bytes, entries } = aPack(ONE, TWO);

  it('gives the entries', () => {
    assert.deepEqual(
      readEnd(bytes).map((entry) => ({ ...entry, id: [...entry.id] })),
      entries.map((entry) => ({ ...entry, id: [...entry.id] })),
    );
    assert.deepEqual(readEnd(aPack().bytes), []);
  });

  it('refuses a pack that is cut off at any byte', () => {
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(
        codeOf(() => readEnd(bytes.subarray(0, length))),
        'FORMAT_INVALID',
        `${length} bytes`,
      );
    }
  });

  it('finds every flipped bit of directory and footer', () => {
    const start = entries[1]!.offset + CHUNK_HEADER_BYTES + TWO.length;
    for (let bit = start * 8; bit < bytes.length * 8; bit++) {
      const copy = Buffer.from(bytes);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      assert.notEqual(
        codeOf(() => readEnd(copy)),
        'none',
        `bit ${bit}`,
      );
    }
  });

  it('refuses a pack with a byte too many', () => {
    assert.equal(
      codeOf(() => readEnd(Buffer.concat([Buffer.alloc(1), bytes]))),
      'FORMAT_INVALID',
    );
  });

  it('refuses the directory of another pack', () => {
    assert.equal(
      codeOf(() => readEnd(bytes, 'ff'.repeat(16))),
      'FORMAT_INVALID',
    );
  });

  it('refuses entries that leave a gap or end early, although their checksum is right', () => {
    const end = entries[1]!.offset + CHUNK_HEADER_BYTES + TWO.length;
    const moved = [entries[0]!, { ...entries[1]!, offset: entries[1]!.offset + 1 }];
    for (const wrong of [moved, [entries[0]!]]) {
      const whole = Buffer.concat([bytes.subarray(0, end), encodePackEnd(PACK_ID, end, wrong)]);
      assert.equal(
        codeOf(() => readEnd(whole)),
        'FORMAT_INVALID',
      );
    }
  });

  it('leaves a later version alone, and version 0 is none', () => {
    const footer = bytes.subarray(-PACK_FOOTER_BYTES);
    const pack = { packId: PACK_ID, lengthBytes: bytes.length };
    assert.equal(
      codeOf(() => decodePackFooter(patched(footer, 16, 2, 32), pack)),
      'FORMAT_VERSION_UNKNOWN',
    );
    assert.equal(
      codeOf(() => decodePackFooter(patched(footer, 16, 0, 32), pack)),
      'FORMAT_INVALID',
    );
  });
});
