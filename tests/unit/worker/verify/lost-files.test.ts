import { assert } from 'chai';
import fc from 'fast-check';
import { statSync } from 'node:fs';
import { AppError } from '../../../../shared/base/errors.ts';
import { KiB, MiB } from '../../../../shared/base/units.ts';
import { type Extent, type ExtentSet, slice } from '../../../../shared/domain/extent.ts';
import { type DiskBytes, diskBytesOf } from '../../../../worker/filter/disk-bytes.ts';
import { volumeDamage } from '../../../../worker/filter/gate.ts';
import { type LostFiles, filesOfLosses } from '../../../../worker/verify/lost-files.ts';
import { loadDisk, writeState } from '../../../support/fixtures.ts';
import { type Overlay, openImage, readerOf } from '../../../support/image-reader.ts';
import { extractVolume, hasProgram, runProgram } from '../../../support/ntfs-oracle.ts';
import { type DiskInMemory, diskInMemory } from '../../../support/ntfs-volume.ts';
import { tempFolder } from '../../../support/temp.ts';

const { signal } = new AbortController();
/** A file of "win-mbr" with two names: each of them is right. */
const LINK = '\\Users\\ann\\linked.txt';
const LINKED = '\\Users\\ann\\Documents\\report-001.txt';
const MFT = 0;

/** A disk whose `lost` bytes cannot be read. */
function damaged(disk: DiskBytes, lost: ExtentSet): DiskBytes {
  return {
    ...disk,
    readInto(offset, into) {
      const [first] = slice(lost, offset, offset + into.length);
      if (first !== undefined) return Promise.reject(volumeDamage('the disk', 'it is lost', first.start));
      return disk.readInto(offset, into);
    },
  };
}

const inMemory = ({ bytes }: DiskInMemory, overlays: readonly Overlay[] = []): DiskBytes =>
  diskBytesOf(readerOf(bytes, overlays), signal);

const pathsIn = ({ volumes }: LostFiles): string[] =>
  volumes.flatMap(({ files }) => files.map(({ path }) => path)).sort();

/** The files that ntfscluster finds in clusters of a volume, in our spelling. */
function pathsByNtfscluster(volume: string, clusters: Extent): string[] {
  const range = `${clusters.start}-${clusters.start + clusters.length - 1}`;
  const found = runProgram('ntfscluster', ['-f', '-c', range, volume]).toString();
  const paths = [...found.matchAll(/^Inode \d+ (.+)\/\$[A-Z_]+(?:\((.*)\))?$/gm)].map(
    ([line, path, name]) => {
      const isFolder = line.includes('$INDEX_ALLOCATION') || path === '/.';
      const stream = name !== undefined && line.includes('$DATA') ? `:${name}` : '';
      const ours = path!.replaceAll('/', '\\');
      return ours === '\\.' ? '\\' : `${ours}${isFolder ? '\\' : ''}${stream}`;
    },
  );
  return [...new Set(paths)].sort();
}

