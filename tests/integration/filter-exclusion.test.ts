/**
 * Files that a job leaves out, on committed disks: what is dropped beside free clusters is what ntfscluster calls the content of these
 * files, to the cluster; over all of it lies a pattern, and other files are still what they were. Needs ntfs-3g's programs.
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { assert } from 'chai';
import { type ExtentSet, complement, intersect, normalize, subtract } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { diskBytesOf } from '../../worker/filter/disk-bytes.ts';
import { filterOptionsOf } from '../../worker/filter/filter-options.ts';
import { findFiles, searchLimits } from '../../worker/filter/ntfs/excluded-files.ts';
import { findTarget } from '../../worker/filter/ntfs/excluded-targets.ts';
import { openMft } from '../../worker/filter/ntfs/mft.ts';
import { readUpperCase } from '../../worker/filter/ntfs/upper-case.ts';
import { readBootSector } from '../../worker/filter/ntfs/volume.ts';
import { VSS_BLOCK_BYTES } from '../../worker/filter/ntfs/vss-blocks.ts';
import { volumeBytesOf } from '../../worker/filter/volume-bytes.ts';
import { freeOf } from '../support/disk-oracle.ts';
import { loadDisk, writeState } from '../support/fixtures.ts';
import { openImage, readerOf } from '../support/image-reader.ts';
import { logWriter } from '../support/ntfs-log.ts';
import { type DiskInMemory, diskInMemory } from '../support/ntfs-volume.ts';
import { extractVolume, hasProgram, runProgram } from '../support/ntfs-oracle.ts';
import { type TempFolder, tempFolder } from '../support/temp.ts';
import { shadowCopy } from '../support/vss-volume.ts';

const DISK = 'win-mbr';
const STATE = 'before';
const { signal } = new AbortController();
const disk = loadDisk(DISK);
const [place] = disk.states[0]!.volumes;
const { startBytes, lengthBytes, clusterBytes } = place!;

interface Asked {
  readonly excludeSwap?: boolean;
  readonly excludePaths?: readonly string[];
}

async function mapFile(file: string, asked: Asked): Promise<ActiveBlocks> {
  await using reader = await openImage(file);
  return await mapActiveBlocks(reader, filterOptionsOf(asked), signal);
}

const filesUnder = (...paths: readonly string[]): string[] =>
  disk.states[0]!.files.map((file) => file.path).filter((name) =>
    paths.some((path) => name.startsWith(path)),
  );

/** Clusters of the unnamed content, as ntfscluster tells them. */
function contentOf(volume: string, file: string): ExtentSet {
  const text = runProgram('ntfscluster', ['-f', '-F', file, volume]).toString();
  const runs = /0x80 - non-resident\n.*\n((?: +\d+ +-?\d+ +\d+ *\n)*)/.exec(text)?.[1] ?? '';
  return runs.split('\n').flatMap((line) => {
    const [, , lcn, clusters] = /(\d+) +(-?\d+) +(\d+)/.exec(line) ?? [];
    if (lcn === undefined || lcn === '-1') return [];
    return [{ start: startBytes + Number(lcn) * clusterBytes, length: Number(clusters) * clusterBytes }];
  });
}

const dropped = ({ keep }: ActiveBlocks): ExtentSet => complement(keep, disk.capacityBytes);

