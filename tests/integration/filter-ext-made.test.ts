/**
 * The filter over ext volumes made on the spot by mke2fs, for every layout that it knows, and over journals written by debugfs.
 * Needs e2fsprogs; says so and is skipped without.
 */
import { copyFileSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { assert } from 'chai';
import { complement } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { freeByDumpe2fs } from '../support/ext-oracle.ts';
import { keepAllOptions } from '../support/filter-options.ts';
import { openImage } from '../support/image-reader.ts';
import { hasProgram, runProgram } from '../support/ntfs-oracle.ts';
import { type TempFolder, tempFolder } from '../support/temp.ts';

const MiB = 1024 * 1024;

async function mapFile(file: string): Promise<ActiveBlocks> {
  await using reader = await openImage(file);
  return await mapActiveBlocks(reader, keepAllOptions, new AbortController().signal);
}

/** A folder to fill volumes from: small files and some of a few hundred KiB. */
function makeTree(folder: TempFolder): string {
  const tree = folder.file('tree');
  mkdirSync(tree);
  for (let i = 0; i < 60; i++) writeFileSync(`${tree}/file-${i}`, Buffer.alloc(20 + i * 5000, 65 + (i % 26)));
  return tree;
}

function makeVolume(folder: TempFolder, lengthBytes: number, options: string): string {
  const file = folder.file('volume.raw');
  writeFileSync(file, '');
  truncateSync(file, lengthBytes);
  runProgram('mke2fs', ['-q', '-F', '-L', 'made', ...options.split(' '), file]);
  return file;
}

async function assertMapped(file: string, wanted = freeByDumpe2fs(file)): Promise<void> {
  const active = await mapFile(file);
  assert.include(active.volumes[0], { gate: null, label: 'made' });
  assert.deepEqual(complement(active.keep, statSync(file).size), wanted);
}

const layouts = [
  '-t ext2 -b 1024',
  '-t ext2 -r 0 -b 1024',
  '-t ext3 -b 4096',
  '-t ext4 -b 1024',
  '-t ext4 -b 2048',
  '-t ext4 -b 4096',
  '-t ext4 -b 65536',
  '-t ext4 -b 4096 -O ^64bit',
  '-t ext4 -b 1024 -O ^metadata_csum,uninit_bg',
  '-t ext4 -b 1024 -O ^metadata_csum,uninit_bg,^64bit',
  '-t ext4 -b 4096 -O ^metadata_csum',
  '-t ext4 -b 1024 -O ^has_journal',
  '-t ext4 -b 1024 -O ^flex_bg',
  '-t ext4 -b 1024 -O ^sparse_super,^resize_inode',
  '-t ext4 -b 1024 -O sparse_super2,^resize_inode',
  '-t ext4 -b 1024 -O meta_bg,^resize_inode',
  '-t ext4 -b 4096 -g 256 -O meta_bg,^resize_inode',
  '-t ext4 -b 1024 -O bigalloc -C 16384',
  '-t ext4 -b 4096 -O bigalloc -C 65536',
  '-t ext4 -b 1024 -g 1016',
  '-t ext4 -O inline_data -I 256',
  '-t ext4 -O metadata_csum_seed,orphan_file',
  '-t ext4 -O quota,project,casefold,encrypt,verity,mmp,large_dir,ea_inode',
];

describe('mapActiveBlocks over volumes made by mke2fs', function () {
  this.timeout(60_000);

  before(function () {
    if (hasProgram('mke2fs') && hasProgram('dumpe2fs') && hasProgram('debugfs')) return;
    console.log('    skipped: e2fsprogs are not installed');
    this.skip();
  });

  for (const options of layouts) {
    it(`drops what dumpe2fs calls free: ${options}`, async () => {
      await using folder = await tempFolder();
      const tree = makeTree(folder);
      for (const lengthBytes of [66 * MiB + 5 * 1024, 300 * MiB]) {
        await assertMapped(makeVolume(folder, lengthBytes, `${options} -d ${tree}`));
      }
    });
  }

  it('reads a volume of 40 GiB in few bytes', async () => {
    await using folder = await tempFolder();
    const file = makeVolume(folder, 40 * 1024 * MiB, '-t ext4 -b 4096');
    const active = await mapFile(file);
    assert.isBelow(active.readBytes, 2 * MiB);
    await assertMapped(file);
  });
});

/** Blocks in which two volumes differ. */
function differingBlocks(before: Buffer, after: Buffer, blockBytes: number): number[] {
  const blocks: number[] = [];
  for (let at = 0; at < before.length; at += blockBytes) {
    if (before.compare(after, at, at + blockBytes, at, at + blockBytes) !== 0) blocks.push(at / blockBytes);
  }
  return blocks;
}

/** Writes transactions into the journal of a volume; each is a line of debugfs. */
function writeJournal(folder: TempFolder, file: string, commands: readonly string[]): void {
  writeFileSync(folder.file('commands'), `${commands.join('\n')}\n`);
  runProgram('debugfs', ['-w', '-f', folder.file('commands'), file]);
}

describe('mapActiveBlocks over journals written by debugfs', function () {
  this.timeout(60_000);

  before(function () {
    if (hasProgram('mke2fs') && hasProgram('dumpe2fs') && hasProgram('debugfs')) return;
    console.log('    skipped: e2fsprogs are not installed');
    this.skip();
  });

  /** The same volume before and after a change, and the change as a file of blocks. */
  async function withChange(
    format: string,
    work: (change: {
      folder: TempFolder;
      file: string;
      blocks: string;
      content: string;
      after: string;
    }) => Promise<void>,
  ): Promise<void> {
    await using folder = await tempFolder();
    const file = makeVolume(folder, 32 * MiB, `-t ext4 -J size=4 ${format} -d ${makeTree(folder)}`);
    const after = folder.file('after.raw');
    copyFileSync(file, after);
    writeFileSync(folder.file('more'), Buffer.alloc(MiB, 7));
    writeFileSync(folder.file('change'), `write ${folder.file('more')} more\nrm file-40\nrm file-50\n`);
    runProgram('debugfs', ['-w', '-f', folder.file('change'), after]);
    const blockBytes = format.includes('1024') ? 1024 : 4096;
    const [old, fresh] = [readFileSync(file), readFileSync(after)];
    const numbers = differingBlocks(old, fresh, blockBytes);
    const content = folder.file('content');
    writeFileSync(
      content,
      Buffer.concat(numbers.map((block) => fresh.subarray(block * blockBytes, (block + 1) * blockBytes))),
    );
    await work({ folder, file, blocks: numbers.join(','), content, after });
  }

  for (const format of ['-b 1024', '-b 4096', '-b 1024 -O ^64bit,^metadata_csum']) {
    const versions = format.includes('^metadata_csum') ? [''] : ['', ' -v 2', ' -v 3'];
    for (const version of versions) {
      it(`replays a transaction: mke2fs ${format}, journal_open -c${version}`, async () => {
        await withChange(format, async ({ folder, file, blocks, content, after }) => {
          const open = version === '' ? 'jo' : `jo -c${version}`;
          writeJournal(folder, file, [open, `jw -b ${blocks} ${content}`, 'jc']);
          await assertMapped(file, freeByDumpe2fs(after));
        });
      });
    }

    it(`leaves out what has no commit: mke2fs ${format}`, async () => {
      await withChange(format, async ({ folder, file, blocks, content }) => {
        const before = freeByDumpe2fs(file);
        writeJournal(folder, file, ['jo', `jw -b ${blocks} ${content} -c`, 'jc']);
        await assertMapped(file, before);
      });
    });

    it(`leaves out what a later transaction revokes: mke2fs ${format}`, async () => {
      await withChange(format, async ({ folder, file, blocks, content }) => {
        const before = freeByDumpe2fs(file);
        writeJournal(folder, file, ['jo', `jw -b ${blocks} ${content}`, `jw -r ${blocks}`, 'jc']);
        await assertMapped(file, before);
      });
    });

    it(`takes what is written again after it was revoked: mke2fs ${format}`, async () => {
      await withChange(format, async ({ folder, file, blocks, content, after }) => {
        const commands = ['jo', `jw -r ${blocks}`, `jw -b ${blocks} ${content}`, 'jc'];
        writeJournal(folder, file, commands);
        await assertMapped(file, freeByDumpe2fs(after));
      });
    });
  }

  it('keeps a volume whose journal has checksums of the first kind', async () => {
    await withChange('-b 1024 -O ^metadata_csum', async ({ folder, file, blocks, content }) => {
      writeJournal(folder, file, ['jo -c -v 1', `jw -b ${blocks} ${content}`, 'jc']);
      const active = await mapFile(file);
      assert.include(active.volumes[0], { gate: 'ext-features', skippedBytes: 0 });
    });
  });
});
