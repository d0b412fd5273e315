/**
 * The filter over committed volumes of ext2, ext3 and ext4 that were caught while mounted: it drops what e2fsprogs call free once the
 * journal is replayed, and every gate closes for the state it is there for.
 */
import { writeFileSync } from 'node:fs';
import { assert } from 'chai';
import { complement } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { crc32c } from '../../worker/filter/crc32c.ts';
import { assertSoundByE2fsck, replayByE2fsck } from '../support/ext-oracle.ts';
import { listExtStates, loadExtState } from '../support/ext-states.ts';
import { keepAllOptions } from '../support/filter-options.ts';
import { readerOf } from '../support/image-reader.ts';
import { hasProgram, runProgram } from '../support/ntfs-oracle.ts';
import { tempFolder } from '../support/temp.ts';

const map = (bytes: Uint8Array): Promise<ActiveBlocks> =>
  mapActiveBlocks(readerOf(bytes), keepAllOptions, new AbortController().signal);

const MAGIC = Buffer.from('c03b3998', 'hex');
const SUPERBLOCK = 1024;

/** Sets the superblock's checksum to what its bytes want. */
function seal(volume: Buffer): void {
  const sum = crc32c(0xffffffff, volume.subarray(SUPERBLOCK, SUPERBLOCK + 1020));
  volume.writeUInt32LE(sum, SUPERBLOCK + 1020);
}

/** Where blocks of a kind lie in the journal of a volume with blocks of 1 or 4 KiB; the journal's superblocks are 3 and 4. */
function journalBlocks(volume: Buffer, kind: number): number[] {
  const found: number[] = [];
  for (let at = volume.indexOf(MAGIC); at >= 0; at = volume.indexOf(MAGIC, at + 1024)) {
    if (at % 1024 === 0 && volume.readUInt32BE(at + 4) === kind) found.push(at);
  }
  return found;
}

describe('mapActiveBlocks over ext volumes caught while mounted', function () {
  this.timeout(60_000);

  for (const { name, description, gate, free, staleBytes } of listExtStates()) {
    it(`answers ${gate ?? 'the free bytes'} of ${name}: ${description}`, async () => {
      const volume = loadExtState(name);
      const active = await map(volume);
      assert.include(active.volumes[0], { fileSystem: name.slice(0, 4), gate });
      assert.deepEqual(
        complement(active.keep, volume.length).map(({ start, length }) => [start, length]),
        free.map(([start, length]) => [start, length]),
      );
      if (name.endsWith('-crash')) assert.isAbove(staleBytes, 1_000_000);
    });
  }

  for (const name of [
    'ext4-crash',
    'ext4-frozen',
    'ext4-data-journal',
    'ext3-crash',
    'ext4-bigalloc-crash',
  ]) {
    it(`drops nothing of ${name} that e2fsck or a file misses`, async function () {
      if (!hasProgram('e2fsck') || !hasProgram('debugfs')) {
        console.log('      skipped: e2fsprogs are not installed');
        this.skip();
      }
      await using folder = await tempFolder();
      const volume = loadExtState(name);
      const active = await map(volume);
      const listings: string[] = [];
      for (const isFilled of [false, true]) {
        if (isFilled) {
          for (const { start, length } of complement(active.keep, volume.length)) {
            volume.fill('overwritten!', start, start + length);
          }
        }
        const file = folder.file('volume.raw');
        writeFileSync(file, volume);
        replayByE2fsck(file);
        assertSoundByE2fsck(file);
        const tree = folder.file(`tree-${isFilled}`);
        runProgram('sh', ['-c', 'mkdir "$1" && debugfs -R "rdump / $1" "$2"', 'sh', tree, file]);
        listings.push(
          runProgram('sh', [
            '-c',
            'cd "$1" && find . -type f | sort | xargs sha256sum',
            'sh',
            tree,
          ]).toString(),
        );
      }
      assert.isAbove(listings[0]!.length, 3000);
      assert.equal(listings[1], listings[0]);
    });
  }
});

interface Case {
  readonly name: string;
  readonly volume: string;
  readonly gate: string | null;
  readonly edit: (volume: Buffer) => void;
}

const superblock32 =
  (offset: number, value: number) =>
  (volume: Buffer): void => {
    volume.writeUInt32LE(value, SUPERBLOCK + offset);
  };
const superblock16 =
  (offset: number, value: number) =>
  (volume: Buffer): void => {
    volume.writeUInt16LE(value, SUPERBLOCK + offset);
  };
