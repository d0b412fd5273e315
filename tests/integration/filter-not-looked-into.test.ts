/** What the filter knows by name alone: kept whole, whatever lies in it, without a warning. */
import { assert } from 'chai';
import { gptDisk, mbr } from '../support/partition-bytes.ts';
import { mapBytes } from '../support/volume-fixture.ts';

const SECTOR = 512;
const FIRST = 64;
const SECTORS = 2048;
const CAPACITY = 2 * 1024 * 1024;

/** A swap space, of which the filter would drop all but 64 KiB. */
function swapSpace(): Buffer {
  const bytes = Buffer.alloc(SECTORS * SECTOR, 0x55);
  bytes.fill(0, 0, 4096);
  bytes.writeUInt32LE(1, 1024);
  bytes.writeUInt32LE(bytes.length / 4096 - 1, 1028);
  bytes.write('SWAPSPACE2', 4086, 'latin1');
  return bytes;
}

function withMbr(type: number): Buffer {
  const disk = Buffer.alloc(CAPACITY);
  mbr({ type, first: FIRST, sectors: SECTORS }).copy(disk);
  swapSpace().copy(disk, FIRST * SECTOR);
  return disk;
}

function withGpt(type: string): Buffer {
  const last = FIRST + SECTORS - 1;
  const disk = gptDisk({
    capacityBytes: CAPACITY,
    sectorBytes: SECTOR,
    entries: [{ type, first: FIRST, last }],
  });
  swapSpace().copy(disk, FIRST * SECTOR);
  return disk;
}

describe('mapActiveBlocks over partitions that the table gives to others', () => {
  it('would filter the same bytes in an ordinary one', async () => {
    assert.equal((await mapBytes(withMbr(0x82))).state, 'filtered');
  });

  for (const [name, disk] of [
    ['Storage Spaces', withMbr(0xe7)],
    ['Storage Spaces', withGpt('e75caf8f-f680-4cee-afa3-b001e56efc2d')],
    ['Linux RAID', withMbr(0xfd)],
    ['Linux RAID', withGpt('a19d880f-05fc-4d3b-a006-743f0f84911e')],
    ['ZFS', withMbr(0xbf)],
    ['ZFS', withGpt('6a898cc3-1dd2-11b2-99a6-080020736631')],
    ['VMFS', withMbr(0xfb)],
    ['VMFS', withGpt('aa31e02a-400f-11db-9590-000c2911d1b8')],
    ['Microsoft reserved', withGpt('e3c9e316-0b5c-4db8-817d-f92df00215ae')],
  ] as const) {
    it(`keeps a partition of ${name} whole, whatever it holds`, async () => {
      const active = await mapBytes(disk);
      assert.include(active.volumes[0], { fileSystem: name, gate: 'not-filtered', skippedBytes: 0 });
      assert.equal(active.usedBytes, CAPACITY);
      assert.deepEqual([active.state, active.warnings], ['unfiltered', []]);
    });
  }
});

describe('mapActiveBlocks over file systems that it does not look into', () => {
  for (const [name, at, magic] of [
    ['BitLocker', 3, '-FVE-FS-'],
    ['ReFS', 3, 'ReFS\0\0\0\0'],
    ['FAT12', 54, 'FAT12   '],
    ['FAT16', 54, 'FAT16   '],
    ['FAT32', 82, 'FAT32   '],
    ['HPFS', 54, 'HPFS    '],
    ['LUKS', 0, 'LUKS\xba\xbe'],
    ['btrfs', 65600, '_BHRfS_M'],
    ['Linux RAID', 4096, '\xfc\x4e\x2b\xa9'],
  ] as const) {
    it(`keeps ${name} whole`, async () => {
      const disk = Buffer.alloc(CAPACITY);
      disk.write(magic, at, 'latin1');
      const active = await mapBytes(disk);
      assert.include(active.volumes[0], { fileSystem: name, gate: 'not-filtered', skippedBytes: 0 });
      assert.deepEqual([active.state, active.usedBytes], ['unfiltered', CAPACITY]);
    });
  }

  it('keeps a disk on which it knows nothing', async () => {
    const active = await mapBytes(Buffer.alloc(CAPACITY, 0x37));
    assert.deepEqual([active.volumes, active.usedBytes], [[], CAPACITY]);
  });
});