describe('filesOfLosses', () => {
  const name = 'win-gpt';
  let disk: DiskInMemory;
  before(async () => {
    disk = await diskInMemory(name, 'after');
  });

  const cluster = (number: number, count = 1): Extent => ({
    start: disk.volumeAt + number * disk.clusterBytes,
    length: count * disk.clusterBytes,
  });

  for (const [fixture, state] of [
    ['win-gpt', 'after'],
    ['win-two', 'after'],
    ['win-mbr', 'late'],
    ['win-64k', 'after'],
  ] as const) {
    it(`names the files of "${fixture}" that ntfscluster finds there`, async function () {
      this.timeout(60_000);
      if (!hasProgram('ntfscluster')) return void this.skip();
      await using folder = await tempFolder();
      const path = folder.file('disk.raw');
      await writeState(fixture, state, path);
      await using reader = await openImage(path);
      for (const { startBytes, lengthBytes, clusterBytes, clusters } of loadDisk(fixture).states.at(-1)!
        .volumes) {
        using volume = extractVolume(path, { start: startBytes, length: lengthBytes });
        assert.equal(statSync(volume.path).size, lengthBytes);
        const step = Math.ceil(clusters / 12);
        for (let start = 0; start < clusters; start += step) {
          const range = { start, length: Math.min(step, clusters - start) };
          const lost = { start: startBytes + start * clusterBytes, length: range.length * clusterBytes };
          const found = await filesOfLosses(diskBytesOf(reader, signal), [lost]);
          const expected = pathsByNtfscluster(volume.path, range);
          const ours = pathsIn(found).map((file) => (file === LINK ? LINKED : file));
          assert.deepEqual(ours.sort(), expected, `clusters from ${start}`);
          assert.deepInclude(found.volumes[0], { startBytes, fileSystem: 'NTFS', reason: null });
        }
      }
    });
  }

  it('tells how many bytes of each file are lost, and how many of none', async () => {
    const { runs } = disk.record(64).attributes.find(({ kind }) => kind === 'non-resident') as never as {
      runs: { lcn: number }[];
    };
    const lost = { start: cluster(runs[0]!.lcn).start + 100, length: 1000 };
    const found = await filesOfLosses(damaged(inMemory(disk), [lost]), [lost]);
    const [volume] = found.volumes;
    assert.deepEqual(
      volume!.files.map(({ bytes }) => bytes),
      [1000],
    );
    assert.deepInclude(volume, { filesBytes: 1000, lostBytes: 1000, moreFiles: 0, reason: null });
  });

  it('knows what lies in no volume, and in free space', async () => {
    const gap = { start: 512 * KiB, length: KiB };
    const found = await filesOfLosses(damaged(inMemory(disk), [gap]), [gap]);
    assert.deepEqual(found, { volumes: [], outsideBytes: KiB, reason: null });
    const state = loadDisk(name).states.at(-1)!.volumes[0]!;
    const [start, length] = state.allocatedRuns.at(-2)!;
    const free = cluster(start + length);
    const inFree = await filesOfLosses(damaged(inMemory(disk), [free]), [free]);
    assert.deepInclude(inFree.volumes[0], { files: [], filesBytes: 0, lostBytes: disk.clusterBytes });
  });

  it('names what it can when part of the MFT is lost, and says that there may be more', async () => {
    const content = { start: disk.contentAt(70), length: 1 };
    const record = { start: disk.recordAt(72), length: 4 * KiB };
    const lost = [record, content].sort((a, b) => a.start - b.start);
    const found = await filesOfLosses(damaged(inMemory(disk), lost), lost);
    assert.include(pathsIn(found), '\\$MFT');
    assert.lengthOf(pathsIn(found), 2);
    assert.match(found.volumes[0]!.reason!, /^4 file records of the MFT cannot be read/);
  });

  it('puts a question mark for a folder that cannot be read, and a number for a name', async () => {
    const content = { start: disk.contentAt(70), length: 1 };
    const all = await filesOfLosses(damaged(inMemory(disk), [content]), [content]);
    const file = pathsIn(all)[0]!;
    assert.match(file, /^\\Data\\/);
    const { value } = disk.record(70).attributes.find(({ type }) => type === 0x30) as never as {
      value: Buffer;
    };
    const folder = value[0]!;
    const spoilt = inMemory(disk, [{ at: disk.recordAt(folder), bytes: Buffer.from('BAAD') }]);
    assert.match(pathsIn(await filesOfLosses(spoilt, [content]))[0]!, /^\\\?\\/);
    const nameless = inMemory(disk, [{ at: disk.attributeAt(70, 0x30), bytes: Buffer.from([0xc0]) }]);
    assert.deepEqual(pathsIn(await filesOfLosses(nameless, [content])), ['file record 70']);
  });

  it('says why it knows nothing: no partition table, no MFT, another file system', async () => {
    const content = { start: disk.contentAt(70), length: 1 };
    const table = { start: 0, length: 512 };
    const noTable = await filesOfLosses(damaged(inMemory(disk), [table, content]), [table, content]);
    assert.deepInclude(noTable, { volumes: [], outsideBytes: 513 });
    assert.match(noTable.reason!, /at byte 0: it is lost/);
    const mft = { start: disk.recordAt(MFT), length: 1024 };
    const lost = [mft, content].sort((a, b) => a.start - b.start);
    const noMft = await filesOfLosses(damaged(inMemory(disk), lost), lost);
    assert.deepInclude(noMft.volumes[0], { fileSystem: 'NTFS', files: [], filesBytes: null });
    assert.match(noMft.volumes[0]!.reason!, /it is lost/);
    const noBoot = await filesOfLosses(damaged(inMemory(disk), [cluster(0)]), [cluster(0)]);
    assert.deepInclude(noBoot.volumes[0], { fileSystem: 'unknown', files: [] });
    await using folder = await tempFolder();
    await writeState('linux-ext4', 'after', folder.file('disk.raw'));
    await using reader = await openImage(folder.file('disk.raw'));
    const { startBytes } = loadDisk('linux-ext4').states[0]!.volumes[0]!;
    const { volumes } = await filesOfLosses(diskBytesOf(reader, signal), [{ start: startBytes, length: 1 }]);
    assert.match(volumes[0]!.reason!, /not looked up in this file system: ext/);
  });

  it('answers whatever the MFT holds', async () => {
    const wanted = [{ start: disk.volumeAt, length: disk.bytes.length - disk.volumeAt }];
    const records = disk.recordAt(0);
    const spoils = fc.array(fc.tuple(fc.nat(90 * KiB), fc.uint8Array({ minLength: 1, maxLength: 8 })), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(spoils, async (overlays) => {
        const placed = overlays.map(([at, bytes]) => ({ at: records + at, bytes }));
        const { volumes } = await filesOfLosses(inMemory(disk, placed), wanted);
        for (const { files } of volumes) assert.isAtMost(files.length, 100);
      }),
      { numRuns: 40 },
    );
  });

  it('counts the files that it does not name', async () => {
    const all = { start: disk.volumeAt + 64 * KiB, length: disk.bytes.length - disk.volumeAt - 2 * MiB };
    const { volumes } = await filesOfLosses(inMemory(disk), [all]);
    const [volume] = volumes;
    assert.isAtMost(volume!.files.length, 100);
    assert.equal(volume!.files.length + volume!.moreFiles, await countOf(all));
  });

  /** By asking for the places one after the other. */
  async function countOf(range: Extent): Promise<number> {
    const found = new Set<string>();
    for (const part of quarters(range)) {
      for (const path of pathsIn(await filesOfLosses(inMemory(disk), [part])))
        found.add(path.replace(/:.*/, ''));
    }
    return found.size;
  }

  it('gives up when the disk does, and not for what it holds', async () => {
    const away: DiskBytes = {
      ...inMemory(disk),
      readInto: () => Promise.reject(new AppError('DEVICE_OFFLINE', 'Cannot read')),
    };
    const error: unknown = await filesOfLosses(away, [cluster(9)]).catch((e: unknown) => e);
    assert.equal((error as AppError).code, 'DEVICE_OFFLINE');
  });
});

const quarters = ({ start, length }: Extent): Extent[] =>
  Array.from({ length: 16 }, (_, i) => ({
    start: start + Math.floor((i * length) / 16),
    length: Math.floor(((i + 1) * length) / 16) - Math.floor((i * length) / 16),
  }));
