/** Every reason to keep dynamic volumes: a committed disk group is changed in one place, and what that place is for is kept whole. */
import { writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { assert } from 'chai';
import { complement, covers, intersect, totalLength } from '../../shared/domain/extent.ts';
import { type ActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { type VolumeReport } from '../../worker/filter/examine-volume.ts';
import { damageIn } from '../support/byte-damage.ts';
import {
  type Edit,
  SECTOR,
  assemble,
  copyText,
  inConfiguration,
  inDatabase,
  loadDynamicDisks,
  loadGroup,
  mapTogether,
  sumUp,
  withChange,
  withConfiguration,
} from '../support/ldm-group.ts';
import { bitmapByNtfscat, hasProgram } from '../support/ntfs-oracle.ts';
import { tempFolder } from '../support/temp.ts';

interface Case {
  readonly name: string;
  readonly gate: string;
  readonly disks: () => Buffer[];
}

const PRIMARY = 6 * SECTOR;
const bad = 'structure-invalid';

/** A change to all copies of the private header of the second disk. */
const withHeader = (change: (sector: Buffer) => void) => (): Buffer[] =>
  withChange((disks) => {
    for (const at of [PRIMARY, inDatabase(1, 1856), inDatabase(1, 2047)]) {
      change(disks[1]!.subarray(at, at + SECTOR));
      sumUp(disks[1]!, at);
    }
  });

/** One byte in tables of contents of the second disk. */
const withContents = (sectors: readonly number[], offset: number, byte: number) => (): Buffer[] =>
  withChange((disks) => {
    for (const sector of sectors) {
      disks[1]![inDatabase(1, sector, offset)] = byte;
      sumUp(disks[1]!, inDatabase(1, sector));
    }
  });

/** A change to the partition entries of the third disk, both copies, with true checksums. */
const withEntries = (change: (entries: Buffer) => void) => (): Buffer[] =>
  withChange((disks) => {
    const disk = disks[2]!;
    for (const at of [1, disk.length / SECTOR - 1]) {
      const header = disk.subarray(at * SECTOR, at * SECTOR + 92);
      const entriesAt = Number(header.readBigUInt64LE(72)) * SECTOR;
      const entries = disk.subarray(entriesAt, entriesAt + 128 * 128);
      change(entries);
      header.writeUInt32LE(crc32(entries), 88);
      header.writeUInt32LE(0, 16);
      header.writeUInt32LE(crc32(header), 16);
    }
  });

const onDisk = (disk: number, at: number, bytes: Edit[1]) => (): Buffer[] =>
  withChange((disks) => copyText(bytes, disks[disk]!, at));
const onAll =
  (...edits: Edit[]) =>
  (): Buffer[] =>
    withConfiguration(...edits);

/** Byte `offset` of the object in entry `entry`, as scripts/fixtures/ldm-disks.py lays them out. */
const inObject = (entry: number, offset: number): number => entry * 128 + 24 + offset;
const recordFlags = (entry: number): number => entry * 128 + 18;
const recordType = (entry: number): number => entry * 128 + 19;

const groupCases: readonly Case[] = [
  {
    name: 'a disk that is not there',
    gate: 'ldm-incomplete',
    disks: () => withChange((disks) => void disks.pop()),
  },
  {
    name: 'a disk that the group does not know',
    gate: 'ldm-incomplete',
    disks: () =>
      withChange((disks) => {
        const more = Buffer.from(disks[1]!);
        for (const at of [PRIMARY, inDatabase(1, 1856), inDatabase(1, 2047)]) {
          more.write('7d2b1c5e-4444', at + 48, 'latin1');
          sumUp(more, at);
        }
        disks.push(more);
      }),
  },
  {
    name: 'a disk that is there twice',
    gate: 'ldm-duplicate-disk',
    disks: () => withChange((disks) => void disks.push(disks[0]!)),
  },
  { name: 'a change under way', gate: 'ldm-busy', disks: onAll([16, [0, 2]]) },
  { name: 'a change that is pending', gate: 'ldm-busy', disks: onAll([132, [43]]) },
  { name: 'objects that are pending', gate: 'ldm-busy', disks: onAll([164, [9]]) },
  { name: 'a record under way', gate: 'ldm-busy', disks: onAll([512 + 16, [0, 1]]) },
  {
    name: 'a later change on one disk',
    gate: 'ldm-copies-differ',
    disks: () => withChange(([disk]) => [124, 132].forEach((at) => (disk![inConfiguration(0, at)] = 43))),
  },
  {
    name: 'another record on one disk',
    gate: 'ldm-copies-differ',
    disks: onDisk(2, inConfiguration(2, 512 + 127), [1]),
  },
  { name: 'an object of an unknown kind', gate: bad, disks: onAll([recordType(7), [0x46]]) },
  { name: 'an object too few', gate: bad, disks: onAll([148, [4]], [176, [4]]) },
  { name: 'two objects with one id', gate: bad, disks: onAll([inObject(6, 1), [2]]) },
  { name: 'a component of no volume', gate: bad, disks: onAll([inObject(9, 44), [99]]) },
  { name: 'a partition of no component', gate: bad, disks: onAll([inObject(10, 44), [99]]) },
  { name: 'a partition on no disk', gate: bad, disks: onAll([inObject(10, 46), [99]]) },
  { name: 'partitions that overlap', gate: bad, disks: onAll([inObject(14, 30), [0x18, 0x40]]) },
  {
    name: 'a partition that leaves the data area',
    gate: bad,
    disks: onAll([inObject(29, 30), [0x75, 0x30]]),
  },
  {
    name: 'a partition outside those of the table',
    gate: bad,
    disks: () => withChange((disks) => void disks[1]!.writeUInt32LE(10_000, 446 + 12)),
  },
  { name: 'a text that leaves its object', gate: bad, disks: onAll([inObject(10, 2), [200]]) },
  { name: 'a number out of range', gate: bad, disks: onAll([inObject(6, 0), [8]]) },
  { name: 'a disk without a GUID', gate: bad, disks: onAll([inObject(6, 9), 'X']) },
];

/** What is wrong with one disk keeps that one as such; the others then lack it. */
const diskCases: readonly Case[] = [
  {
    name: 'private headers that differ',
    gate: 'ldm-copies-differ',
    disks: () =>
      withChange((disks) => {
        disks[1]![PRIMARY + 400] = 1;
        sumUp(disks[1]!, PRIMARY);
      }),
  },
  { name: 'tables of contents that differ', gate: 'ldm-copies-differ', disks: withContents([2045], 61, 200) },
  {
    name: 'the configuration of another group',
    gate: 'ldm-copies-differ',
    disks: onDisk(1, inConfiguration(1, 53), '11111111'),
  },
  { name: 'no private header', gate: bad, disks: onDisk(1, PRIMARY, 'X') },
  { name: 'a wrong checksum of the private header', gate: bad, disks: onDisk(1, PRIMARY + 400, [1]) },
  { name: 'a wrong checksum of its copy', gate: bad, disks: onDisk(1, inDatabase(1, 2047, 400), [1]) },
  { name: 'another version', gate: bad, disks: withHeader((sector) => void (sector[15] = 13)) },
  { name: 'another size of the database', gate: bad, disks: withHeader((sector) => void (sector[314] = 1)) },
  { name: 'no GUID of the disk', gate: bad, disks: withHeader((sector) => void sector.fill(0, 48, 112)) },
  {
    name: 'a data area that reaches into the database',
    gate: bad,
    disks: withHeader((sector) => void sector.writeUInt32BE(35_000, 295)),
  },
  {
    name: 'a data area that leaves the disk',
    gate: bad,
    disks: withHeader((sector) => void sector.writeUInt32BE(1, 291)),
  },
  {
    name: 'a database that leaves the disk',
    gate: bad,
    disks: withHeader((sector) => void sector.writeUInt32BE(1, 299)),
  },
  { name: 'no table of contents', gate: bad, disks: withContents([2, 2045], 0, 0) },
  {
    name: 'a wrong checksum of a table of contents',
    gate: bad,
    disks: onDisk(1, inDatabase(1, 2, 100), [1]),
  },
  { name: 'other areas in the table of contents', gate: bad, disks: withContents([2, 2045], 36, 0x43) },
  { name: 'a configuration that leaves the database', gate: bad, disks: withContents([2, 2045], 60, 9) },
  { name: 'no configuration', gate: bad, disks: onDisk(1, inConfiguration(1), 'X') },
  { name: 'another version of it', gate: bad, disks: onDisk(1, inConfiguration(1, 19), [5]) },
  { name: 'another size of entries', gate: bad, disks: onDisk(1, inConfiguration(1, 11), [64]) },
  { name: 'more entries than room', gate: bad, disks: onDisk(1, inConfiguration(1, 5), [1]) },
  { name: 'an entry that is none', gate: bad, disks: onDisk(1, inConfiguration(1, 5 * 128), 'X') },
  {
    name: 'a record that lacks an entry',
    gate: bad,
    disks: onDisk(1, inConfiguration(1, 4 * 128 + 15), [2]),
  },
  {
    name: 'a record larger than its entries',
    gate: bad,
    disks: onDisk(1, inConfiguration(1, 4 * 128 + 22), [1]),
  },
  {
    name: 'a partition that overlaps another one',
    gate: 'partition-overlap',
    disks: () =>
      withChange(([, disk]) => {
        disk![462 + 4] = 0x42;
        disk!.writeUInt32LE(1000, 462 + 8);
        disk!.writeUInt32LE(1000, 462 + 12);
      }),
  },
  {
    name: 'a partition that leaves the disk',
    gate: 'partition-outside-disk',
    disks: () => withChange(([, disk]) => void disk!.writeUInt32LE(99_999, 446 + 12)),
  },
];

const gptCases: readonly Case[] = [
  {
    name: 'two partitions for the database',
    gate: bad,
    disks: withEntries((entries) => void entries.copy(entries, 128, 0, 16)),
  },
  {
    name: 'a partition for the database that is elsewhere',
    gate: bad,
    disks: withEntries((entries) => void (entries[32] = 36)),
  },
  {
    name: 'a partition that is too small for the database',
    gate: bad,
    disks: withEntries((entries) => void (entries[41] = 4)),
  },
];

interface VolumeCase {
  readonly name: string;
  readonly volume: string;
  readonly edits: readonly Edit[];
}

const volumeCases: readonly VolumeCase[] = [
  { name: 'another state of the volume', volume: 'Volume1', edits: [[inObject(8, 15), 'FAILED']] },
  { name: 'unknown bits of the volume', volume: 'Volume1', edits: [[inObject(8, 35), [0x31]]] },
  { name: 'unknown marks of its record', volume: 'Volume1', edits: [[recordFlags(8), [0x42]]] },
  { name: 'another type of volume', volume: 'Volume1', edits: [[inObject(8, 11), 'x']] },
  { name: 'another number of its type', volume: 'Volume1', edits: [[inObject(8, 29), [5]]] },
  { name: 'another state of the component', volume: 'Volume1', edits: [[inObject(9, 14), 'DETACH']] },
  { name: 'a component where zeros are not', volume: 'Volume1', edits: [[inObject(9, 24), [1]]] },
  { name: 'unknown marks of the component', volume: 'Volume1', edits: [[recordFlags(9), [0x01]]] },
  { name: 'a partition where zeros are not', volume: 'Volume1', edits: [[inObject(10, 15), [1]]] },
  { name: 'unknown marks of the partition', volume: 'Volume1', edits: [[recordFlags(10), [0x41]]] },
  { name: 'a component too few', volume: 'Volume1', edits: [[inObject(8, 37), [2]]] },
  { name: 'a partition too few', volume: 'Volume1', edits: [[inObject(9, 26), [2]]] },
  { name: 'an unknown kind of component', volume: 'Volume1', edits: [[inObject(9, 20), [4]]] },
  { name: 'a RAID-5 component of an ordinary volume', volume: 'Volume1', edits: [[inObject(9, 20), [3]]] },
  { name: 'an ordinary component of a RAID-5', volume: 'Raid1', edits: [[inObject(26, 18), [2]]] },
  { name: 'a mirror of stripes', volume: 'Volume3', edits: [[inObject(21, 20), [1]]] },
  { name: 'a volume larger than its partitions', volume: 'Volume1', edits: [[inObject(8, 56), [1]]] },
  { name: 'a gap in the volume', volume: 'Volume2', edits: [[inObject(14, 39), [1]]] },
  { name: 'another size of stripes', volume: 'Stripe1', edits: [[inObject(17, 47), [64]]] },
  { name: 'a column too few', volume: 'Stripe1', edits: [[inObject(17, 49), [3]]] },
  { name: 'a column twice', volume: 'Stripe1', edits: [[inObject(19, 48), [0]]] },
  { name: 'columns of different sizes', volume: 'Stripe1', edits: [[inObject(18, 41), [0x17]]] },
  {
    name: 'columns that end within a stripe',
    volume: 'Stripe1',
    edits: [
      [inObject(16, 55), [0x2f, 0xfe]],
      [inObject(18, 41), [0x17, 0xff]],
      [inObject(19, 41), [0x17, 0xff]],
    ],
  },
];

const linesOf = (active: readonly ActiveBlocks[], name: string): VolumeReport[] =>
  active.flatMap(({ volumes }) => volumes.filter(({ label }) => label === `Fixture-Dg0/${name}`));
const ldmLine = ({ volumes }: ActiveBlocks): VolumeReport | undefined =>
  volumes.find(({ fileSystem }) => fileSystem === 'LDM');
const droppedOf = (active: readonly ActiveBlocks[], disks: readonly Buffer[]) =>
  active.map(({ keep }, i) => complement(keep, disks[i]!.length));

function assertAllKept(active: readonly ActiveBlocks[], disks: readonly Buffer[]): void {
  assert.isTrue(droppedOf(active, disks).every((dropped) => dropped.length === 0));
  assert.isTrue(active.every(({ state }) => state === 'unfiltered'));
}

describe('mapAllActiveBlocks over a disk group that is not as it should be', () => {
  for (const { name, gate, disks: make } of groupCases) {
    it(`answers ${gate} for ${name}, on every disk`, async () => {
      const disks = make();
      const active = await mapTogether(disks);
      for (const each of active) {
        assert.include(ldmLine(each), { gate }, ldmLine(each)?.reason ?? '');
        assert.lengthOf(each.warnings, 1);
      }
      assertAllKept(active, disks);
    });
  }

  const ofOneDisk = [
    ...diskCases.map((each) => ({ ...each, disk: 1 })),
    ...gptCases.map((each) => ({ ...each, disk: 2 })),
  ];
  for (const { name, gate, disks: make, disk } of ofOneDisk) {
    it(`answers ${gate} for ${name}`, async () => {
      const disks = make();
      const active = await mapTogether(disks);
      for (const [i, each] of active.entries()) {
        assert.equal(ldmLine(each)?.gate, i === disk ? gate : 'ldm-incomplete', ldmLine(each)?.reason ?? '');
      }
      assertAllKept(active, disks);
    });
  }

  for (const { name, volume, edits } of volumeCases) {
    it(`answers ldm-not-plain for ${name}, of that volume alone`, async () => {
      const active = await mapTogether(withConfiguration(...edits));
      const lines = linesOf(active, volume);
      assert.isNotEmpty(lines);
      for (const line of lines) assert.include(line, { gate: 'ldm-not-plain', skippedBytes: 0 });
      const others = active.flatMap(({ volumes }) => volumes.filter(({ gate }) => gate === null));
      assert.lengthOf(new Set(others.map(({ label }) => label)), loadGroup().volumes.length);
      assert.lengthOf(
        active.flatMap(({ warnings }) => warnings),
        1,
      );
    });
  }
});

describe('mapAllActiveBlocks over a damaged configuration', () => {
  const runs = Number(process.env['BLOCKHOUSE_LDM_RUNS'] ?? 20);
  const unneeded = loadDynamicDisks().map((disk) => disk.unneeded);

  it(`drops no more than it may when all copies are damaged alike (${runs} seeds)`, async () => {
    for (let seed = 1; seed <= runs; seed++) {
      const damage = damageIn([{ at: 0, lengthBytes: 32 * 128 }], seed);
      const disks = withConfiguration(...damage.map(({ at, bytes }): Edit => [at, [...bytes]]));
      const dropped = droppedOf(await mapTogether(disks), disks);
      for (const [i, extents] of dropped.entries()) {
        assert.deepEqual(intersect(extents, unneeded[i]!), extents, `disk ${i + 1}, seed ${seed}`);
      }
    }
  });
});

describe('mapAllActiveBlocks over what is there twice', () => {
  const raid = loadGroup().volumes.find(({ kind }) => kind === 'raid5')!;
  const mirror = loadGroup().volumes.find(({ kind }) => kind === 'mirrored')!;
  const [, [other]] = mirror.plexes as [never, [[number, number, number]]];

  it('answers ldm-parity where a column does not fit the others', async () => {
    const [disk, first] = raid.plexes[0]!.at(-1)!; // the parity of row 0
    const disks = withChange((all) => void (all[disk]![first * SECTOR + 3]! ^= 1));
    const active = await mapTogether(disks);
    const lines = linesOf(active, raid.name);
    assert.lengthOf(lines, 3);
    for (const line of lines) assert.include(line, { gate: 'ldm-parity', skippedBytes: 0 });
    assert.deepEqual(
      active.map(({ state }) => state),
      ['partly', 'partly', 'partly'],
    );
    assert.lengthOf(
      active.flatMap(({ warnings }) => warnings),
      1,
    );
  });

  it('keeps both halves of a mirror whole when it does not know one of them', async () => {
    const disks = withChange(
      (all) => void all[other[0]]!.fill(0, other[1] * SECTOR, (other[1] + 200) * SECTOR),
    );
    const lines = linesOf(await mapTogether(disks), mirror.name);
    assert.lengthOf(lines, 2);
    for (const line of lines) assert.include(line, { gate: 'not-filtered', skippedBytes: 0 });
  });

  it('keeps both halves of a mirror whole when one of them raises a doubt', async () => {
    const disks = withChange((all) => void (all[other[0]]![other[1] * SECTOR + 13] = 3));
    const lines = linesOf(await mapTogether(disks), mirror.name);
    for (const line of lines) assert.include(line, { gate: bad, skippedBytes: 0 });
  });

  it('keeps what one half of a mirror calls used', async function () {
    if (!hasProgram('ntfscat')) {
      console.log('      not compared: ntfscat is not installed');
      this.skip();
    }
    await using folder = await tempFolder();
    const disks = withChange(() => undefined);
    const half = assemble(mirror, disks, 1);
    writeFileSync(folder.file('half.raw'), half);
    const bitmap = bitmapByNtfscat(folder.file('half.raw'));
    const before = await mapTogether(disks);
    const bitmapAt = half.indexOf(bitmap);
    const byte = bitmap.lastIndexOf(0); // eight free clusters in a row
    disks[other[0]]![other[1] * SECTOR + bitmapAt + byte] = 0xff;
    const after = await mapTogether(disks);
    const clusters = { start: byte * 8 * mirror.clusterBytes, length: 8 * mirror.clusterBytes };
    for (const [[disk, first]] of mirror.plexes as readonly (readonly [[number, number, number]])[]) {
      const place = { start: first * SECTOR + clusters.start, length: clusters.length };
      assert.equal(totalLength(intersect(droppedOf(before, disks)[disk]!, [place])), clusters.length);
      assert.isTrue(covers(after[disk]!.keep, place), `disk ${disk + 1}`);
    }
    const kept = linesOf(after, mirror.name).flatMap((line) => line.kept);
    // one of the halves is the first one on record, and has these clusters free
    assert.deepEqual(kept, [{ why: 'in use in another half of the mirror', bytes: clusters.length }]);
  });
});
