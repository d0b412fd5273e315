import { assert } from 'chai';
import { AppError } from '../../../../shared/base/errors.ts';
import { decodeBootSector } from '../../../../worker/filter/ntfs/boot-sector.ts';
import { type BootFields, bootSector } from '../../../support/ntfs-bytes.ts';

describe('decodeBootSector', () => {
  it('reads sizes and places', () => {
    assert.deepEqual(decodeBootSector(bootSector(), 0), {
      sectorBytes: 512,
      clusterBytes: 4096,
      totalSectors: 8191,
      clusters: 1023,
      mftLcn: 4,
      mftMirrorLcn: 2,
      recordBytes: 1024,
      indexBytes: 4096,
    });
  });

  for (const [stored, clusterBytes] of [
    [1, 512],
    [0x80, 64 * 1024],
    [0xf8, 128 * 1024],
    [0xf4, 2 * 1024 * 1024],
  ] as const) {
    it(`reads the cluster size byte ${stored} as ${clusterBytes} bytes`, () => {
      const fields = { sectorsPerCluster: stored, totalSectors: 10n ** 6n, recordSize: -10, indexSize: -12 };
      assert.equal(decodeBootSector(bootSector(fields), 0).clusterBytes, clusterBytes);
    });
  }

  it('reads record sizes in clusters and as powers', () => {
    const inClusters = { sectorBytes: 4096, sectorsPerCluster: 1, recordSize: 1, indexSize: 1 };
    assert.include(decodeBootSector(bootSector(inClusters), 0), { recordBytes: 4096, indexBytes: 4096 });
    assert.include(decodeBootSector(bootSector({ recordSize: -12, indexSize: -12 }), 0), {
      recordBytes: 4096,
      indexBytes: 4096,
    });
  });

  const damages: readonly [string, BootFields, number][] = [
    ['sectors of 500 bytes', { sectorBytes: 500 }, 11],
    ['sectors of 8192 bytes', { sectorBytes: 8192 }, 11],
    ['no sectors per cluster', { sectorsPerCluster: 0 }, 13],
    ['three sectors per cluster', { sectorsPerCluster: 3 }, 13],
    ['a cluster size between the two encodings', { sectorsPerCluster: 0xe0 }, 13],
    ['clusters of 32 MiB', { sectorsPerCluster: 0xf0 }, 13],
    ['an MFT at 0', { mftLcn: 0n }, 48],
    ['an MFT past the end', { mftLcn: 1023n }, 48],
    ['both copies of the MFT at one place', { mftLcn: 2n }, 48],
    ['a volume without sectors', { totalSectors: 0n }, 48],
    ['file records of 2^31 bytes', { recordSize: -31 }, 64],
    ['file records of 512 bytes', { recordSize: -9 }, 64],
    ['index records of 128 KiB', { indexSize: 32 }, 68],
    ['a sector count above 2^53', { totalSectors: 2n ** 60n }, 40],
  ];
  for (const [name, fields, offset] of damages) {
    it(`refuses ${name}, naming the byte`, () => {
      try {
        decodeBootSector(bootSector(fields), 1000);
        assert.fail('nothing was thrown');
      } catch (error) {
        assert.instanceOf(error, AppError);
        assert.deepInclude(error, {
          code: 'FS_STRUCTURE_INVALID',
          facts: { at: 1000 + offset },
        });
      }
    });
  }

  it('refuses a FAT boot sector with a changed name', () => {
    const bytes = bootSector();
    bytes.writeUInt8(2, 16);
    assert.throws(() => decodeBootSector(bytes, 0), 'fields that NTFS leaves empty');
  });

  it('refuses a cut-off sector', () => {
    assert.throws(() => decodeBootSector(bootSector().subarray(0, 40), 0), AppError);
  });
});
