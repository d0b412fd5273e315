import { assert } from 'chai';
import { type ExtentSet, complement } from '../../../../shared/domain/extent.ts';
import { gateOfBytes, loadVolume, mapBytes } from '../../../support/volume-fixture.ts';
import {
  logRecords,
  placesOf,
  sealGroup,
  sealSuperblock,
  sealTree,
  treeRootAt,
} from '../../../support/xfs-bytes.ts';

const inBytes = (runs: ExtentSet, unit: number): ExtentSet =>
  runs.map(({ start, length }) => ({ start: start * unit, length: length * unit }));

interface Spoiling {
  readonly what: string;
  readonly gate: string;
  readonly of?: 'xfs-clean' | 'xfs-frozen' | 'xfs-v4' | 'xfs-crashed';
  readonly spoil: (bytes: Buffer) => void;
}

const putSuperblock =
  (offset: number, value: number, lengthBytes = 4) =>
  (bytes: Buffer): void => {
    bytes.writeUIntBE(value, offset, lengthBytes);
    sealSuperblock(bytes);
  };

const putGroup =
  (offset: number, change: (value: number) => number) =>
  (bytes: Buffer): void => {
    const at = placesOf(bytes).groupsAt[1]! + placesOf(bytes).sectorBytes;
    bytes.writeUInt32BE(change(bytes.readUInt32BE(at + offset)), at + offset);
    sealGroup(bytes, at);
  };

/** Changes the root of the tree by place of group 0, which is a node over leaves. */
const putRoot =
  (change: (root: Buffer) => void) =>
  (bytes: Buffer): void => {
    const at = treeRootAt(bytes, 0);
    const { blockBytes } = placesOf(bytes);
    change(bytes.subarray(at, at + blockBytes));
    sealTree(bytes, at, blockBytes);
  };

/** The same for the first leaf below it. */
const putLeaf =
  (change: (leaf: Buffer) => void) =>
  (bytes: Buffer): void => {
    const { blockBytes } = placesOf(bytes);
    const root = treeRootAt(bytes, 0);
    const room = Math.floor((blockBytes - 56) / 12);
    const at = bytes.readUInt32BE(root + 56 + 8 * room) * blockBytes;
    change(bytes.subarray(at, at + blockBytes));
    sealTree(bytes, at, blockBytes);
  };

const putLog =
  (offset: number, value: number, lengthBytes = 4) =>
  (bytes: Buffer): void => {
    bytes.writeUIntBE(value, logRecords(bytes).at(-1)! + offset, lengthBytes);
  };

/** Takes the checksum of the last record out, as tools write it, and changes it. */
const putLogWithoutCrc =
  (offset: number, value: number, lengthBytes = 4) =>
  (bytes: Buffer): void => {
    putLog(offset, value, lengthBytes)(bytes);
    putLog(32, 0)(bytes);
  };

const features: readonly Spoiling[] = [
  { what: 'version 3', gate: 'xfs-features', spoil: putSuperblock(100, 0xb4a3, 2) },
  { what: 'an unknown compatible feature', gate: 'xfs-features', spoil: putSuperblock(208, 1) },
  { what: 'an unknown read-only compatible feature', gate: 'xfs-features', spoil: putSuperblock(212, 0x10) },
  { what: 'an unknown incompatible feature', gate: 'xfs-features', spoil: putSuperblock(216, 0x201) },
  { what: 'the top bit as a feature', gate: 'xfs-features', spoil: putSuperblock(216, 0x80000001) },
  { what: 'a feature of its log', gate: 'xfs-features', spoil: putSuperblock(220, 1) },
  { what: 'the mark that it needs a repair', gate: 'errors-marked', spoil: putSuperblock(216, 0x11) },
  { what: 'shared versions', gate: 'xfs-features', of: 'xfs-v4', spoil: putSuperblock(100, 0xb6a4, 2) },
  { what: 'inodes of version 1', gate: 'xfs-features', of: 'xfs-v4', spoil: putSuperblock(100, 0xb484, 2) },
  { what: 'an unknown old feature', gate: 'xfs-features', of: 'xfs-v4', spoil: putSuperblock(200, 0x40a) },
  { what: 'a realtime part', gate: 'realtime', spoil: putSuperblock(20, 8) },
  {
    what: 'its log elsewhere',
    gate: 'log-external',
    spoil: (bytes) => {
      bytes.fill(0, 48, 56);
      sealSuperblock(bytes);
    },
  },
  { what: 'too many groups', gate: 'too-large', spoil: putSuperblock(88, 2 ** 21) },
];

