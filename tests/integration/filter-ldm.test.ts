/**
 * The filter over dynamic disks: volumes over several disks are looked into, what is dropped is what ntfscat calls free, and
 * nothing of a file is lost. The disks were made by scripts/fixtures/ldm-disks.py and confirmed by ldmtool; Windows' own are in
 * ../shared/images and are left out without it.
 */
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assert } from 'chai';
import { planDiskRead } from '../../shared/domain/disk-read-plan.ts';
import { complement, intersect, normalize, totalLength } from '../../shared/domain/extent.ts';
import { type ActiveBlocks } from '../../worker/filter/active-blocks.ts';
import {
  type MadeVolume,
  SECTOR,
  assemble,
  loadDynamicDisks,
  loadGroup,
  mapTogether,
} from '../support/ldm-group.ts';
import { bitmapByNtfscat, freeRunsOf, hasProgram, runProgram } from '../support/ntfs-oracle.ts';
import { tempFolder } from '../support/temp.ts';

const IMAGES = fileURLToPath(new URL('../../../shared/images/ldm-data.tar.xz', import.meta.url));
const PATTERN = 0x5a;
const group = loadGroup();

const droppedOf = (active: readonly ActiveBlocks[], disks: readonly Uint8Array[]) =>
  active.map(({ keep }, i) => complement(keep, disks[i]!.length));