const journalSuperblock32 =
  (offset: number, value: number) =>
  (volume: Buffer): void => {
    volume.writeUInt32BE(value, journalBlocks(volume, 4)[0]! + offset);
  };
const flip =
  (kind: number, offset: number) =>
  (volume: Buffer): void => {
    const at = journalBlocks(volume, kind)[0]! + offset;
    volume[at] = volume[at]! ^ 0x10;
  };

const bad = 'structure-invalid';
/** ext3-crash has no checksums, so that edits reach what they are aimed at. Its descriptors lie in block 2. */
const cases: readonly Case[] = [
  {
    name: 'an unknown incompatible feature',
    volume: 'ext3-crash',
    gate: 'ext-features',
    edit: superblock32(96, 0x1006),
  },
  {
    name: 'an unknown read-only feature',
    volume: 'ext3-crash',
    gate: 'ext-features',
    edit: superblock32(100, 0x80),
  },
  {
    name: 'an unknown compatible feature',
    volume: 'ext3-crash',
    gate: null,
    edit: superblock32(92, 0x80000004),
  },
  { name: 'an unknown revision', volume: 'ext3-crash', gate: 'ext-features', edit: superblock32(76, 2) },
  {
    name: 'a device for journals',
    volume: 'ext3-crash',
    gate: 'journal-external',
    edit: superblock32(96, 0x8),
  },
  {
    name: 'a journal elsewhere',
    volume: 'ext3-crash',
    gate: 'journal-external',
    edit: superblock32(228, 0x801),
  },
  { name: 'the mark of errors', volume: 'ext3-crash', gate: 'errors-marked', edit: superblock16(58, 3) },
  { name: 'no mark of a clean volume', volume: 'ext3-crash', gate: 'not-clean', edit: superblock16(58, 0) },
  { name: 'orphans being removed', volume: 'ext3-crash', gate: 'not-clean', edit: superblock16(58, 5) },
  {
    name: 'a journal that must not be replayed',
    volume: 'ext3-crash',
    gate: 'journal-contradicts',
    edit: superblock32(96, 2),
  },
  { name: 'a replay without a journal', volume: 'ext3-crash', gate: bad, edit: superblock32(92, 0) },
  {
    name: 'a size of clusters without bigalloc',
    volume: 'ext3-crash',
    gate: null,
    edit: superblock32(28, 99),
  },
  { name: 'a strange first block', volume: 'ext3-crash', gate: bad, edit: superblock32(20, 0) },
  { name: 'groups of no size', volume: 'ext3-crash', gate: bad, edit: superblock32(32, 0) },
  { name: 'more blocks than the partition', volume: 'ext3-crash', gate: bad, edit: superblock32(4, 30_000) },
  {
    name: 'more groups than any disk',
    volume: 'ext3-crash',
    gate: 'too-large',
    edit: (volume) => {
      superblock32(4, 0xffffffff)(volume);
      superblock32(32, 8)(volume);
    },
  },
  { name: 'fewer blocks than the first', volume: 'ext3-crash', gate: bad, edit: superblock32(4, 1) },
  { name: 'inodes of no size', volume: 'ext3-crash', gate: bad, edit: superblock16(88, 100) },
  { name: 'no inodes', volume: 'ext3-crash', gate: bad, edit: superblock32(40, 0) },
  {
    name: 'no such inode for the journal',
    volume: 'ext3-crash',
    gate: bad,
    edit: superblock32(224, 1_000_000),
  },
  { name: 'another file for the journal', volume: 'ext3-crash', gate: bad, edit: superblock32(224, 11) },
  {
    name: 'descriptors outside the volume',
    volume: 'ext3-crash',
    gate: bad,
    edit: (v) => void v.writeUInt32LE(0xfffffff0, 2048 + 8),
  },
  {
    name: 'an error in the journal',
    volume: 'ext3-crash',
    gate: 'errors-marked',
    edit: journalSuperblock32(32, 5),
  },
  {
    name: 'fast commits',
    volume: 'ext3-crash',
    gate: 'journal-fast-commit',
    edit: journalSuperblock32(40, 0x21),
  },
  {
    name: 'fast commits to come',
    volume: 'ext3-crash',
    gate: 'journal-fast-commit',
    edit: superblock32(92, 0x404),
  },
  {
    name: 'commits that need no wait',
    volume: 'ext3-crash',
    gate: 'ext-features',
    edit: journalSuperblock32(40, 0x5),
  },
  { name: 'checksums of old', volume: 'ext3-crash', gate: 'ext-features', edit: journalSuperblock32(36, 1) },
  { name: 'a journal of other blocks', volume: 'ext3-crash', gate: bad, edit: journalSuperblock32(12, 4096) },
  {
    name: 'a journal longer than its file',
    volume: 'ext3-crash',
    gate: bad,
    edit: journalSuperblock32(16, 100_000),
  },
  { name: 'a log without a place', volume: 'ext3-crash', gate: bad, edit: journalSuperblock32(20, 0) },
  {
    name: 'a log that begins behind its end',
    volume: 'ext3-crash',
    gate: bad,
    edit: journalSuperblock32(28, 99_999),
  },
  { name: 'no magic in the journal', volume: 'ext3-crash', gate: bad, edit: journalSuperblock32(0, 1) },
  {
    name: 'a wrong checksum of the superblock',
    volume: 'ext4-crash',
    gate: bad,
    edit: superblock32(1020, 1),
  },
  {
    name: 'checksums of an unknown kind',
    volume: 'ext4-crash',
    gate: 'ext-features',
    edit: (v) => {
      v[SUPERBLOCK + 373] = 9;
      seal(v);
    },
  },
  {
    name: 'group descriptors of no size',
    volume: 'ext4-crash',
    gate: bad,
    edit: (v) => {
      superblock16(254, 48)(v);
      seal(v);
    },
  },
  { name: 'a wrong checksum of the journal', volume: 'ext4-crash', gate: bad, edit: flip(4, 252) },
  { name: 'a wrong kind of checksum in the journal', volume: 'ext4-crash', gate: bad, edit: flip(4, 80) },
  { name: 'a wrong checksum of a tag block', volume: 'ext4-crash', gate: bad, edit: flip(1, 20) },
  { name: 'a wrong checksum of a commit', volume: 'ext4-crash', gate: bad, edit: flip(2, 40) },
  {
    name: 'clusters smaller than blocks',
    volume: 'ext4-bigalloc-crash',
    gate: bad,
    edit: (v) => {
      v.writeUInt32LE(77, SUPERBLOCK + 28);
      seal(v);
    },
  },
  {
    name: 'META_BG behind all descriptors',
    volume: 'ext3-crash',
    gate: bad,
    edit: (v) => {
      superblock32(96, 0x16)(v);
      superblock32(260, 50)(v);
    },
  },
];