const shapes: readonly Spoiling[] = [
  {
    what: 'a wrong checksum of its superblock',
    gate: 'structure-invalid',
    spoil: (bytes) => bytes.fill(1, 12, 14),
  },
  {
    what: 'sectors of 100 bytes',
    gate: 'structure-invalid',
    spoil: (bytes) => bytes.writeUInt16BE(100, 102),
  },
  { what: 'blocks of another size', gate: 'structure-invalid', spoil: putSuperblock(4, 2048) },
  { what: 'blocks of no size', gate: 'structure-invalid', spoil: putSuperblock(4, 1000) },
  { what: 'more blocks than its groups', gate: 'structure-invalid', spoil: putSuperblock(12, 70_000) },
  { what: 'groups of another shift', gate: 'structure-invalid', spoil: putSuperblock(124, 15, 1) },
  { what: 'its making under way', gate: 'structure-invalid', spoil: putSuperblock(126, 1, 1) },
  { what: 'a log outside its group', gate: 'structure-invalid', spoil: putSuperblock(96, 20_000) },
  { what: 'a log of no blocks', gate: 'structure-invalid', spoil: putSuperblock(96, 0) },
  {
    what: 'a copy of its superblock that is gone',
    gate: 'structure-invalid',
    spoil: (bytes) => bytes.fill(0, placesOf(bytes).groupsAt[2], placesOf(bytes).groupsAt[2]! + 4),
  },
  {
    what: 'a copy of its superblock with another shape',
    gate: 'structure-invalid',
    of: 'xfs-v4',
    spoil: (bytes) => bytes.writeUInt32BE(2000, placesOf(bytes).groupsAt[2]! + 96),
  },
];

const groups: readonly Spoiling[] = [
  { what: 'no header of a group', gate: 'structure-invalid', spoil: putGroup(0, () => 0) },
  {
    what: 'a wrong checksum of a group',
    gate: 'structure-invalid',
    spoil: (bytes) => bytes.writeUInt32BE(0, placesOf(bytes).groupsAt[3]! + 512 + 40),
  },
  { what: 'a group of another volume', gate: 'structure-invalid', spoil: putGroup(64, (word) => word ^ 1) },
  { what: 'a group with another number', gate: 'structure-invalid', spoil: putGroup(8, () => 2) },
  { what: 'a group of another length', gate: 'structure-invalid', spoil: putGroup(12, (word) => word - 1) },
  { what: 'a tree without levels', gate: 'structure-invalid', spoil: putGroup(28, () => 0) },
  { what: 'a tree with 10 levels', gate: 'structure-invalid', spoil: putGroup(28, () => 10) },
  { what: 'a root of another level', gate: 'structure-invalid', spoil: putGroup(28, (levels) => levels + 1) },
  { what: 'a root outside its group', gate: 'structure-invalid', spoil: putGroup(16, () => 0x7fffffff) },
  { what: 'a root that is no tree', gate: 'structure-invalid', spoil: putGroup(16, () => 0) },
  {
    what: 'another number of free blocks',
    gate: 'free-contradicts',
    spoil: putGroup(52, (free) => free - 1),
  },
];

const trees: readonly Spoiling[] = [
  {
    what: 'a wrong checksum in a tree',
    gate: 'structure-invalid',
    spoil: (bytes) => bytes.writeUInt16BE(1, treeRootAt(bytes, 0) + 100),
  },
  {
    what: 'a tree block of another place',
    gate: 'structure-invalid',
    spoil: putRoot((root) => root.fill(0, 16, 24)),
  },
  {
    what: 'a tree block of another group',
    gate: 'structure-invalid',
    spoil: putRoot((root) => root.fill(1, 48, 52)),
  },
  {
    what: 'a node without children',
    gate: 'structure-invalid',
    spoil: putRoot((root) => root.fill(0, 6, 8)),
  },
  {
    what: 'a node with too many children',
    gate: 'structure-invalid',
    spoil: putRoot((root) => root.fill(255, 6, 8)),
  },
  {
    what: 'a node that names a leaf twice',
    gate: 'structure-invalid',
    spoil: putRoot((root) => {
      const pointers = 56 + 8 * Math.floor((root.length - 56) / 12);
      root.copyWithin(pointers + 4, pointers, pointers + 4);
    }),
  },
  { what: 'an empty leaf', gate: 'structure-invalid', spoil: putLeaf((leaf) => leaf.fill(0, 6, 8)) },
  {
    what: 'more records than a leaf holds',
    gate: 'structure-invalid',
    spoil: putLeaf((leaf) => leaf.fill(255, 6, 8)),
  },
  {
    what: 'a record of no blocks',
    gate: 'structure-invalid',
    spoil: putLeaf((leaf) => leaf.writeUInt32BE(0, 60)),
  },
  {
    what: 'a record past its group',
    gate: 'structure-invalid',
    spoil: putLeaf((leaf) => leaf.fill(255, 60, 64)),
  },
  {
    what: 'records out of order',
    gate: 'structure-invalid',
    spoil: putLeaf((leaf) => leaf.writeUInt32BE(leaf.readUInt32BE(64), 56)),
  },
  {
    what: 'a header called free',
    gate: 'free-contradicts',
    spoil: putLeaf((leaf) => leaf.writeUInt32BE(1, 56)),
  },
  {
    what: 'trees that do not agree, without checksums',
    gate: 'free-contradicts',
    of: 'xfs-v4',
    spoil: (bytes) => {
      const at = treeRootAt(bytes, 3) + 16;
      bytes.writeUInt32BE(bytes.readUInt32BE(at) - 1, at);
    },
  },
];

