import { assert } from 'chai';
import { crc32c } from '../../../worker/filter/crc32c.ts';

/** As the catalogue of CRCs tells it: inverted at the end, too. */
const catalogued = (text: string): number => ~crc32c(0xffffffff, Buffer.from(text)) >>> 0;

describe('crc32c', () => {
  it('gives the check value of the catalogue', () => {
    assert.equal(catalogued('123456789'), 0xe3069283);
  });

  it('goes on from a state', () => {
    const part = crc32c(0xffffffff, Buffer.from('12345'));
    assert.equal(crc32c(part, Buffer.from('6789')), crc32c(0xffffffff, Buffer.from('123456789')));
  });

  it('leaves the state as it is without bytes', () => {
    assert.equal(crc32c(0xdeadbeef, new Uint8Array()), 0xdeadbeef);
  });

  it('gives the same in one piece as byte by byte, wherever it begins', () => {
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => (i * 37) & 0xff);
    for (let from = 0; from < 9; from++) {
      const part = bytes.subarray(from, 100 - 2 * from);
      const slow = [...part].reduce((state, byte) => crc32c(state, Uint8Array.of(byte)), 0xffffffff);
      assert.equal(crc32c(0xffffffff, part), slow);
    }
  });
});
