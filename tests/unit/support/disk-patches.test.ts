import { assert } from 'chai';
import { decodePatches, encodePatches } from '../../support/disk-patches.ts';

const CAPACITY_BYTES = 8192;

function sector(fill: number): Buffer {
  return Buffer.alloc(512, fill);
}

describe('decodePatches', () => {
  const patches = [
    { offset: 512, bytes: sector(1) },
    { offset: 2048, bytes: sector(2) },
  ];
  const good = encodePatches(CAPACITY_BYTES, patches);

  it('reads back what was encoded', () => {
    assert.deepEqual(decodePatches(good, CAPACITY_BYTES), patches);
  });

  const damaged: readonly (readonly [string, Buffer])[] = [
    ['without its magic', Buffer.from(good.toString('latin1').replace('BHFX1', 'BHFX9'), 'latin1')],
    ['cut inside its head', good.subarray(0, 10)],
    ['cut inside a record head', good.subarray(0, 20)],
    ['cut inside a record', good.subarray(0, good.length - 1)],
    ['with records out of order', encodePatches(CAPACITY_BYTES, [...patches].reverse())],
    [
      'with a record past the end',
      encodePatches(CAPACITY_BYTES, [{ offset: CAPACITY_BYTES, bytes: sector(1) }]),
    ],
    ['with half a sector', encodePatches(CAPACITY_BYTES, [{ offset: 0, bytes: Buffer.alloc(256) }])],
    ['with an empty record', encodePatches(CAPACITY_BYTES, [{ offset: 0, bytes: Buffer.alloc(0) }])],
    ['of another disk', encodePatches(CAPACITY_BYTES * 2, patches)],
  ];
  for (const [what, stream] of damaged) {
    it(`refuses a stream ${what}`, () => {
      assert.throws(() => decodePatches(stream, CAPACITY_BYTES), /Cannot read the patch stream/);
    });
  }
});
