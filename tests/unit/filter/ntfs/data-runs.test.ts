import { assert } from 'chai';
import { type AppError } from '../../../../shared/base/errors.ts';
import { decodeDataRuns } from '../../../../worker/filter/ntfs/data-runs.ts';

const decode = (...bytes: number[]) => decodeDataRuns(Uint8Array.from(bytes), 4096, 1000);

describe('decodeDataRuns', () => {
  it('adds each offset to the last place, which may go backwards', () => {
    assert.deepEqual(decode(0x11, 8, 0x20, 0x11, 4, 0xf0, 0), [
      { lcn: 0x20, clusters: 8 },
      { lcn: 0x10, clusters: 4 },
    ]);
  });

  it('reports a hole as a run without a place, and goes on from the place before it', () => {
    assert.deepEqual(decode(0x11, 8, 0x20, 0x01, 9, 0x11, 1, 1, 0), [
      { lcn: 0x20, clusters: 8 },
      { lcn: null, clusters: 9 },
      { lcn: 0x21, clusters: 1 },
    ]);
  });

  it('takes lengths as unsigned and with leading zeros', () => {
    assert.deepEqual(decode(0x11, 0xff, 1, 0), [{ lcn: 1, clusters: 255 }]);
    assert.deepEqual(decode(0x18, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0), [{ lcn: 1, clusters: 3 }]);
  });

  it('ends at the zero, whatever follows', () => {
    assert.deepEqual(decode(0, 0x99, 0x99), []);
  });

  for (const [name, bytes, at] of [
    ['a list without an end', [0x11, 8, 0x20], 4099],
    ['no bytes at all', [], 4096],
    ['a field of nine bytes', [0x19, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0], 4096],
    ['a run cut off', [0x11, 8, 0x20, 0x21, 4], 4099],
    ['a length of zero', [0x11, 0, 0x20, 0], 4096],
    ['a run without a length field', [0x10, 0x20, 0], 4096],
    ['a negative place', [0x11, 1, 0x80, 0], 4096],
    ['a run past the end of the volume', [0x21, 2, 0xe7, 0x03, 0], 4096],
    ['a length above 2^53', [0x08, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0], 4096],
    ['a place of 2^62', [0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0x40, 0], 4096],
  ] as const) {
    it(`refuses ${name}, naming the byte`, () => {
      try {
        decode(...bytes);
        assert.fail('nothing was thrown');
      } catch (error) {
        assert.deepInclude(error as AppError, { code: 'FS_STRUCTURE_INVALID', facts: { at } });
      }
    });
  }
});
