import { assert } from 'chai';
import {
  HEAD_BYTES,
  detectBootSector,
  detectFileSystem,
} from '../../../../worker/filter/partitions/signatures.ts';
import { bootSector } from '../../../support/ntfs-bytes.ts';

function head(...texts: readonly [offset: number, text: string][]): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES);
  for (const [offset, text] of texts) bytes.write(text, offset, 'latin1');
  return bytes;
}

function ext(compat: number, incompat: number): Buffer {
  const bytes = head([1080, '\x53\xef']);
  bytes.writeUInt32LE(1000, 1028);
  bytes.writeUInt32LE(compat, 1116);
  bytes.writeUInt32LE(incompat, 1120);
  return bytes;
}

describe('detectFileSystem', () => {
  const cases: readonly [string, Buffer][] = [
    ['NTFS', bootSector()],
    ['BitLocker', head([3, '-FVE-FS-'])],
    ['ReFS', head([3, 'ReFS\0\0\0\0'], [16, 'FSRS'])],
    ['exFAT', head([3, 'EXFAT   '])],
    ['FAT32', head([3, 'MSDOS5.0'], [82, 'FAT32   '])],
    ['FAT16', head([54, 'FAT16   '])],
    ['XFS', head([0, 'XFSB'])],
    ['LUKS', head([0, 'LUKS\xba\xbe'])],
    ['LVM2', head([512, 'LABELONE'], [536, 'LVM2 001'])],
    ['ext2', ext(0, 0)],
    ['ext3', ext(4, 0)],
    ['ext4', ext(4, 0x40)],
    ['swap', head([4086, 'SWAPSPACE2'])],
    ['btrfs', head([65600, '_BHRfS_M'])],
    ['Linux RAID', head([4096, '\xfc\x4e\x2b\xa9'])],
    ['unknown', head()],
    ['unknown', Buffer.alloc(0)],
  ];
  for (const [name, bytes] of cases) {
    it(`names ${name} in ${bytes.length} bytes`, () => {
      assert.deepEqual(detectFileSystem(bytes), { fileSystem: name, rival: null });
    });
  }

  it('names BitLocker To Go behind its FAT boot sector', () => {
    const bytes = head([3, 'MSWIN4.1'], [82, 'FAT32   ']);
    Buffer.from('3bd66749292ed84a8399f6a339e3d001', 'hex').copy(bytes, 424);
    assert.equal(detectFileSystem(bytes).fileSystem, 'BitLocker');
  });

  it('tells of a second file system where the boot code of the first should be', () => {
    const bytes = ext(4, 0x40);
    bootSector().copy(bytes);
    assert.deepEqual(detectFileSystem(bytes), { fileSystem: 'NTFS', rival: 'ext4' });
  });
});

describe('detectBootSector', () => {
  it('finds only file systems that own sector 0', () => {
    assert.equal(detectBootSector(bootSector()), 'NTFS');
    assert.isNull(detectBootSector(ext(0, 0)));
  });
});
