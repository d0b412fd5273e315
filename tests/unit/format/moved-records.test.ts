import { assert } from 'chai';
import { createHash } from 'node:crypto';
import {
  type MovedRecord,
  decodeMovedRecords,
  encodeMovedRecords,
} from '../../../shared/format/moved-records.ts';
import { codeOf } from './codes.ts';
import { PACK_ID } from './samples.ts';

const OTHER = 'f0'.repeat(16);
const records: MovedRecord[] = [
  { oldOffset: 44, packId: OTHER, offset: 5000, storedLength: 100 },
  { oldOffset: 200, packId: '11'.repeat(16), offset: 44, storedLength: 4_194_368 },
];

/** The same with other bytes at `at`, and with the right proof. */
function forged(at: number, ...values: readonly number[]): Uint8Array {
  const copy = Buffer.from(encodeMovedRecords(PACK_ID, records));
  copy.set(values, at);
  const end = copy.length - 32;
  copy.set(createHash('sha256').update(copy.subarray(0, end)).digest(), end);
  return copy;
}

describe('encodeMovedRecords', () => {
  it('gives bytes that are read back', () => {
    assert.deepEqual(decodeMovedRecords(encodeMovedRecords(PACK_ID, records), PACK_ID), records);
    assert.deepEqual(decodeMovedRecords(encodeMovedRecords(PACK_ID, []), PACK_ID), []);
  });

  const wrong: [string, MovedRecord[]][] = [
    ['records out of order', [...records].reverse()],
    ['one record twice', [records[0]!, records[0]!]],
    ['an old place inside the header of a pack', [{ ...records[0]!, oldOffset: 8 }]],
    ['a new place inside the header of a pack', [{ ...records[0]!, offset: 8 }]],
    ['a record of no length', [{ ...records[0]!, storedLength: 0 }]],
    ['a record that is too long', [{ ...records[0]!, storedLength: 2 ** 23 }]],
  ];
  for (const [what, list] of wrong) {
    it(`refuses ${what}`, () =>
      assert.equal(
        codeOf(() => encodeMovedRecords(PACK_ID, list)),
        'FORMAT_INVALID',
      ));
  }
});

describe('decodeMovedRecords', () => {
  const bytes = encodeMovedRecords(PACK_ID, records);
  const decode = (wrong: Uint8Array): string => codeOf(() => decodeMovedRecords(wrong, PACK_ID));

  it('refuses every cut-off, and bytes behind the end', () => {
    for (let length = 0; length < bytes.length; length++)
      assert.equal(decode(bytes.subarray(0, length)), 'FORMAT_INVALID', `${length} bytes`);
    assert.equal(decode(Buffer.concat([bytes, Buffer.alloc(1)])), 'FORMAT_INVALID');
  });

  it('finds every flipped bit', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const copy = Buffer.from(bytes);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      assert.notEqual(decode(copy), 'none', `bit ${bit}`);
    }
  });

  const lies: [string, number, number[], string][] = [
    ['another beginning', 0, [0], 'FORMAT_INVALID'],
    ['a later version', 8, [2], 'FORMAT_VERSION_UNKNOWN'],
    ['version 0', 8, [0], 'FORMAT_INVALID'],
    ['four billion records', 12, [255, 255, 255, 255], 'FORMAT_INVALID'],
    ['another pack', 16, [9], 'FORMAT_INVALID'],
    ['a place that cannot be', 32, [1], 'FORMAT_INVALID'],
  ];
  for (const [what, at, values, code] of lies) {
    it(`refuses ${what} under a right proof`, () => assert.equal(decode(forged(at, ...values)), code));
  }
});