const logs: readonly Spoiling[] = [
  { what: 'changes in its log', gate: 'log-open', of: 'xfs-crashed', spoil: () => undefined },
  {
    what: 'an empty log',
    gate: 'structure-invalid',
    spoil: (bytes) => bytes.fill(0, placesOf(bytes).logAt, placesOf(bytes).logAt + placesOf(bytes).logBytes),
  },
  {
    what: 'a log with a block of a strange round in its middle',
    gate: 'structure-invalid',
    spoil: (bytes) => {
      const { logAt, logBytes } = placesOf(bytes);
      bytes.writeUInt32BE(77, logAt + Math.floor((logBytes / 512 - 1) / 2) * 512);
    },
  },
  {
    what: 'a log whose rounds are mixed at the head',
    gate: 'log-open',
    spoil: (bytes) => bytes.writeUInt32BE(0, logRecords(bytes).at(-2)! + 4),
  },
  { what: 'a wrong checksum in its log', gate: 'structure-invalid', spoil: putLog(516, 0x1234) },
  { what: 'a record of another place', gate: 'structure-invalid', spoil: putLogWithoutCrc(20, 7) },
  { what: 'a record of version 3', gate: 'structure-invalid', spoil: putLogWithoutCrc(8, 3) },
  { what: 'a record of another volume', gate: 'structure-invalid', spoil: putLogWithoutCrc(304, 0) },
  { what: 'a record larger than a buffer', gate: 'structure-invalid', spoil: putLogWithoutCrc(12, 2 ** 20) },
  {
    what: 'a record with more data than headers',
    gate: 'structure-invalid',
    spoil: putLogWithoutCrc(12, 65_536),
  },
  { what: 'a last record that is not whole', gate: 'log-open', spoil: putLogWithoutCrc(12, 2048) },
  {
    what: 'an operation that leaves its record',
    gate: 'structure-invalid',
    spoil: putLogWithoutCrc(516, 2 ** 16),
  },
  { what: 'a last record of something else', gate: 'log-open', spoil: putLogWithoutCrc(521, 0, 1) },
  { what: 'a log that ends without a record', gate: 'log-open', spoil: (bytes) => blankLog(bytes) },
  {
    what: 'a frozen log without checksums',
    gate: 'log-open',
    of: 'xfs-frozen',
    spoil: putLogWithoutCrc(300, 1),
  },
  {
    what: 'a frozen log whose tail is elsewhere',
    gate: 'log-open',
    of: 'xfs-frozen',
    spoil: putLogWithoutCrc(28, 2 ** 30),
  },
];

/** Rounds as they should be, and nothing in them. */
function blankLog(bytes: Buffer): void {
  const { logAt, logBytes } = placesOf(bytes);
  bytes.fill(0, logAt, logAt + logBytes);
  for (let at = logAt; at < logAt + 100 * 512; at += 512) bytes.writeUInt32BE(1, at);
}

describe('examineXfs', function () {
  this.timeout(60_000);

  for (const [name, unit] of [
    ['xfs-clean', 1024],
    ['xfs-frozen', 1024],
    ['xfs-v4', 4096],
  ] as const) {
    it(`drops exactly what xfs_db calls free in ${name}`, async () => {
      const { bytes, free } = loadVolume(name);
      const { keep, volumes, state, warnings } = await mapBytes(bytes);
      assert.deepEqual(complement(keep, bytes.length), inBytes(free, unit));
      assert.include(volumes[0], { fileSystem: 'XFS', label: 'fixture', clusterBytes: unit, gate: null });
      assert.equal(volumes[0]!.usedBytes! + volumes[0]!.freeBytes!, bytes.length);
      assert.equal(state, 'filtered');
      assert.deepEqual(warnings, []);
    });
  }

  it('keeps a volume whole that is larger than its disk', async () => {
    const { bytes } = loadVolume('xfs-clean');
    assert.equal(await gateOfBytes(bytes.subarray(0, bytes.length - 4096)), 'structure-invalid');
  });

  for (const { what, gate, of = 'xfs-clean', spoil } of [
    ...features,
    ...shapes,
    ...groups,
    ...trees,
    ...logs,
  ]) {
    it(`keeps a volume whole with ${what}: ${gate}`, async () => {
      const { bytes } = loadVolume(of);
      spoil(bytes);
      assert.equal(await gateOfBytes(bytes), gate);
    });
  }
});
