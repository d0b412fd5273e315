import { assert } from 'chai';
import { diskBytesOf } from '../../../../worker/filter/disk-bytes.ts';
import { type DiskLayout, findVolumes } from '../../../../worker/filter/partitions/volumes.ts';
import { readerOf, readerOfPieces } from '../../../support/image-reader.ts';
import { bootSector } from '../../../support/ntfs-bytes.ts';
import { BASIC_DATA, type GptEntry, gptDisk, mbr } from '../../../support/partition-bytes.ts';

const CAPACITY = 1024 * 1024;
const NTFS = 0x07;
const signal = new AbortController().signal;

function layoutOf(...sectors: readonly [sector: number, bytes: Buffer][]): Promise<DiskLayout> {
  const overlays = sectors.map(([sector, bytes]) => ({ at: sector * 512, bytes }));
  return findVolumes(diskBytesOf(readerOfPieces(CAPACITY, overlays), signal));
}

const gptLayout = (disk: Buffer): Promise<DiskLayout> => findVolumes(diskBytesOf(readerOf(disk), signal));
const sectorsOf = ({ volumes }: DiskLayout): number[][] =>
  volumes.map(({ startBytes, lengthBytes }) => [startBytes / 512, lengthBytes / 512]);

describe('findVolumes on an MBR disk', () => {
  it('finds primary partitions, by start', async () => {
    const table = mbr({ type: NTFS, first: 500, sectors: 100 }, { type: NTFS, first: 63, sectors: 100 });
    const layout = await layoutOf([0, table]);
    assert.deepEqual(sectorsOf(layout), [
      [63, 100],
      [500, 100],
    ]);
    assert.deepEqual(layout.problems, []);
  });

  it('follows the chain of logical partitions and keeps its links', async () => {
    const layout = await layoutOf(
      [0, mbr({ type: 0x0f, first: 100, sectors: 900 })],
      [100, mbr({ type: NTFS, first: 10, sectors: 50 }, { type: 0x05, first: 200, sectors: 100 })],
      [300, mbr({ type: NTFS, first: 10, sectors: 60 })],
    );
    assert.deepEqual(sectorsOf(layout), [
      [110, 50],
      [310, 60],
    ]);
    assert.deepEqual(
      layout.tableBytes.map(({ start }) => start / 512),
      [0, 100, 300],
    );
  });

  const broken: readonly [string, readonly [number, Buffer][]][] = [
    ['returns to itself', [[100, mbr({ type: 0x05, first: 0, sectors: 5 }, { type: 0x05, first: 100, sectors: 5 })]]],
    ['loops', [
      [100, mbr({ type: NTFS, first: 1, sectors: 2 }, { type: 0x05, first: 20, sectors: 9 })],
      [120, mbr({ type: NTFS, first: 1, sectors: 2 }, { type: 0x05, first: 20, sectors: 9 })],
    ]],
    ['has two successors', [[100, mbr({ type: 0x05, first: 1, sectors: 9 }, { type: 0x05, first: 20, sectors: 9 })]]],
    ['leads to a sector without a table', []],
    ['leaves the disk', [[100, mbr({ type: NTFS, first: 1, sectors: 2 }, { type: 0x05, first: 90000, sectors: 9 })]]],
  ]; // prettier-ignore
  for (const [name, sectors] of broken) {
    it(`gives up the whole disk when the chain ${name}`, async () => {
      const table = mbr({ type: NTFS, first: 10, sectors: 20 }, { type: 0x05, first: 100, sectors: 900 });
      const layout = await layoutOf([0, table], ...sectors);
      assert.deepEqual(layout.volumes, []);
      assert.lengthOf(layout.problems, 1);
      assert.match(layout.problems[0]!, /^Cannot use the partition table at byte \d+: /);
    });
  }

  it('marks partitions that overlap, all of them', async () => {
    const layout = await layoutOf([
      0,
      mbr(
        { type: NTFS, first: 10, sectors: 500 },
        { type: NTFS, first: 20, sectors: 10 },
        { type: NTFS, first: 400, sectors: 200 },
        { type: NTFS, first: 600, sectors: 10 },
      ),
    ]);
    assert.deepEqual(
      layout.volumes.map(({ problem }) => problem?.gate),
      ['partition-overlap', 'partition-overlap', 'partition-overlap', undefined],
    );
  });

  it('cuts a partition at the end of the disk and marks it', async () => {
    const layout = await layoutOf([0, mbr({ type: NTFS, first: 2000, sectors: 100 })]);
    assert.deepEqual(sectorsOf(layout), [[2000, 48]]);
    assert.equal(layout.volumes[0]?.problem?.gate, 'partition-outside-disk');
  });

  it('tells of a partition that begins outside the disk', async () => {
    const layout = await layoutOf([0, mbr({ type: NTFS, first: 9000, sectors: 100 })]);
    assert.deepEqual(layout.volumes, []);
    assert.include(layout.problems[0], 'a partition outside the disk');
  });

  it('takes all of a disk with one LDM partition for LDM', async () => {
    const table = mbr({ type: 0x42, first: 63, sectors: 100 }, { type: NTFS, first: 200, sectors: 100 });
    const { volumes } = await layoutOf([0, table]);
    assert.deepEqual(
      volumes.map(({ role }) => role),
      ['LDM', 'LDM'],
    );
  });
});

