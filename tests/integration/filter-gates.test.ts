/** Every gate of the filter, closed one by one on a committed disk: the volume is kept whole, with a warning that names the gate. */
import { assert } from 'chai';
import { hasCode } from '../../shared/base/errors.ts';
import { complement, subtract, totalLength, wholeOf } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { type BlockReader } from '../../worker/ports.ts';
import { keepAllOptions } from '../support/filter-options.ts';
import { type Overlay, readerOf } from '../support/image-reader.ts';
import { fileRecord, nonResident, restartPage, vssCatalog, vssHeader } from '../support/ntfs-bytes.ts';
import { CLEAR_BITS, SET_BITS, bitsRecord, logWriter } from '../support/ntfs-log.ts';
import { type DiskInMemory, diskInMemory } from '../support/ntfs-volume.ts';
import { shadowCopy } from '../support/vss-volume.ts';

const signal = new AbortController().signal;
const VSS_BLOCK_BYTES = 16 * 1024;
const VOLUME_RECORD = 3;
const LOG_RECORD = 2;
const BITMAP_RECORD = 6;
/** A file with content in clusters. */
const FILE_RECORD = 65;

interface GateCase {
  readonly name: string;
  readonly gate: string;
  readonly edit: (disk: DiskInMemory) => readonly Overlay[];
}

const byteAt = (at: number, value: number): Overlay => ({ at, bytes: Uint8Array.of(value) });

/** Restart pages over a log whose other bytes are blank. */
const withLog =
  (...pages: readonly Buffer[]) =>
  (disk: DiskInMemory): Overlay[] => [{ at: disk.contentAt(LOG_RECORD), bytes: Buffer.concat(pages) }];

/** A log that is open, and has nothing to tell. */
const withOpenLog = (disk: DiskInMemory, records: readonly Buffer[] = []): Overlay[] => {
  const log = logWriter({ version: [1, 1], logBytes: 64 * 1024 });
  const at = disk.contentAt(LOG_RECORD);
  const writes = [...log.checkpoint(), ...log.checkpoint()];
  for (const record of records) log.append(record);
  return [...writes, ...log.flush()].map((write) => ({ at: at + write.at, bytes: write.bytes }));
};

/** The value of a resident attribute lies 24 bytes behind its start. */
const valueAt = (disk: DiskInMemory, record: number, type: number): number =>
  disk.attributeAt(record, type) + disk.bytes.readUInt16LE(disk.attributeAt(record, type) + 20);

/** The byte of $Bitmap that has the first cluster of the MFT, all bits clear. */
const mftByte = (disk: DiskInMemory): number =>
  Math.floor((disk.recordAt(0) - disk.volumeAt) / disk.clusterBytes / 8);
const mftCalledFree = (disk: DiskInMemory): Overlay =>
  byteAt(disk.contentAt(BITMAP_RECORD) + mftByte(disk), 0);

