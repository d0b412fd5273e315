import { assert } from 'chai';
import { ByteReader, varintLength, writeVarint } from '../../../shared/format/byte-reader.ts';
import { fromHex, magicOf, sha256Hex, toHex } from '../../../shared/format/hash.ts';
import { codeOf } from './codes.ts';

describe('ByteReader', () => {
  it('reads little-endian fields in order', () => {
    const reader = new ByteReader(Buffer.from('0102000000030000000000000004', 'hex'), 'bytes');
    assert.deepEqual(
      [reader.u8(), reader.u32(), reader.u64(), reader.position, reader.left],
      [1, 2, 3, 13, 1],
    );
    assert.deepEqual([...reader.bytes(1)], [4]);
  });

  it('names the position and what is missing when a field passes the end', () => {
    const reader = new ByteReader(Buffer.from([1, 2, 3]), 'the sample');
    reader.u8();
    assert.throws(() => reader.u32(), 'Cannot use the sample: it ends at byte 3');
    assert.equal(
      codeOf(() => reader.bytes(3)),
      'FORMAT_INVALID',
    );
    assert.equal(reader.position, 1);
  });

  it('refuses a 64-bit number that is no safe integer', () => {
    assert.equal(
      codeOf(() => new ByteReader(Buffer.alloc(8, 0xff), 'bytes').u64()),
      'FORMAT_INVALID',
    );
  });

  for (const value of [0, 1, 127, 128, 16_383, 16_384, 2 ** 32, 2 ** 50, Number.MAX_SAFE_INTEGER]) {
    it(`reads back ${value} in groups of 7 bits`, () => {
      const bytes = new Uint8Array(varintLength(value) + 1);
      assert.equal(writeVarint(bytes, 1, value), bytes.length);
      assert.equal(new ByteReader(bytes.subarray(1), 'number').varint(), value);
    });
  }

  it('refuses a number in groups that never ends, is cut off, or is out of range', () => {
    for (const hex of ['ffffffffffffffffff', '80', 'ffffffffffffff7f']) {
      assert.equal(
        codeOf(() => new ByteReader(Buffer.from(hex, 'hex'), 'number').varint()),
        'FORMAT_INVALID',
      );
    }
  });
});

describe('hash', () => {
  it('knows SHA-256 of nothing', () => {
    assert.match(sha256Hex(''), /^e3b0c44298fc1c14/);
    assert.equal(toHex(magicOf('', 4)), 'e3b0c442');
  });

  it('takes only as many lower-case digits as are wanted', () => {
    assert.equal(toHex(fromHex('00ff', 2)), '00ff');
    for (const text of ['00f', '00FF', '00ff00', 'zzzz']) {
      assert.equal(
        codeOf(() => fromHex(text, 2)),
        'FORMAT_INVALID',
        text,
      );
    }
  });
});
