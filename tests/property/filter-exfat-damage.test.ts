/**
 * The filter on an exFAT volume with a few bytes changed in its boot region, its FAT and its root directory: it answers, and drops
 * nothing that it would not drop of the sound volume. The content of the bitmap is left alone, as a change of it can be a perfect
 * bitmap. The changes come from fixed seeds.
 */
import { assert } from 'chai';
import { subtract, totalLength } from '../../shared/domain/extent.ts';
import { damageIn } from '../support/byte-damage.ts';
import { fatEntryAt, rootEntryAt } from '../support/exfat-bytes.ts';
import { loadVolume, mapBytes } from '../support/volume-fixture.ts';

const ROUNDS = 400;

describe('mapActiveBlocks on damaged exFAT volumes', function () {
  this.timeout(60_000);

  it('answers and drops no more than of the sound volume', async () => {
    const { bytes } = loadVolume('exfat');
    const regions = [
      { at: 64, lengthBytes: 56 },
      { at: fatEntryAt(bytes, 2), lengthBytes: 128 },
      { at: rootEntryAt(bytes, 0x83), lengthBytes: 128 },
      { at: rootEntryAt(bytes, 0x81), lengthBytes: 32 },
    ];
    const sound = await mapBytes(bytes);
    let filtered = 0;
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const active = await mapBytes(bytes, damageIn(regions, seed));
      const lost = totalLength(subtract(sound.keep, active.keep));
      assert.equal(lost, 0, `seed ${seed} drops ${lost} bytes more`);
      if (active.state !== 'unfiltered') filtered++;
    }
    assert.isAbove(filtered, 0);
    assert.isBelow(filtered, ROUNDS);
  });
});
