import { assert } from 'chai';
import {
  type DiskInspection,
  PICTURE_CELLS,
  type Picture,
} from '../../../../shared/contract/disk-inspection.ts';
import { packPicture, packedPicture, unpackPicture } from '../../../../shared/contract/packed-picture.ts';
import { taskReport } from '../../../../shared/contract/task-report.ts';
import { MAX_INSPECTED_PICTURES, MAX_INSPECTED_VOLUMES } from '../../../../shared/contract/vm-inspection.ts';
import { ReportRoom } from '../../../../worker/inspect/report-room.ts';

const MIB = 2 ** 20;

function pictureOf(used: number, skipped: number): Picture {
  const cells = (amount: number): number[] => new Array<number>(PICTURE_CELLS).fill(amount);
  return { used: cells(used), skipped: cells(skipped), whole: cells(0), unknown: cells(0) };
}

type Found = Omit<DiskInspection, 'file'>;

function diskWith(volumes: number): Found {
  const volume: Found['volumes'][number] = {
    ...{ startBytes: 0, lengthBytes: MIB, fileSystem: 'NTFS', label: null, clusterBytes: 4096 },
    ...{ usedBytes: MIB, freeBytes: 0, skippedBytes: 0, kept: [], gate: null, reason: null },
    picture: pictureOf(1, 2),
  };
  return {
    ...{ capacityBytes: MIB, state: 'filtered', keptBytes: MIB, skippedBytes: 0, readBytes: 1 },
    volumes: Array.from({ length: volumes }, () => volume),
    warnings: [],
    picture: pictureOf(1, 2),
  };
}

describe('packPicture', () => {
  it('keeps the shares of each cell, and what is little more than nothing', () => {
    const picture = pictureOf(1, 10 ** 12);
    const packed = packPicture({
      ...picture,
      unknown: picture.used.map((_, cell) => (cell === 7 ? 10 ** 12 : 0)),
    });
    assert.isTrue(packedPicture.safeParse(packed).success);
    const { used, skipped, whole, unknown } = unpackPicture(packed);
    assert.deepEqual([used[0], skipped[0], whole[0], unknown[0]], [1, 255, 0, 0]);
    assert.deepEqual([used[7], skipped[7], unknown[7]], [1, 127, 127]);
    assert.lengthOf(used, PICTURE_CELLS);
  });
});

describe('ReportRoom', () => {
  it('cuts off volumes and pictures of all disks together, and says how many volumes', () => {
    const room = new ReportRoom();
    const first = room.take(diskWith(MAX_INSPECTED_VOLUMES - 1));
    const second = room.take(diskWith(3));
    assert.deepEqual([first.moreVolumes, second.moreVolumes, second.volumes.length], [0, 2, 1]);
    const pictures = [first, second].flatMap(({ picture, volumes }) => [
      picture,
      ...volumes.map((v) => v.picture),
    ]);
    assert.lengthOf(
      pictures.filter((picture) => picture !== null),
      MAX_INSPECTED_PICTURES,
    );
    const disks = [first, second].map((disk, key) => ({ ...disk, key, label: 'disk', transport: 'https' }));
    const report = {
      kind: 'inspect',
      server: 'vc',
      vm: 'web',
      moref: 'vm-1',
      inventoryPath: '/',
      disks,
      leftOutDisks: [],
    };
    const text = JSON.stringify(taskReport.parse(report));
    assert.isBelow(text.length, 2 * MIB);
  });
});