const cases: readonly GateCase[] = [
  {
    name: 'the dirty flag',
    gate: 'volume-dirty',
    edit: (disk) => [byteAt(valueAt(disk, VOLUME_RECORD, 0x70) + 10, 1)],
  },
  {
    name: 'an unknown NTFS version',
    gate: 'ntfs-version',
    edit: (disk) => [byteAt(valueAt(disk, VOLUME_RECORD, 0x70) + 8, 4)],
  },
  {
    name: 'an open log without records',
    gate: 'log-unreadable',
    edit: withLog(restartPage({ flags: 0 }), restartPage({ flags: 0 })),
  },
  {
    name: 'an open log of version 2.0 without records',
    gate: 'log-unreadable',
    edit: withLog(restartPage({ flags: 0, version: [2, 0] }), restartPage({ flags: 0, version: [2, 0] })),
  },
  {
    name: 'a torn record of a file, when the log is open',
    gate: 'structure-invalid',
    edit: (disk) => [...withOpenLog(disk), byteAt(disk.recordAt(FILE_RECORD) + 510, 0x99)],
  },
  {
    name: 'a record marked bad, when the log is open',
    gate: 'structure-invalid',
    edit: (disk) => [...withOpenLog(disk), { at: disk.recordAt(FILE_RECORD), bytes: Buffer.from('BAAD') }],
  },
  {
    name: 'a record that contradicts itself, when the log is open',
    gate: 'structure-invalid',
    edit: (disk) => [...withOpenLog(disk), byteAt(disk.recordAt(FILE_RECORD) + 27, 0x7f)],
  },
  {
    name: 'a log of an unknown version',
    gate: 'log-version',
    edit: withLog(restartPage({ version: [5, 0] }), restartPage({ version: [5, 0] })),
  },
  { name: 'a log with one page', gate: 'structure-invalid', edit: withLog(restartPage()) },
  {
    name: 'a log that is blank only at its start',
    gate: 'structure-invalid',
    edit: (disk) => [byteAt(disk.contentAt(LOG_RECORD) + 100_000, 0)],
  },
  {
    name: 'a shadow copy whose store is on another volume',
    gate: 'guest-shadow-copies',
    edit: (disk) => [
      { at: disk.volumeAt + 0x1e00, bytes: vssHeader(0x2000n) },
      { at: disk.volumeAt + 0x2000, bytes: vssCatalog(0x2000, [{ type: 2 }]) },
    ],
  },
  {
    name: 'a bitmap that calls the MFT free',
    gate: 'bitmap-contradicts',
    edit: (disk) => [mftCalledFree(disk)],
  },
  {
    name: 'a bitmap that calls the MFT free, where an open log does not know of it',
    gate: 'bitmap-contradicts',
    edit: (disk) => [mftCalledFree(disk), ...withOpenLog(disk)],
  },
  {
    name: 'a bitmap of zeros',
    gate: 'bitmap-contradicts',
    edit: (disk) => [{ at: disk.contentAt(BITMAP_RECORD), bytes: new Uint8Array(disk.clusterBytes) }],
  },
  {
    name: 'a bitmap shorter than the volume',
    gate: 'structure-invalid',
    edit: (disk) => [{ at: disk.attributeAt(BITMAP_RECORD, 0x80) + 56, bytes: new Uint8Array(8) }],
  },
  {
    name: 'a torn $Bitmap record',
    gate: 'structure-invalid',
    edit: (disk) => [byteAt(disk.recordAt(6) + 510, 0x99)],
  },
  {
    name: 'another file in the place of $Bitmap',
    gate: 'structure-invalid',
    edit: (disk) => [byteAt(valueAt(disk, BITMAP_RECORD, 0x30) + 66, 0x41)],
  },
  {
    name: 'a record of the MFT without magic',
    gate: 'structure-invalid',
    edit: (disk) => [byteAt(disk.recordAt(0), 0)],
  },
  {
    name: 'a volume larger than its partition',
    gate: 'structure-invalid',
    edit: (disk) => [byteAt(disk.volumeAt + 44, 1)],
  },
  {
    name: 'the magic of ext4 in the boot area',
    gate: 'two-file-systems',
    edit: (disk) => {
      const superblock = Buffer.alloc(1024);
      superblock.writeUInt32LE(100, 4);
      superblock.writeUInt16LE(0xef53, 56);
      superblock.writeUInt32LE(0x40, 96);
      return [{ at: disk.volumeAt + 1024, bytes: superblock }];
    },
  },
];

