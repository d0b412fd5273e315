import { assert } from 'chai';
import { isFilledWith } from '../../../shared/base/filled.ts';

describe('isFilledWith', () => {
  for (const [name, bytes, value, expected] of [
    ['no bytes', [], 0, true],
    ['the one byte', [7], 7, true],
    ['another byte', [7], 0, false],
    ['all alike', [255, 255, 255, 255], 255, true],
    ['all alike, and of another value', [1, 1, 1], 0, false],
    ['a last byte that differs', [0, 0, 0, 1], 0, false],
    ['a first byte that differs', [1, 0, 0, 0], 0, false],
  ] as const) {
    it(`answers ${expected} for ${name}`, () => {
      assert.equal(isFilledWith(Uint8Array.from(bytes), value), expected);
    });
  }

  it('looks at nothing before and behind a view', () => {
    const bytes = Uint8Array.of(1, 0, 0, 0, 1);
    assert.isTrue(isFilledWith(bytes.subarray(1, 4), 0));
    assert.isFalse(isFilledWith(bytes.subarray(1, 5), 0));
  });

  it('sees a single bit anywhere', () => {
    for (const length of [1, 2, 3, 511, 4096]) {
      const bytes = new Uint8Array(length);
      assert.isTrue(isFilledWith(bytes, 0));
      for (const at of new Set([0, length >> 1, length - 1])) {
        bytes[at] = 1;
        assert.isFalse(isFilledWith(bytes, 0), `${at} of ${length}`);
        bytes[at] = 0;
      }
    }
  });
});
