import { assert } from 'chai';
import * as fc from 'fast-check';
import { PICTURE_CELLS, type Picture, regionKinds } from '../../../../shared/contract/disk-inspection.ts';
import { normalize, totalLength, wholeOf } from '../../../../shared/domain/extent.ts';
import { type ActiveBlocks } from '../../../../worker/filter/active-blocks.ts';
import { type VolumeReport } from '../../../../worker/filter/examine-volume.ts';
import { pictureOf, regionsOf } from '../../../../worker/inspect/picture.ts';

const volume = (startBytes: number, lengthBytes: number, gate: string | null): VolumeReport => ({
  ...{ startBytes, lengthBytes, fileSystem: 'NTFS', label: null, clusterBytes: null, usedBytes: null },
  ...{ freeBytes: null, skippedBytes: 0, kept: [], gate, reason: null },
});

function activeOf(keep: ActiveBlocks['keep'], volumes: readonly VolumeReport[]): ActiveBlocks {
  const rest = { usedBytes: totalLength(keep), readBytes: 0, warnings: [] };
  return { keep, droppedTogether: [], volumes, state: 'partly', ...rest };
}

const sumOf = (cells: readonly number[]): number => cells.reduce((sum, bytes) => sum + bytes, 0);

describe('regionsOf', () => {
  const keep = normalize([
    { start: 0, length: 150 },
    { start: 200, length: 800 },
  ]);

  it('tells what is used, skipped, kept for a doubt, and unknown', () => {
    const volumes = [
      volume(100, 200, null),
      volume(300, 200, 'volume-dirty'),
      volume(600, 100, 'not-filtered'),
    ];
    assert.deepEqual(regionsOf(activeOf(keep, volumes), 1000), {
      used: [
        { start: 100, length: 50 },
        { start: 200, length: 100 },
      ],
      skipped: [{ start: 150, length: 50 }],
      whole: [{ start: 300, length: 200 }],
      unknown: [
        { start: 0, length: 100 },
        { start: 500, length: 500 },
      ],
    });
  });

  it('takes the filtered one of volumes that lie in each other', () => {
    const { used, whole } = regionsOf(
      activeOf(keep, [volume(0, 1000, 'volume-dirty'), volume(100, 200, null)]),
      1000,
    );
    assert.equal(totalLength(used), 150);
    assert.equal(totalLength(whole), 800);
  });
});

describe('pictureOf', () => {
  it('counts every byte of any stretch once', () => {
    const extent = fc.record({ start: fc.nat(20_000), length: fc.integer({ min: 1, max: 3_000 }) });
    fc.assert(
      fc.property(
        fc.array(extent, { maxLength: 20 }),
        fc.nat(5000),
        fc.integer({ min: 1, max: 18_000 }),
        (list, start, length) => {
          const capacity = 23_000;
          const regions = regionsOf(
            activeOf(normalize(list), [volume(2000, 9000, null), volume(12_000, 5000, 'volume-dirty')]),
            capacity,
          );
          const picture = pictureOf(regions, { start, length });
          assert.equal(
            regionKinds.reduce((sum, kind) => sum + sumOf(picture[kind]), 0),
            length,
          );
          const most = Math.ceil(length / PICTURE_CELLS);
          for (let cell = 0; cell < PICTURE_CELLS; cell++) {
            const bytes = regionKinds.reduce((sum, kind) => sum + (picture[kind][cell] ?? 0), 0);
            assert.isAtMost(bytes, most);
          }
        },
      ),
    );
  });

  it('puts each byte into its cell', () => {
    const regions = regionsOf(
      activeOf([{ start: 0, length: 96 }], [volume(0, PICTURE_CELLS, null)]),
      PICTURE_CELLS,
    );
    const picture: Picture = pictureOf(regions, { start: 0, length: PICTURE_CELLS });
    assert.deepEqual(picture.used, [
      ...new Array<number>(96).fill(1),
      ...new Array<number>(PICTURE_CELLS - 96).fill(0),
    ]);
  });

  it('is a picture of zeros for nothing', () => {
    const regions = regionsOf(activeOf(wholeOf(10), []), 10);
    assert.equal(sumOf(pictureOf(regions, { start: 3, length: 0 }).unknown), 0);
  });
});