describe('leaving files of NTFS out', function () {
  this.timeout(60_000);
  let folder: TempFolder | undefined;
  let image: string;
  let volume: ReturnType<typeof extractVolume> | undefined;

  before(async function () {
    const missing = ['ntfscluster', 'ntfscat'].filter((name) => !hasProgram(name));
    if (missing.length > 0) {
      console.log(`    skipped: not installed: ${missing.join(', ')}`);
      this.skip();
    }
    folder = await tempFolder();
    image = folder.file('disk.raw');
    await writeState(DISK, STATE, image);
    volume = extractVolume(image, { start: startBytes, length: lengthBytes });
  });
  after(async () => {
    volume?.[Symbol.dispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  const ofFiles = (files: readonly string[]): ExtentSet =>
    normalize(files.flatMap((file) => contentOf(volume!.path, file)));

  const cases: readonly (readonly [string, Asked, readonly string[]])[] = [
    ['the swap file', { excludeSwap: true }, ['/pagefile.sys']],
    ['one file, in any case', { excludePaths: ['\\USERS\\bob\\Mail.pst'] }, ['/Users/bob/mail.pst']],
    ['a sparse file', { excludePaths: ['/Users/bob/sparse.vhd'] }, ['/Users/bob/sparse.vhd']],
    ['a folder with compressed files and links', { excludePaths: ['\\Users\\ann'] }, ['/Users/ann/']],
    [
      'a name outside ASCII',
      { excludePaths: ['\\users\\ANN\\documents\\ÜBERSICHT – 見積書 2024.TXT'] },
      ['/Users/ann/Documents/Übersicht – 見積書 2024.txt'],
    ],
    [
      'two paths, one in the other',
      { excludePaths: ['\\Users\\bob', '\\Users\\bob\\mail.pst'] },
      ['/Users/bob/'],
    ],
    ['a path of the volume with its label', { excludePaths: ['Fixture:\\Users\\bob'] }, ['/Users/bob/']],
    ['nothing of a volume with another label', { excludePaths: ['Data:\\Users\\bob'] }, []],
    [
      'two names of one file',
      { excludePaths: ['\\Users\\ann\\Documents\\report-001.txt', '\\Users\\ann\\linked.txt'] },
      ['/Users/ann/linked.txt'],
    ],
  ];
  for (const [what, asked, paths] of cases) {
    it(`drops just ${what}`, async () => {
      const active = await mapFile(image, asked);
      assert.deepEqual(subtract(dropped(active), freeOf(DISK, STATE)), ofFiles(filesUnder(...paths)));
      assert.deepEqual(subtract(freeOf(DISK, STATE), dropped(active)), []);
    });
  }

  it('tells files and bytes of each path, and why nothing was left out', async () => {
    const paths = [
      '\\Users\\bob',
      '\\nothing',
      '\\pagefile.sys\\below',
      '\\$Extend\\$Quota',
      '\\Users\\ann\\linked.txt',
    ];
    const active = await mapFile(image, { excludeSwap: true, excludePaths: paths });
    const [mail, setup] = [8_388_608, 1_536_000];
    assert.deepEqual(active.volumes[0]!.excluded, [
      { path: '\\pagefile.sys', files: 1, bytes: 2_097_152, kept: null },
      { path: '\\Users\\bob', files: 3, bytes: mail + setup + 24 * 4096, kept: null },
      { path: '\\nothing', files: 0, bytes: 0, kept: 'there is no such name' },
      { path: '\\pagefile.sys\\below', files: 0, bytes: 0, kept: 'there is no such name' },
      { path: '\\$Extend\\$Quota', files: 0, bytes: 0, kept: '"$Extend" belongs to NTFS' },
      { path: '\\Users\\ann\\linked.txt', files: 0, bytes: 0, kept: '1 with names elsewhere' },
    ]);
    assert.deepEqual(
      active.warnings.map(({ code }) => code),
      ['FILTER_FILES_EXCLUDED'],
    );
    assert.include(active.warnings[0]!.message, '"\\pagefile.sys", "\\Users\\bob"');
  });

  it('says nothing where nothing was asked', async () => {
    const active = await mapFile(image, {});
    assert.notProperty(active.volumes[0], 'excluded');
    assert.isEmpty(active.warnings);
    assert.deepEqual(dropped(active), freeOf(DISK, STATE));
  });

  it('changes no other file when all that is dropped is overwritten', async () => {
    const asked = { excludeSwap: true, excludePaths: ['\\Users\\ann', '\\Windows\\Logs'] };
    const active = await mapFile(image, asked);
    const bytes = await readFile(image);
    for (const { start, length } of dropped(active)) bytes.fill('XY', start, start + length);
    const spoilt = folder!.file('spoilt.raw');
    await writeFile(spoilt, bytes.subarray(startBytes, startBytes + lengthBytes));
    const hashOf = (path: string): string =>
      createHash('sha256')
        .update(runProgram('ntfscat', ['-f', spoilt, path]))
        .digest('hex');
    const files = disk.states[0]!.files;
    for (const { path, sha256 } of files.filter((file) => /bob|Ledger|lib-01/.test(file.path))) {
      assert.equal(hashOf(path), sha256, path);
    }
    const gone = files.find(({ path }) => path.endsWith('/img-003.jpg'))!;
    assert.notEqual(hashOf(gone.path), gone.sha256);
    assert.lengthOf(runProgram('ntfscat', ['-f', spoilt, gone.path]), gone.lengthBytes);
  });
});

describe('leaving files out of a volume that raises doubts', () => {
  const paths = ['\\Users\\bob'];
  let whole: DiskInMemory;
  /** Record of `mail.pst`, of `bob`, and of `pagefile.sys`. */
  const numbers = new Map<string, number>();

  before(async () => {
    whole = await diskInMemory(DISK, STATE);
    for (let number = 24; number < 420; number++) {
      const at = whole.recordAt(number);
      if (whole.bytes.toString('latin1', at, at + 4) !== 'FILE') continue;
      for (const attribute of whole.record(number).attributes) {
        if (attribute.kind !== 'resident' || attribute.type !== 0x30) continue;
        const name = Buffer.from(attribute.value).toString('utf16le', 66, 66 + 2 * attribute.value[64]!);
        numbers.set(name, number);
      }
    }
  });

  async function excludedAfter(spoil: (bytes: Buffer) => void, asked: Asked = { excludePaths: paths }) {
    const bytes = Buffer.from(whole.bytes);
    spoil(bytes);
    const active = await mapActiveBlocks(readerOf(bytes), filterOptionsOf(asked), signal);
    return { gate: active.volumes[0]!.gate, excluded: active.volumes[0]!.excluded ?? [], active };
  }
  const numberOf = (name: string): number => numbers.get(name)!;

  it('keeps a file whose record was reused since the folder listed it', async () => {
    const { gate, excluded } = await excludedAfter((bytes) => {
      const at = whole.recordAt(numberOf('mail.pst'));
      bytes.writeUInt16LE(bytes.readUInt16LE(at + 16) + 1, at + 16);
    });
    assert.isNull(gate);
    assert.include(excluded[0], { files: 2, kept: '1 that cannot be read' });
  });

  it('keeps a file whose record is torn', async () => {
    const { excluded } = await excludedAfter((bytes) => {
      bytes.writeUInt16LE(0xffff, whole.recordAt(numberOf('mail.pst')) + 510);
    });
    assert.include(excluded[0], { files: 2, kept: '1 that cannot be read' });
  });

  it('keeps a file that names another folder', async () => {
    const { excluded } = await excludedAfter((bytes) => {
      const name = whole.record(numberOf('mail.pst')).attributes.find(({ type }) => type === 0x30)!;
      if (name.kind !== 'resident') throw new Error('A name is resident');
      bytes.writeUInt32LE(numberOf('Windows'), name.valueAt);
    });
    assert.include(excluded[0], { files: 2, kept: '1 with names elsewhere' });
  });

  it('keeps what is in a folder that names another one', async () => {
    const { excluded } = await excludedAfter((bytes) => {
      const name = whole.record(numberOf('Downloads')).attributes.find(({ type }) => type === 0x30)!;
      if (name.kind !== 'resident') throw new Error('A name is resident');
      bytes.writeUInt32LE(numberOf('Windows'), name.valueAt);
    });
    assert.include(excluded[0], { files: 2, kept: '1 that cannot be read' });
  });

  it('keeps everything when the path leads to another record', async () => {
    const { gate, excluded } = await excludedAfter((bytes) => {
      const at = whole.recordAt(numberOf('bob'));
      bytes.writeUInt16LE(bytes.readUInt16LE(at + 16) + 1, at + 16);
    });
    assert.isNull(gate);
    assert.include(excluded[0], { files: 0, bytes: 0 });
    assert.include(excluded[0]!.kept, 'reused');
  });

  it('keeps everything when the table of upper-case letters is none', async () => {
    const { excluded, active } = await excludedAfter((bytes) =>
      bytes.writeUInt16LE(0x62, whole.contentAt(10) + 0xc2),
    );
    assert.include(excluded[0]!.kept, 'names cannot be compared');
    assert.isEmpty(active.warnings);
  });

  it('keeps a hibernation file that may still be wanted', async () => {
    for (const [start, files] of [
      ['RSTR', 0],
      ['wake', 1],
      ['\0\0\0\0', 1],
      ['HORM', 0],
    ] as const) {
      const { excluded } = await excludedAfter(
        (bytes) => {
          renameTo(bytes, 'pagefile.sys', 'hiberfil.sys');
          bytes.write(start, whole.contentAt(numberOf('pagefile.sys')), 'latin1');
        },
        { excludeSwap: true },
      );
      assert.deepEqual(
        excluded.map(({ path, files: count }) => [path, count]),
        [['\\hiberfil.sys', files]],
        start,
      );
    }
  });

  it('keeps everything when a gate is closed, also a hibernated one', async () => {
    const { gate, active } = await excludedAfter(
      (bytes) => {
        renameTo(bytes, 'pagefile.sys', 'hiberfil.sys');
        bytes.write('hibr', whole.contentAt(numberOf('pagefile.sys')), 'latin1');
      },
      { excludeSwap: true, excludePaths: paths },
    );
    assert.equal(gate, 'hibernated');
    assert.deepEqual(dropped(active), []);
  });

  it('keeps everything when the log is open, and says so', async () => {
    const { gate, excluded, active } = await excludedAfter(
      (bytes) => {
        const log = logWriter({ version: [1, 1], logBytes: 64 * 1024 });
        for (const write of [...log.checkpoint(), ...log.checkpoint()]) {
          bytes.set(write.bytes, whole.contentAt(2) + write.at);
        }
      },
      { excludeSwap: true, excludePaths: paths },
    );
    assert.isNull(gate);
    assert.lengthOf(excluded, 4);
    for (const { bytes, kept } of excluded) {
      assert.equal(bytes, 0);
      assert.include(kept, 'the log of the volume is open');
    }
    assert.deepEqual(dropped(active), freeOf(DISK, STATE));
  });

  it('keeps what a shadow copy wants of it', async () => {
    const blockIn = (name: string): number =>
      Math.ceil((whole.contentAt(numberOf(name)) - startBytes) / VSS_BLOCK_BYTES);
    const wanted = [blockIn('mail.pst')];
    const at = blockIn('ledger.db') * VSS_BLOCK_BYTES;
    const { excluded, active } = await excludedAfter((bytes) => {
      const volumeBytes = Math.floor(lengthBytes / VSS_BLOCK_BYTES) * VSS_BLOCK_BYTES;
      for (const overlay of shadowCopy({ at, volumeBytes, wanted }, startBytes)) {
        bytes.set(overlay.bytes, overlay.at);
      }
    });
    assert.include(excluded[0], { files: 3, kept: '16.0 KiB that something else needs' });
    const block = [{ start: startBytes + wanted[0]! * VSS_BLOCK_BYTES, length: VSS_BLOCK_BYTES }];
    assert.deepEqual(intersect(dropped(active), block), []);
  });

  it('keeps both of two names that differ in case alone', async () => {
    const { excluded } = await excludedAfter((bytes) => renameTo(bytes, 'log-001.log', 'LOG-000.log'), {
      excludePaths: ['\\Windows\\Logs\\log-000.log'],
    });
    assert.include(excluded[0], { bytes: 0, kept: '"log-000.log" is there in more than one case' });
  });

  it('follows no link to another place, and takes other reparse points for folders', async () => {
    const reparseAs = (name: string, tag: number) => (bytes: Buffer) => {
      const descriptor = whole.record(numberOf(name)).attributes.find(({ type }) => type === 0x50)!;
      if (descriptor.kind !== 'resident') throw new Error('The descriptor is resident');
      bytes.writeUInt32LE(0xc0, descriptor.at);
      bytes.writeUInt32LE(tag, descriptor.valueAt);
    };
    const { excluded: ofLink } = await excludedAfter(reparseAs('bob', 0xa0000003));
    assert.include(ofLink[0], { bytes: 0, kept: '"bob" is a link to another place' });
    const { excluded: ofCloud } = await excludedAfter(reparseAs('bob', 0x9000001a));
    assert.include(ofCloud[0], { files: 3, kept: null });
    const { excluded: below } = await excludedAfter(reparseAs('Downloads', 0xa0000003));
    assert.include(below[0], { files: 2, kept: null });
  });

  it('keeps a folder whose index cannot be read', async () => {
    for (const [record, files] of [
      ['Logs', 0],
      ['Windows', 0],
    ] as const) {
      const { excluded } = await excludedAfter(
        (bytes) => bytes.writeUInt32LE(0, whole.attributeAt(numberOf(record), 0x90) + 32),
        { excludePaths: ['\\Windows\\Logs'] },
      );
      assert.equal(excluded[0]!.files, files);
      assert.include(excluded[0]!.kept, 'cannot be read');
    }
  });

  it('keeps what is past its bounds', async () => {
    await using reader = readerOf(whole.bytes);
    const bytes = volumeBytesOf(diskBytesOf(reader, signal), startBytes, lengthBytes);
    const mft = await openMft({ bytes, boot: await readBootSector(bytes) });
    const search = { mft, upper: await readUpperCase(mft), budget: { bytes: 2 ** 30 } };
    const path = { text: '', label: null, names: ['Users', 'bob'] };
    const target = await findTarget(search, { path, isSwap: false });
    const limited = async (limits: Partial<typeof searchLimits>) =>
      (await findFiles(search, [target], { ...searchLimits, ...limits }))[0]!;
    assert.include(await limited({}), { files: 3, isCutShort: false });
    assert.include(await limited({ names: 2 }), { isCutShort: true });
    assert.include(await limited({ pieces: 1 }), { files: 1, isCutShort: true });
    const poor = { ...search, budget: { bytes: -1 } };
    const [none] = await findFiles(poor, [target]);
    assert.isAtMost(none!.files, 3);
    const logs = { ...path, names: ['Windows', 'Logs'] };
    const tooMuch = await findTarget(
      { ...search, budget: { bytes: 0 } },
      { path: { ...logs, names: [...logs.names, 'x'] }, isSwap: false },
    );
    assert.include(tooMuch, { kind: 'none' });
  });

  /** In the record and in the index of the root directory alike. */
  function renameTo(bytes: Buffer, from: string, to: string): void {
    const [old, name] = [from, to].map((text) => Buffer.from(text, 'utf16le'));
    for (let at = bytes.indexOf(old!); at >= 0; at = bytes.indexOf(old!, at + 1)) name!.copy(bytes, at);
  }
});