describe('mapActiveBlocks over ext volumes, gate by gate', function () {
  this.timeout(20_000);

  for (const { name, volume, gate, edit } of cases) {
    it(`answers ${gate ?? 'no gate'} for ${name}`, async () => {
      const bytes = loadExtState(volume);
      edit(bytes);
      const active = await map(bytes);
      assert.equal(active.volumes[0]?.gate, gate, active.volumes[0]?.reason ?? '');
      if (gate !== null) assert.equal(active.usedBytes, bytes.length);
    });
  }

  it('keeps a frozen volume whose bitmap is another than its group counts', async () => {
    const bytes = loadExtState('ext3-crash');
    superblock32(96, 2)(bytes);
    journalSuperblock32(28, 0)(bytes);
    bytes.writeUInt16LE(bytes.readUInt16LE(2048 + 12) + 1, 2048 + 12);
    assert.equal((await map(bytes)).volumes[0]?.gate, 'bitmap-contradicts');
  });

  it('keeps a volume whose bitmap calls its own inodes free', async () => {
    const bytes = loadExtState('ext3-crash');
    superblock32(96, 2)(bytes);
    journalSuperblock32(28, 0)(bytes);
    const bitmap = bytes.readUInt32LE(2048) * 1024;
    bytes[bitmap] = bytes[bitmap]! & 0xfe;
    bytes.writeUInt16LE(bytes.readUInt16LE(2048 + 12) + 1, 2048 + 12);
    assert.equal((await map(bytes)).volumes[0]?.gate, 'bitmap-contradicts');
  });

  it('keeps a volume with checksums of which a bitmap or a descriptor is changed', async () => {
    for (const offset of [12, 0]) {
      const bytes = loadExtState('ext4-frozen');
      const at = offset === 0 ? bytes.readUInt32LE(4096) * 4096 : 4096 + offset;
      bytes[at] = bytes[at]! ^ 1;
      assert.equal((await map(bytes)).volumes[0]?.gate, bad);
    }
  });
});