describe('findVolumes on a disk without a table', () => {
  it('takes a boot sector at sector 0 for one volume', async () => {
    assert.deepEqual(sectorsOf(await layoutOf([0, bootSector()])), [[0, 2048]]);
  });

  it('finds nothing on an empty disk', async () => {
    assert.deepEqual(await layoutOf(), { volumes: [], tableBytes: [], problems: [] });
  });

  it('takes a table with an impossible entry for none', async () => {
    const layout = await layoutOf([0, mbr({ type: NTFS, first: 63, sectors: 100, status: 0x41 })]);
    assert.deepEqual(layout.volumes, []);
  });

  it('takes a disk smaller than a sector', async () => {
    const layout = await findVolumes(diskBytesOf(readerOf(Buffer.alloc(100)), signal));
    assert.deepEqual(layout.volumes, []);
  });
});

describe('findVolumes on a GPT disk', () => {
  const entries: readonly GptEntry[] = [
    { type: 'e3c9e316-0b5c-4db8-817d-f92df00215ae', first: 40, last: 49 },
    { type: BASIC_DATA, first: 50, last: 99 },
  ];
  const disk = (sectorBytes: number): Buffer => gptDisk({ capacityBytes: CAPACITY, sectorBytes, entries });

  for (const sectorBytes of [512, 4096]) {
    it(`finds partitions in sectors of ${sectorBytes} bytes`, async () => {
      const { volumes, problems } = await gptLayout(disk(sectorBytes));
      assert.deepEqual(
        volumes.map(({ startBytes, lengthBytes, role }) => [startBytes, lengthBytes, role]),
        [
          [40 * sectorBytes, 10 * sectorBytes, 'reserved'],
          [50 * sectorBytes, 50 * sectorBytes, 'any'],
        ],
      );
      assert.deepEqual(problems, []);
    });

    for (const [name, offset] of [
      ['header', sectorBytes + 40],
      ['signature', sectorBytes],
      ['entries', 2 * sectorBytes + 140],
    ] as const) {
      it(`uses the copy when the ${name} is damaged (sectors of ${sectorBytes} bytes), and says so`, async () => {
        const bytes = disk(sectorBytes);
        bytes[offset]! ^= 0x10;
        const { volumes, problems } = await gptLayout(bytes);
        assert.lengthOf(volumes, 2);
        assert.match(problems[0]!, /its copy at the end of the disk was used$/);
      });
    }
  }

  it('gives up the whole disk when both copies are damaged', async () => {
    const bytes = disk(512);
    bytes[512 + 40]! ^= 1;
    bytes[CAPACITY - 512 + 40]! ^= 1;
    const { volumes, problems } = await gptLayout(bytes);
    assert.deepEqual(volumes, []);
    assert.include(problems[0], 'the checksum of the header is wrong');
  });

  it('keeps both headers and entries that a partition claims', async () => {
    const claimed = gptDisk({
      capacityBytes: CAPACITY,
      sectorBytes: 512,
      entries: [{ type: BASIC_DATA, first: 1, last: 99 }],
    });
    assert.deepEqual((await gptLayout(claimed)).tableBytes, [{ start: 0, length: 34 * 512 }]);
  });

  it('counts partitions of a hybrid MBR that the GPT does not have', async () => {
    const bytes = disk(512);
    const hybrid = [
      { type: 0xee, first: 1, sectors: 39 },
      { type: NTFS, first: 50, sectors: 50 },
    ];
    mbr(...hybrid).copy(bytes);
    assert.lengthOf((await gptLayout(bytes)).volumes, 2);
    mbr(...hybrid, { type: NTFS, first: 60, sectors: 90 }).copy(bytes);
    const { volumes } = await gptLayout(bytes);
    assert.deepEqual(
      volumes.map(({ problem }) => problem?.gate),
      [undefined, 'partition-overlap', 'partition-overlap'],
    );
  });

  it('gives up a disk that a file system and a GPT both claim', async () => {
    const bytes = disk(512);
    bootSector().copy(bytes);
    assert.include((await gptLayout(bytes)).problems[0], 'both claim the start');
  });

  it('leaves a GPT alone that ends a partition before it starts', async () => {
    const bad = gptDisk({
      capacityBytes: CAPACITY,
      sectorBytes: 512,
      entries: [{ type: BASIC_DATA, first: 90, last: 50 }],
    });
    assert.include((await gptLayout(bad)).problems[0], 'no possible place');
  });
});