/** A copy of the disks with a pattern over all that the filter dropped. */
async function overwriteDropped(disks: readonly Uint8Array[]): Promise<Buffer[]> {
  const dropped = droppedOf(await mapTogether(disks), disks);
  return disks.map((bytes, i) => {
    const copy = Buffer.from(bytes);
    for (const { start, length } of dropped[i]!) copy.fill(PATTERN, start, start + length);
    return copy;
  });
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('mapAllActiveBlocks over the committed disk group', function () {
  this.timeout(60_000);
  const disks = loadDynamicDisks();
  const bytes = disks.map((disk) => disk.bytes);
  let active: readonly ActiveBlocks[];

  before(async () => {
    active = await mapTogether(bytes);
  });

  it('has volumes whose content the maker wrote', () => {
    for (const volume of group.volumes)
      assert.equal(sha256(assemble(volume, bytes)), volume.sha256, volume.name);
  });

  it('drops exactly what nobody needs', () => {
    for (const [i, dropped] of droppedOf(active, bytes).entries()) {
      assert.deepEqual(dropped, disks[i]!.unneeded, `disk ${i + 1}`);
      assert.isAbove(totalLength(dropped), 2_000_000);
    }
    for (const { state, warnings } of active) {
      assert.equal(state, 'filtered');
      assert.deepEqual(warnings, []);
    }
  });

  it('tells of each disk which volumes lie on it', () => {
    const lines = active.map(({ volumes }) =>
      volumes.map(({ fileSystem, label }) => `${fileSystem} ${label ?? ''}`.trim()),
    );
    const own = (...names: string[]): string[] => names.map((name) => `NTFS Fixture-Dg0/${name}`);
    assert.deepEqual(lines, [
      ['LDM Fixture-Dg0', ...own('Volume1', 'Volume2', 'Stripe1', 'Raid1')],
      ['LDM Fixture-Dg0', ...own('Volume2', 'Stripe1', 'Volume3', 'Raid1')],
      ['LDM metadata', 'Microsoft reserved', 'LDM Fixture-Dg0', ...own('Volume2', 'Volume3', 'Raid1')],
    ]);
    const [simple] = active[0]!.volumes.filter(({ label }) => label === 'Fixture-Dg0/Volume1');
    assert.include(simple, {
      gate: null,
      clusterBytes: 512,
      startBytes: 128 * SECTOR,
      lengthBytes: 6144 * SECTOR,
    });
    assert.equal(simple!.skippedBytes, simple!.freeBytes);
  });

  it('tells what the file system counts only where all of the volume lies', () => {
    const countsOf = (name: string) =>
      active.map(({ volumes }) => {
        const line = volumes.find(({ label }) => label === `Fixture-Dg0/${name}`);
        return line === undefined ? null : line.freeBytes !== null;
      });
    assert.deepEqual(countsOf('Volume1'), [true, null, null]);
    assert.deepEqual(countsOf('Volume2'), [false, false, false]);
    assert.deepEqual(countsOf('Volume3'), [null, true, true]);
  });

  it('says what it keeps of a RAID-5 beside its used stripes', () => {
    const raid = active.flatMap(({ volumes }) =>
      volumes.filter(({ label }) => label === 'Fixture-Dg0/Raid1'),
    );
    assert.lengthOf(raid, 3);
    assert.lengthOf(
      raid.flatMap(({ kept }) => kept),
      1,
    );
    assert.equal(raid[0]!.kept[0]!.why, 'in a row of the RAID-5 that is in use');
    assert.isTrue(raid.every(({ skippedBytes }) => skippedBytes === raid[0]!.skippedBytes));
  });

  it('leaves every file as it is when what is dropped is overwritten', async function () {
    if (!hasProgram('ntfscat')) {
      console.log('      not compared: ntfscat is not installed');
      this.skip();
    }
    const after = await overwriteDropped(bytes);
    await using folder = await tempFolder();
    for (const volume of group.volumes) {
      for (const plex of volume.plexes.keys()) {
        const content = assemble(volume, after, plex);
        assert.isTrue(
          content.includes(Buffer.alloc(SECTOR, PATTERN)),
          `${volume.name} has something dropped`,
        );
        checkFiles(volume, content, folder.file('volume.raw'));
      }
    }
  });

  it('leaves the parity of a RAID-5 true: a lost disk can be computed from the others', async () => {
    const after = (await overwriteDropped(bytes)).map((disk, i) => {
      // what is dropped comes back as zeros
      for (const { start, length } of disks[i]!.unneeded) disk.fill(0, start, start + length);
      return disk;
    });
    const raid = group.volumes.find(({ kind }) => kind === 'raid5')!;
    const columns = raid.plexes[0]!.map(([disk, first, sectors]) =>
      after[disk]!.subarray(first * SECTOR, (first + sectors) * SECTOR),
    );
    const wrong = columns[0]!.findIndex((byte, i) => (byte ^ columns[1]![i]! ^ columns[2]![i]!) !== 0);
    assert.equal(wrong, -1);
  });

  it('leaves the parity of a RAID-5 true in an increment whose base has rows that are free now', () => {
    const raid = group.volumes.find(({ kind }) => kind === 'raid5')!;
    const restored = active.map(({ keep, droppedTogether }, i) => {
      const disk = Buffer.from(bytes[i]!);
      // the base has all; since then what is free was written on two of three disks, and freed
      const changed = i === 2 ? [] : complement(keep, disk.length);
      const plan = planDiskRead({
        capacityBytes: disk.length,
        keep,
        changed,
        droppedBefore: [],
        together: droppedTogether,
        knownZero: [],
      });
      assert.deepEqual(plan.read, []);
      for (const { start, length } of plan.dropped) disk.fill(0, start, start + length);
      return disk;
    });
    const columns = raid.plexes[0]!.map(([disk, first, sectors]) =>
      restored[disk]!.subarray(first * SECTOR, (first + sectors) * SECTOR),
    );
    assert.equal(
      columns[0]!.findIndex((byte, i) => (byte ^ columns[1]![i]! ^ columns[2]![i]!) !== 0),
      -1,
    );
    for (const { keep, droppedTogether } of active) {
      assert.isNotEmpty(droppedTogether);
      assert.deepEqual(intersect(keep, droppedTogether), []);
    }
  });

  it('finds each volume where ldmtool finds it', async function () {
    if (!hasProgram('ldmtool')) {
      console.log('      not compared: ldmtool is not installed');
      this.skip();
    }
    await using folder = await tempFolder();
    const files = bytes.map((disk, i) => {
      writeFileSync(folder.file(`${i}.raw`), disk);
      return folder.file(`${i}.raw`);
    });
    const lines = active.flatMap(({ volumes }, i) =>
      volumes
        .filter(({ fileSystem }) => fileSystem === 'NTFS')
        .map(
          ({ label, startBytes, lengthBytes }) =>
            `${label!.split('/')[1]!} ${i} ${startBytes} ${lengthBytes}`,
        ),
    );
    assert.deepEqual(lines.sort(), placesByLdmtool(files).sort());
  });

  it('finds the same in any order of the disks', async () => {
    const turned = await mapTogether([bytes[2]!, bytes[0]!, bytes[1]!]);
    assert.deepEqual(
      turned.map(({ keep }) => keep),
      [active[2]!.keep, active[0]!.keep, active[1]!.keep],
    );
  });
});

/** Of each part of each volume: name, number of the disk, first byte and length. */
function placesByLdmtool(files: readonly string[]): string[] {
  const ask = (...words: string[]): unknown =>
    JSON.parse(runProgram('ldmtool', [...files.flatMap((file) => ['-d', file]), ...words]).toString());
  const [guid] = ask('scan') as [string];
  const { volumes } = ask('show', 'diskgroup', guid) as { volumes: string[] };
  return volumes.flatMap((name) => {
    const { partitions } = ask('show', 'volume', guid, name) as { partitions: string[] };
    return partitions.map((partition) => {
      const part = ask('show', 'partition', guid, partition) as { start: number; size: number; disk: string };
      const disk = ask('show', 'disk', guid, part.disk) as { device: string; 'data-start': number };
      const start = (disk['data-start'] + part.start) * SECTOR;
      return `${name} ${files.indexOf(disk.device)} ${start} ${part.size * SECTOR}`;
    });
  });
}

function checkFiles(volume: MadeVolume, content: Buffer, file: string): void {
  writeFileSync(file, content);
  for (const { name, sha256: expected } of volume.files) {
    assert.equal(sha256(runProgram('ntfscat', [file, name])), expected, `${volume.name}: ${name}`);
  }
}

describe('mapAllActiveBlocks over dynamic disks that Windows wrote', function () {
  this.timeout(120_000);
  before(function () {
    if (existsSync(IMAGES)) return;
    console.log('      left out: ../shared/images is not there');
    this.skip();
  });

  const sets = [
    {
      set: 'ldm-2003r2',
      disks: 10,
      volumes: ['Raid1', 'Stripe1', 'Volume1', 'Volume2', 'Volume3', 'Volume4'],
    },
    { set: 'ldm-2008r2', disks: 9, volumes: ['Volume1', 'Volume2', 'Volume3', 'Volume4', 'Volume5'] },
  ];
  for (const { set, disks: count, volumes: names } of sets) {
    it(`filters all volumes of ${set}, and keeps what ntfscat calls used`, async () => {
      await using folder = await tempFolder();
      execFileSync('tar', ['-xJf', IMAGES, '-C', folder.path, '--wildcards', `${set}-*.img`]);
      const files = readdirSync(folder.path).sort();
      const disks = files.map((name) => readFileSync(folder.file(name)));
      assert.lengthOf(disks, count);
      const active = await mapTogether(disks);
      assert.isTrue(active.every(({ state, warnings }) => state === 'filtered' && warnings.length === 0));
      const lines = active.flatMap(({ volumes }) =>
        volumes.filter(({ fileSystem }) => fileSystem === 'NTFS'),
      );
      const found = new Set(lines.map(({ label }) => label!.split('/')[1]!));
      assert.deepEqual([...found].sort(), names);
      if (!hasProgram('ntfscat')) {
        console.log('      not compared: ntfscat is not installed');
        return;
      }
      // volumes that lie on one disk: all of its free clusters, and no others
      for (const [i, { volumes, keep }] of active.entries()) {
        for (const { startBytes, lengthBytes, clusterBytes, freeBytes } of volumes) {
          if (freeBytes === null || clusterBytes === null) continue;
          writeFileSync(folder.file('volume.raw'), disks[i]!.subarray(startBytes, startBytes + lengthBytes));
          const clusters = Math.floor((lengthBytes - SECTOR) / clusterBytes);
          const free = freeRunsOf(bitmapByNtfscat(folder.file('volume.raw')), clusters).map(
            ({ start, length }) => ({
              start: startBytes + start * clusterBytes,
              length: length * clusterBytes,
            }),
          );
          const own = [{ start: startBytes, length: lengthBytes }];
          const dropped = intersect(complement(keep, disks[i]!.length), own);
          assert.deepEqual(dropped, normalize(free), files[i]);
        }
      }
    });
  }

  it('keeps each disk whole when it is mapped alone', async () => {
    await using folder = await tempFolder();
    execFileSync('tar', ['-xJf', IMAGES, '-C', folder.path, '--wildcards', 'ldm-2008r2-*.img']);
    for (const name of readdirSync(folder.path)) {
      const [alone] = await mapTogether([readFileSync(folder.file(name))]);
      assert.lengthOf(alone!.keep, 1, name);
      assert.include(
        alone!.volumes.find(({ fileSystem }) => fileSystem === 'LDM'),
        { gate: 'ldm-incomplete' },
        name,
      );
      assert.lengthOf(alone!.warnings, 1, name);
    }
  });
});
