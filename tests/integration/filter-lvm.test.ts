/** The filter over LVM2: logical volumes in pieces are looked into, and what is not plain or not complete is kept. */
import { writeFileSync } from 'node:fs';
import { assert } from 'chai';
import { complement, totalLength } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { listExtStates, loadExtState } from '../support/ext-states.ts';
import { keepAllOptions } from '../support/filter-options.ts';
import { readerOf } from '../support/image-reader.ts';
import { EXTENT, FIRST_EXTENT, UUIDS, groupText, logicalText, lvmDisk } from '../support/lvm-disk.ts';
import { hasProgram, runProgram } from '../support/ntfs-oracle.ts';
import { tempFolder } from '../support/temp.ts';

const map = (bytes: Uint8Array): Promise<ActiveBlocks> =>
  mapActiveBlocks(readerOf(bytes), keepAllOptions, new AbortController().signal);

const STATE = 'ext4-crash';
const volume = loadExtState(STATE);
const freeBytes = listExtStates()
  .find(({ name }) => name === STATE)!
  .free.reduce((sum, [, length]) => sum + length, 0);

/** The ext4 volume of six extents: two at extent 8, then four at extent 1. */
const root = logicalText('root', [
  ['pv0', 8, 2],
  ['pv0', 1, 4],
]);

function put(disk: Buffer): Buffer {
  volume.copy(disk, FIRST_EXTENT + 8 * EXTENT, 0, 2 * EXTENT);
  volume.copy(disk, FIRST_EXTENT + EXTENT, 2 * EXTENT);
  return disk;
}

describe('mapActiveBlocks over LVM2', () => {
  it('looks into a logical volume in two pieces', async () => {
    const disk = put(lvmDisk(groupText(root)));
    const active = await map(disk);
    assert.equal(active.state, 'filtered');
    assert.deepEqual(active.warnings, []);
    const [physical, logical] = active.volumes;
    assert.include(physical, { fileSystem: 'LVM2', label: 'vg', gate: null, skippedBytes: 0, startBytes: 0 });
    const expected = { fileSystem: 'ext4', label: 'vg/root', gate: null, skippedBytes: freeBytes };
    assert.include(logical, { ...expected, startBytes: FIRST_EXTENT + 8 * EXTENT, lengthBytes: 6 * EXTENT });
    const dropped = complement(active.keep, disk.length);
    assert.equal(totalLength(dropped), freeBytes);
    for (const { start, length } of dropped) {
      const extent = (start - FIRST_EXTENT) / EXTENT;
      const end = (start + length - FIRST_EXTENT) / EXTENT;
      assert.isTrue((extent >= 8 && end <= 10) || (extent >= 1 && end <= 5), `bytes at ${start}`);
    }
  });

  it('keeps what lies in logical volumes that it does not know', async () => {
    const active = await map(lvmDisk(groupText(logicalText('raw', [['pv0', 0, 1]]))));
    assert.include(active.volumes[1], { fileSystem: 'unknown', label: 'vg/raw', gate: 'not-filtered' });
    assert.equal(active.state, 'unfiltered');
  });

  it('keeps a physical volume inside a logical one', async () => {
    const disk = lvmDisk(groupText(logicalText('nested', [['pv0', 0, 8]])));
    lvmDisk(groupText(''), { extents: 4 }).copy(disk, FIRST_EXTENT);
    const active = await map(disk);
    assert.include(active.volumes[1], { fileSystem: 'LVM2', label: 'vg/nested', gate: 'not-filtered' });
  });

  it('takes a text that goes on at the start of its ring, and metadata that pvck reads', async function () {
    const text = groupText(root);
    const disk = put(lvmDisk(text, { textAt: FIRST_EXTENT - 4096 - 512 }));
    assert.equal((await map(disk)).state, 'filtered');
    if (!hasProgram('pvck')) {
      console.log('      not compared: pvck is not installed');
      return;
    }
    await using folder = await tempFolder();
    const file = folder.file('disk.raw');
    writeFileSync(file, disk);
    const config = 'devices { scan_lvs = 1 use_devicesfile = 0 }';
    const printed = runProgram('pvck', ['--config', config, '--dump', 'metadata', file]).toString();
    assert.include(printed, text.slice(0, text.indexOf('physical_volumes')));
  });
});

interface Case {
  readonly name: string;
  readonly gate: string;
  readonly disk: () => Buffer;
}

const bad = 'structure-invalid';
const withText = (text: string) => (): Buffer => put(lvmDisk(text));
const withByte = (at: number, value: number) => (): Buffer => {
  const disk = put(lvmDisk(groupText(root)));
  disk[at] = value;
  return disk;
};
const linear = 'lvm-not-linear';
const edited = (from: string, to: string) => withText(groupText(root).replace(from, to));

