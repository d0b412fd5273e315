import { assert } from 'chai';
import { complement } from '../../../../shared/domain/extent.ts';
import { clusterAt, fatEntryAt, rootEntryAt, sealBootRegion } from '../../../support/exfat-bytes.ts';
import { gateOfBytes, loadVolume, mapBytes } from '../../../support/volume-fixture.ts';

interface Spoiling {
  readonly what: string;
  readonly gate: string;
  readonly spoil: (bytes: Buffer) => void;
}

const damaged = 'structure-invalid';

const putBoot =
  (offset: number, value: number, lengthBytes = 4) =>
  (bytes: Buffer): void => {
    bytes.writeUIntLE(value, offset, lengthBytes);
    sealBootRegion(bytes);
  };

const putEntry =
  (type: number, offset: number, value: number, lengthBytes = 4) =>
  (bytes: Buffer): void => {
    bytes.writeUIntLE(value, rootEntryAt(bytes, type) + offset, lengthBytes);
  };

const bitmapCluster = (bytes: Buffer): number => bytes.readUInt32LE(rootEntryAt(bytes, 0x81) + 20);

const boots: readonly Spoiling[] = [
  { what: 'an unknown revision', gate: 'exfat-version', spoil: putBoot(104, 0x0200, 2) },
  { what: 'two FATs', gate: 'texfat', spoil: putBoot(110, 2, 1) },
  { what: 'the second FAT in use', gate: 'texfat', spoil: putBoot(106, 1, 2) },
  { what: 'the mark of use', gate: 'volume-dirty', spoil: (bytes) => bytes.writeUInt16LE(2, 106) },
  {
    what: 'the mark of media failures',
    gate: 'errors-marked',
    spoil: (bytes) => bytes.writeUInt16LE(4, 106),
  },
  { what: 'numbers where FAT has them', gate: damaged, spoil: putBoot(20, 1) },
  { what: 'no signature at the end of its first sector', gate: damaged, spoil: putBoot(510, 0, 2) },
  { what: 'sectors of 256 bytes', gate: damaged, spoil: (bytes) => bytes.writeUInt8(8, 108) },
  { what: 'a wrong checksum', gate: damaged, spoil: (bytes) => bytes.writeUInt8(7, 200) },
  { what: 'clusters of 64 MiB', gate: damaged, spoil: putBoot(109, 17, 1) },
  { what: 'a FAT in its boot region', gate: damaged, spoil: putBoot(80, 8) },
  { what: 'a FAT that is too short', gate: damaged, spoil: putBoot(84, 1) },
  { what: 'a heap in its FAT', gate: damaged, spoil: putBoot(88, 100) },
  { what: 'no clusters', gate: damaged, spoil: putBoot(92, 0) },
  { what: 'more clusters than fit', gate: damaged, spoil: putBoot(72, 20_000) },
  { what: 'more sectors than its disk', gate: damaged, spoil: putBoot(72, 100_000) },
  { what: 'a root directory outside', gate: damaged, spoil: putBoot(96, 0x7fffffff) },
  { what: 'a root directory at cluster 1', gate: damaged, spoil: putBoot(96, 1) },
];

const places: readonly Spoiling[] = [
  { what: 'no bitmap', gate: damaged, spoil: putEntry(0x81, 0, 0x01, 1) },
  { what: 'no up-case table', gate: damaged, spoil: putEntry(0x82, 0, 0x02, 1) },
  { what: 'the bitmap of a second FAT', gate: 'texfat', spoil: putEntry(0x81, 1, 1, 1) },
  { what: 'two bitmaps', gate: 'texfat', spoil: putEntry(0x82, 0, 0x81, 1) },
  { what: 'two labels', gate: damaged, spoil: putEntry(0x82, 0, 0x83, 1) },
  { what: 'a bitmap of another length', gate: damaged, spoil: putEntry(0x81, 24, 10) },
  { what: 'a length beyond all numbers', gate: damaged, spoil: putEntry(0x81, 28, 0x7fffffff) },
  {
    what: 'a bitmap elsewhere',
    gate: damaged,
    spoil: (bytes) => putEntry(0x81, 20, bitmapCluster(bytes) + 1)(bytes),
  },
  {
    what: 'the up-case table for its bitmap',
    gate: damaged,
    spoil: (bytes) => putEntry(0x81, 20, bytes.readUInt32LE(rootEntryAt(bytes, 0x82) + 20))(bytes),
  },
  {
    what: 'a chain that runs in a ring',
    gate: damaged,
    spoil: (bytes) => bytes.writeUInt32LE(bitmapCluster(bytes), fatEntryAt(bytes, bitmapCluster(bytes) + 1)),
  },
  {
    what: 'a bitmap in pieces',
    gate: damaged,
    spoil: (bytes) => {
      const [first, other] = [bitmapCluster(bytes), 30_000];
      bytes.writeUInt32LE(other, fatEntryAt(bytes, first));
      bytes.writeUInt32LE(first + 2, fatEntryAt(bytes, other));
    },
  },
  {
    what: 'a root directory that is also the up-case table',
    gate: damaged,
    spoil: (bytes) => {
      const root = bytes.readUInt32LE(96);
      bytes.writeUInt32LE(root, rootEntryAt(bytes, 0x82) + 20);
      bytes.writeUInt32LE(100, rootEntryAt(bytes, 0x82) + 24);
      bytes.writeUInt32LE(0xffffffff, fatEntryAt(bytes, root));
    },
  },
  {
    what: 'a bitmap that calls itself free',
    gate: 'bitmap-contradicts',
    spoil: (bytes) => bytes.writeUInt8(0, clusterAt(bytes, bitmapCluster(bytes))),
  },
];

describe('examineExfat', function () {
  this.timeout(60_000);

  it('drops exactly what partclone calls free', async () => {
    const { bytes, free } = loadVolume('exfat');
    const { keep, volumes, state, warnings } = await mapBytes(bytes);
    assert.deepEqual(complement(keep, bytes.length), free);
    assert.include(volumes[0], { fileSystem: 'exFAT', label: 'fixture', clusterBytes: 512, gate: null });
    assert.equal(state, 'filtered');
    assert.deepEqual(warnings, []);
  });

  it('takes a label that is too long for none', async () => {
    const { bytes } = loadVolume('exfat');
    putEntry(0x83, 1, 40, 1)(bytes);
    assert.include((await mapBytes(bytes)).volumes[0], { label: null, gate: null });
  });

  it('reads the numbers in use as nothing to go by', async () => {
    const { bytes, free } = loadVolume('exfat');
    bytes.writeUInt8(0, 112);
    assert.deepEqual(complement((await mapBytes(bytes)).keep, bytes.length), free);
  });

  for (const { what, gate, spoil } of [...boots, ...places]) {
    it(`keeps a volume whole with ${what}: ${gate}`, async () => {
      const { bytes } = loadVolume('exfat');
      spoil(bytes);
      assert.equal(await gateOfBytes(bytes), gate);
    });
  }
});