describe('mapActiveBlocks, gate by gate', function () {
  this.timeout(20_000);
  let disk: DiskInMemory;

  before(async () => {
    disk = await diskInMemory('win-64k', 'before');
  });

  const map = (overlays: readonly Overlay[]): Promise<ActiveBlocks> =>
    mapActiveBlocks(readerOf(disk.bytes, overlays), keepAllOptions, signal);

  for (const { name, gate, edit } of cases) {
    it(`closes ${gate} for ${name}`, async () => {
      const active = await map(edit(disk));
      assert.equal(active.volumes[0]?.gate, gate);
      assert.deepEqual(active.keep, wholeOf(disk.bytes.length));
      assert.equal(active.state, 'unfiltered');
      assert.lengthOf(active.warnings, 1);
      const code = gate === 'structure-invalid' ? 'FS_STRUCTURE_INVALID' : 'FILTER_GATE_CLOSED';
      assert.equal(active.warnings[0]!.code, code);
      assert.match(
        active.warnings[0]!.message,
        new RegExp(`^Cannot filter the NTFS volume.* at byte ${disk.volumeAt}: `),
      );
    });
  }

  it('stays open for a log that was closed, and an empty catalog of shadow copies', async () => {
    const active = await map([
      ...withLog(restartPage(), restartPage())(disk),
      { at: disk.volumeAt + 0x1e00, bytes: vssHeader(0x2000n) },
      { at: disk.volumeAt + 0x2000, bytes: vssCatalog(0x2000, []) },
    ]);
    assert.equal(active.state, 'filtered');
    assert.deepEqual(active.keep, (await map([])).keep);
  });

  it('filters a volume whose open log has nothing to tell, as if it were closed', async () => {
    const active = await map(withOpenLog(disk));
    assert.equal(active.state, 'filtered');
    assert.deepEqual(active.keep, (await map([])).keep);
    assert.deepEqual(active.volumes[0]!.kept, []);
  });

  it('keeps the clusters of a file that $Bitmap calls free, when the log is open', async () => {
    const cluster = (disk.contentAt(FILE_RECORD) - disk.volumeAt) / disk.clusterBytes;
    const place = disk.contentAt(BITMAP_RECORD) + (cluster >> 3);
    const cleared = byteAt(place, disk.bytes[place]! & ~(1 << (cluster & 7)));
    const lost = await map([cleared]);
    assert.equal(totalLength(subtract((await map([])).keep, lost.keep)), disk.clusterBytes);
    const kept = await map([...withOpenLog(disk), cleared]);
    assert.deepEqual(kept.keep, (await map([])).keep);
    assert.deepEqual(kept.volumes[0]!.kept, [{ why: 'used by file records', bytes: disk.clusterBytes }]);
  });

  it('believes a $Bitmap that calls the MFT free, when the open log has allocated it since', async () => {
    const lcn = (disk.contentAt(BITMAP_RECORD) - disk.volumeAt) / disk.clusterBytes;
    const bits = { firstBit: 8 * mftByte(disk), bits: 8 };
    const record = bitsRecord({ redo: SET_BITS, undo: CLEAR_BITS, lcn, ...bits });
    const late = await map([mftCalledFree(disk), ...withOpenLog(disk, [record])]);
    assert.deepInclude(late.volumes[0], { gate: null });
    assert.deepEqual(subtract((await map([])).keep, late.keep), []);
    const short = bitsRecord({ redo: SET_BITS, undo: CLEAR_BITS, lcn, firstBit: bits.firstBit + 7, bits: 1 });
    const unexplained = await map([mftCalledFree(disk), ...withOpenLog(disk, [short])]);
    assert.equal(unexplained.volumes[0]!.gate, 'bitmap-contradicts');
  });

  it('keeps the clusters of a record that is sound in an unusual way', async () => {
    const free = complement((await map([])).keep, disk.bytes.length)[0]!.start;
    const runs = Buffer.from([0x27, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    runs.writeUInt16LE((free - disk.volumeAt) / disk.clusterBytes, 8);
    const bytes = fileRecord({}, nonResident({ type: 0x80, lastVcn: 0 }, runs));
    const active = await map([...withOpenLog(disk), { at: disk.recordAt(FILE_RECORD), bytes }]);
    assert.deepEqual(active.volumes[0]!.kept, [{ why: 'used by file records', bytes: disk.clusterBytes }]);
  });

  it('keeps what a shadow copy wants, or drops it with a warning when the job gives it up', async () => {
    const { startBytes, lengthBytes } = (await map([])).volumes[0]!;
    const free = complement((await map([])).keep, disk.bytes.length)[0]!.start - startBytes;
    const wanted = [free / VSS_BLOCK_BYTES];
    const overlays = shadowCopy({ at: 0x2000, volumeBytes: lengthBytes, wanted }, startBytes);
    const kept = await map(overlays);
    assert.deepEqual(kept.volumes[0]!.kept, [
      { why: 'shadow copies of the guest', bytes: disk.clusterBytes },
    ]);
    const dropped = await mapActiveBlocks(readerOf(disk.bytes, overlays), { dropShadowCopies: true }, signal);
    assert.deepEqual(dropped.keep, (await map([])).keep);
    assert.deepEqual(dropped.warnings, [
      {
        code: 'FILTER_SHADOW_COPIES_DROPPED',
        message:
          'Shadow copies of the guest will not work after a restore: ' +
          `the NTFS volume "${kept.volumes[0]!.label}" at byte ${startBytes}`,
      },
    ]);
  });

  it('counts the bytes that are kept and that were read', async () => {
    const active = await map([]);
    assert.equal(active.usedBytes, disk.bytes.length - active.volumes[0]!.skippedBytes);
    assert.isAbove(active.readBytes, 100_000);
  });

  it('is partly filtered when one of two volumes is kept', async () => {
    const two = await diskInMemory('win-two', 'before');
    const dirty = byteAt(valueAt(two, VOLUME_RECORD, 0x70) + 10, 1);
    const active = await mapActiveBlocks(readerOf(two.bytes, [dirty]), keepAllOptions, signal);
    assert.equal(active.state, 'partly');
    assert.deepEqual(
      active.volumes.map(({ gate }) => gate),
      ['volume-dirty', null],
    );
  });

  it('throws the failure of the transport', async () => {
    const end = readerOf(disk.bytes.subarray(0, 1024));
    const short: BlockReader = {
      ...end,
      capacityBytes: disk.bytes.length,
      read: (offset, into) => end.read(offset, into),
    };
    try {
      await mapActiveBlocks(short, keepAllOptions, signal);
      assert.fail('nothing was thrown');
    } catch (error) {
      assert.isTrue(hasCode(error, 'TRANSPORT_SHORT_READ'));
    }
  });

  it('throws the reason of an aborted signal', async () => {
    const reason = new Error('stop');
    try {
      await mapActiveBlocks(readerOf(disk.bytes), keepAllOptions, AbortSignal.abort(reason));
      assert.fail('nothing was thrown');
    } catch (error) {
      assert.equal(error, reason);
    }
  });
});
