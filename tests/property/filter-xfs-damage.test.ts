/**
 * The filter on XFS volumes with a few bytes changed in their headers, trees and log, where there are no checksums too: it answers,
 * and drops nothing that it would not drop of the sound volume. The changes come from fixed seeds.
 */
import { assert } from 'chai';
import { subtract, totalLength } from '../../shared/domain/extent.ts';
import { damageIn } from '../support/byte-damage.ts';
import { loadVolume, mapBytes } from '../support/volume-fixture.ts';
import { logRecords, placesOf, treeRootAt } from '../support/xfs-bytes.ts';

const ROUNDS = 250;

describe('mapActiveBlocks on damaged XFS volumes', function () {
  this.timeout(60_000);

  for (const name of ['xfs-clean', 'xfs-frozen', 'xfs-crashed', 'xfs-v4']) {
    it(`answers and drops no more than of the sound ${name}`, async () => {
      const { bytes } = loadVolume(name);
      const { groupsAt, sectorBytes, blockBytes } = placesOf(bytes);
      const regions = [
        { at: 0, lengthBytes: 256 },
        ...groupsAt.map((at) => ({ at: at + sectorBytes, lengthBytes: 224 })),
        ...groupsAt.map((_, group) => ({ at: treeRootAt(bytes, group), lengthBytes: 128 })),
        { at: treeRootAt(bytes, 0), lengthBytes: blockBytes },
        ...groupsAt.map((_, group) => ({ at: treeRootAt(bytes, group, 'bySize'), lengthBytes: 128 })),
        ...logRecords(bytes)
          .slice(-3)
          .map((at) => ({ at, lengthBytes: 1024 })),
      ];
      const sound = await mapBytes(bytes);
      let filtered = 0;
      for (let seed = 1; seed <= ROUNDS; seed++) {
        const active = await mapBytes(bytes, damageIn(regions, seed));
        const lost = totalLength(subtract(sound.keep, active.keep));
        assert.equal(lost, 0, `seed ${seed} drops ${lost} bytes more`);
        if (active.state !== 'unfiltered') filtered++;
      }
      assert.isBelow(filtered, ROUNDS);
    });
  }
});
