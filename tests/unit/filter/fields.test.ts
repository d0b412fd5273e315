import { assert } from 'chai';
import { AppError } from '../../../shared/base/errors.ts';
import { type Complain, fieldsOf, guidText } from '../../../worker/filter/fields.ts';

const complain: Complain = (problem, at) => new AppError('FS_STRUCTURE_INVALID', problem, { at });
const fields = (...bytes: number[]) => fieldsOf(Uint8Array.from(bytes), 100, complain);

describe('fieldsOf', () => {
  it('reads little endian', () => {
    const eight = fields(1, 2, 3, 4, 5, 6, 0, 0);
    assert.deepEqual([eight.u8(0), eight.u16(0), eight.u32(0)], [1, 0x0201, 0x04030201]);
    assert.equal(eight.u64(0), 0x060504030201);
    assert.equal(fields(0xfe).i8(0), -2);
    assert.equal(fields(...Array<number>(8).fill(0xff)).i64(0), -1);
  });

  it('reads text', () => {
    assert.equal(fields(0x41, 0x42).ascii(0, 2), 'AB');
    assert.equal(fields(0x41, 0, 0x16, 0x04).utf16(0, 2), 'AЖ');
  });

  it('reads big-endian numbers', () => {
    const eight = fields(1, 2, 3, 4, 5, 6, 7, 8);
    assert.deepEqual([eight.u16be(0), eight.u32be(0)], [0x0102, 0x01020304]);
    assert.equal(fields(0, 0, 3, 4, 5, 6, 7, 8).u64be(0), 0x030405060708);
  });

  for (const [name, read] of [
    ['a byte', () => fields(1).u8(1)],
    ['a number that begins inside', () => fields(1, 2, 3).u32(0)],
    ['a negative place', () => fields(1, 2, 3).u16(-1)],
    ['a slice', () => fields(1).slice(0, 2)],
    ['a text', () => fields(1).utf16(0, 1)],
  ] as const) {
    it(`complains about ${name} past the end`, () => {
      assert.throws(read, AppError, 'the structure has ended');
    });
  }

  it('complains about a number above 2^53, naming its byte', () => {
    try {
      fields(0, 0, 0, 0, 0, 0, 0, 0, 0xff).u64(1);
      assert.fail('nothing was thrown');
    } catch (error) {
      assert.equal((error as AppError).facts['at'], 101);
    }
  });
});

describe('guidText', () => {
  it('swaps the first three fields', () => {
    const bytes = Buffer.from('6b87083876c1484eb7ae04046e6cc752', 'hex');
    assert.equal(guidText(bytes), '3808876b-c176-4e48-b7ae-04046e6cc752');
  });
});
