import { assert } from 'chai';
import { AppError } from '../../../../shared/base/errors.ts';
import { type BitmapPlace, allocationsOf } from '../../../../worker/filter/ntfs/log-changes.ts';
import { type BitsFields, CLEAR_BITS, SET_BITS, bitsRecord } from '../../../support/ntfs-log.ts';

/** 24 KiB in two runs: VCN 0 to 3 at 100, VCN 4 and 5 at 50. */
const bitmap: BitmapPlace = {
  runs: [
    { lcn: 100, clusters: 4 },
    { lcn: 50, clusters: 2 },
  ],
  clusterBytes: 4096,
  clusters: 6 * 4096 * 8,
};
const set: BitsFields = { redo: SET_BITS, undo: CLEAR_BITS, lcn: 100, firstBit: 5, bits: 7 };

function of(fields: Partial<BitsFields>, spoil: (data: Buffer) => void = () => undefined, type = 1) {
  const data = bitsRecord({ ...set, ...fields });
  spoil(data);
  return allocationsOf({ lsn: 1, type, data }, bitmap, 0);
}

describe('allocationsOf', () => {
  const page = 4096 * 8;
  const cases: readonly [string, Partial<BitsFields>, readonly (readonly [number, number])[]][] = [
    ['bits that are set', {}, [[5, 7]]],
    ['bits that undoing sets', { redo: CLEAR_BITS, undo: SET_BITS }, [[5, 7]]],
    ['a compensation that sets bits', { undo: 1 }, [[5, 7]]],
    ['bits that are cleared for good', { redo: CLEAR_BITS, undo: 1 }, []],
    ['bits of the second cluster', { lcn: 101, vcn: 1 }, [[page + 5, 7]]],
    ['bits of the second run', { lcn: 51, vcn: 5 }, [[5 * page + 5, 7]]],
    ['bits of a block in a cluster', { inCluster: 2 }, [[1024 * 8 + 5, 7]]],
    ['an offset in the record', { recordOffset: 16 }, [[133, 7]]],
    ['an offset in the attribute', { attributeOffset: 16 }, [[133, 7]]],
    ['bits of another bitmap', { lcn: 200 }, []],
  ];
  for (const [name, fields, expected] of cases) {
    it(`finds ${expected.length} ranges for ${name}`, () => {
      const extents = expected.map(([start, length]) => ({ start, length }));
      assert.deepEqual(of(fields), extents);
    });
  }

  it('finds nothing in a checkpoint, and in a change without clusters', () => {
    assert.deepEqual(of({}, undefined, 2), []);
    assert.deepEqual(
      of({}, (data) => data.writeUInt16LE(0, 14)),
      [],
    );
  });

  const refused: readonly [string, Partial<BitsFields>, ((data: Buffer) => void)?][] = [
    ['another operation on $Bitmap', { redo: 0x08 }],
    ['another operation that undoes', { undo: 0x08 }],
    ['a VCN that does not lie in the cluster', { vcn: 1 }],
    ['bits past the volume', { lcn: 51, vcn: 5, firstBit: 4096 * 8 - 1, bits: 2 }],
    ['data of fewer than 8 bytes', { dataBytes: 4 }],
    ['data past the record', {}, (data) => data.writeUInt16LE(44, 4)],
    ['two offsets', { recordOffset: 8, attributeOffset: 8 }],
  ];
  for (const [name, fields, spoil] of refused) {
    it(`closes a gate for ${name}`, () => {
      try {
        of(fields, spoil);
        assert.fail('nothing was thrown');
      } catch (error) {
        assert.equal((error as AppError).facts['gate'], 'log-unreadable');
      }
    });
  }

  it('closes a gate for a change that ends before its numbers, or before its clusters', () => {
    for (const bytes of [24, 36]) {
      const data = bitsRecord(set).subarray(0, bytes);
      assert.throws(() => allocationsOf({ lsn: 1, type: 1, data }, bitmap, 0), AppError);
    }
  });
});