const cases: readonly Case[] = [
  { name: 'two stripes', gate: linear, disk: edited('"pv0", 8', '"pv0", 8, "pv0", 12') },
  { name: 'another kind of segment', gate: linear, disk: edited('"striped"', '"thin"') },
  { name: 'a hidden volume', gate: linear, disk: edited(', "VISIBLE"', '') },
  { name: 'a volume with an unknown status', gate: linear, disk: edited('"VISIBLE"', '"VISIBLE", "PVMOVE"') },
  { name: 'a volume on another logical one', gate: linear, disk: edited('"pv0", 8', '"pvmove0", 8') },
  {
    name: 'the origin of a snapshot',
    gate: linear,
    disk: withText(
      groupText(
        `${root}${logicalText('snap', [['pv0', 12, 1]], '').replace('stripe_count = 1', 'stripe_count = 1\norigin = "root"')}`,
      ),
    ),
  },
  {
    name: 'an exported group',
    gate: linear,
    disk: withText(groupText(root, { status: '"EXPORTED", "READ"' })),
  },
  { name: 'a second disk', gate: 'lvm-incomplete', disk: withText(groupText(root, { physical: UUIDS })) },
  {
    name: 'a missing volume',
    gate: 'lvm-incomplete',
    disk: edited('flags = []\npe_start', 'flags = ["MISSING"]\npe_start'),
  },
  {
    name: 'metadata that is kept elsewhere',
    gate: 'lvm-incomplete',
    disk: () => put(lvmDisk(null, { isIgnored: true })),
  },
  {
    name: 'metadata of other disks',
    gate: 'lvm-incomplete',
    disk: withText(groupText(root, { physical: [UUIDS[1]] })),
  },
  {
    name: 'volumes that overlap',
    gate: bad,
    disk: withText(groupText(root + logicalText('more', [['pv0', 9, 1]]))),
  },
  { name: 'a piece behind the last extent', gate: bad, disk: withText(groupText(root, { extents: 9 })) },
  {
    name: 'more extents than the disk',
    gate: bad,
    disk: withText(groupText(logicalText('root', [['pv0', 8, 40]]), { extents: 99 })),
  },
  { name: 'a segment too few', gate: bad, disk: edited('segment_count = 2', 'segment_count = 3') },
  { name: 'segments with a gap', gate: bad, disk: edited('start_extent = 2', 'start_extent = 3') },
  { name: 'a segment of another name', gate: bad, disk: edited('segment2', 'segment9') },
  { name: 'a piece at no whole extent', gate: bad, disk: edited('"pv0", 8', '"pv0", 8.5') },
  { name: 'extents without a size', gate: bad, disk: edited('extent_size = 8192', 'extent_size = 0') },
  { name: 'a number that is text', gate: bad, disk: edited('seqno = 1', 'seqno = "1"') },
  { name: 'a text that is a number', gate: bad, disk: edited('"group"', '7') },
  { name: 'two groups in one text', gate: bad, disk: withText(`${groupText(root)}other {\n}\n`) },
  { name: 'a value without a name', gate: bad, disk: edited('seqno = 1', '= 1') },
  { name: 'a name without a value', gate: bad, disk: edited('seqno = 1', 'seqno [') },
  { name: 'a name given twice', gate: bad, disk: edited('seqno = 1', 'seqno = 1 seqno = 2') },
  { name: 'an empty value', gate: bad, disk: edited('seqno = 1', 'seqno = }') },
  { name: 'a list without an end', gate: bad, disk: edited('flags = []', 'flags = ["a" "b"]') },
  { name: 'no text of LVM2', gate: bad, disk: edited('seqno = 1', '\u0001') },
  { name: 'a section without an end', gate: bad, disk: withText('vg {') },
  { name: 'sections that are too deep', gate: bad, disk: withText('a {'.repeat(20)) },
  { name: 'a wrong checksum of the label', gate: bad, disk: withByte(512 + 40, 0) },
  { name: 'a label of another sector', gate: bad, disk: withByte(512 + 8, 2) },
  { name: 'a wrong checksum of the header', gate: bad, disk: withByte(4096 + 40, 1) },
  { name: 'another magic', gate: bad, disk: withByte(4096 + 4, 1) },
  { name: 'a wrong checksum of the text', gate: bad, disk: withByte(4096 + 512, 1) },
  {
    name: 'two labels',
    gate: bad,
    disk: () => {
      const disk = put(lvmDisk(groupText(root)));
      disk.copy(disk, 1024, 512, 1024);
      return disk;
    },
  },
];

describe('mapActiveBlocks over LVM2, gate by gate', () => {
  for (const { name, gate, disk } of cases) {
    it(`answers ${gate} for ${name}`, async () => {
      const bytes = disk();
      const active = await map(bytes);
      assert.include(active.volumes[0], { fileSystem: 'LVM2', gate }, active.volumes[0]?.reason ?? '');
      const isPartial = active.volumes.some(({ skippedBytes }) => skippedBytes > 0);
      assert.isFalse(isPartial);
      assert.equal(active.usedBytes, bytes.length);
      assert.isNotEmpty(active.warnings);
    });
  }
});

describe('mapActiveBlocks over a physical volume that is in no group', () => {
  it('keeps it and says so, without a warning at every run', async () => {
    const bytes = put(lvmDisk(null));
    const { volumes, usedBytes, warnings } = await map(bytes);
    assert.deepInclude(volumes[0], {
      fileSystem: 'LVM2',
      gate: 'not-filtered',
      reason: 'The physical volume is in no volume group yet',
    });
    assert.deepEqual([usedBytes, warnings.length], [bytes.length, 0]);
  });
});
