/**
 * The filter over volumes made on the spot by mkntfs and filled by ntfscp, for every cluster and sector size, and for hibernated
 * ones. Needs ntfs-3g's programs; says so and is skipped without.
 */
import { writeFileSync, truncateSync } from 'node:fs';
import { assert } from 'chai';
import { complement } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { keepAllOptions } from '../support/filter-options.ts';
import { openImage } from '../support/image-reader.ts';
import { bitmapByNtfscat, freeRunsOf, hasProgram, runProgram } from '../support/ntfs-oracle.ts';
import { type TempFolder, tempFolder } from '../support/temp.ts';

const SIZE = 64 * 1024 * 1024;
const PROGRAMS = ['mkntfs', 'ntfscp', 'ntfscat'];

async function mapFile(file: string): Promise<ActiveBlocks> {
  await using reader = await openImage(file);
  return await mapActiveBlocks(reader, keepAllOptions, new AbortController().signal);
}

/** Makes a volume of its own, without a partition table. */
function makeVolume(folder: TempFolder, clusterBytes: number, sectorBytes: number): string {
  const file = folder.file('volume.raw');
  writeFileSync(file, '');
  truncateSync(file, SIZE);
  const sizes = ['-c', String(clusterBytes), '-s', String(sectorBytes)];
  runProgram('mkntfs', ['-F', '-Q', '-q', '-p', '0', '-H', '255', '-S', '63', '-L', 'made', ...sizes, file]);
  return file;
}

function copyIn(folder: TempFolder, volume: string, name: string, content: Buffer): void {
  writeFileSync(folder.file('content'), content);
  runProgram('ntfscp', ['-f', '-q', volume, folder.file('content'), name]);
}

describe('mapActiveBlocks over volumes made by mkntfs', function () {
  this.timeout(60_000);

  before(function () {
    const missing = PROGRAMS.filter((name) => !hasProgram(name));
    if (missing.length === 0) return;
    console.log(`    skipped: not installed: ${missing.join(', ')}`);
    this.skip();
  });

  for (const [clusterBytes, sectorBytes] of [
    [512, 512],
    [1024, 512],
    [2048, 512],
    [4096, 512],
    [4096, 4096],
    [65536, 512],
    [65536, 4096],
    [131072, 512],
    [1048576, 512],
  ] as const) {
    it(`drops what ntfscat calls free: clusters of ${clusterBytes}, sectors of ${sectorBytes} bytes`, async () => {
      await using folder = await tempFolder();
      const volume = makeVolume(folder, clusterBytes, sectorBytes);
      copyIn(folder, volume, 'file.bin', Buffer.alloc(3_000_000, 1));
      const active = await mapFile(volume);
      assert.include(active.volumes[0], { fileSystem: 'NTFS', label: 'made', clusterBytes, gate: null });
      const { usedBytes, freeBytes } = active.volumes[0]!;
      const free = freeRunsOf(bitmapByNtfscat(volume), (usedBytes! + freeBytes!) / clusterBytes);
      assert.deepEqual(
        complement(active.keep, SIZE),
        free.map(({ start, length }) => ({ start: start * clusterBytes, length: length * clusterBytes })),
      );
    });
  }

  for (const [name, content, gate] of [
    ['hiberfil.sys', 'hibr', 'hibernated'],
    ['HIBERFIL.SYS', 'HIBR', 'hibernated'],
    ['hiberfil.sys', 'wake', null],
    ['hiberfil.sys', '\0\0\0\0', null],
    ['other.sys', 'hibr', null],
  ] as const) {
    for (const lengthBytes of [4, 100_000]) {
      it(`answers ${gate ?? 'no gate'} for ${name} of ${lengthBytes} bytes with ${JSON.stringify(content)}`, async () => {
        await using folder = await tempFolder();
        const volume = makeVolume(folder, 4096, 512);
        const bytes = Buffer.alloc(lengthBytes);
        bytes.write(content, 'latin1');
        copyIn(folder, volume, name, bytes);
        assert.equal((await mapFile(volume)).volumes[0]?.gate, gate);
      });
    }
  }

  for (const [clusterBytes, sectorBytes] of [
    [512, 512],
    [4096, 512],
    [65536, 512],
    [4096, 4096],
  ] as const) {
    it(`finds hiberfil.sys in a large root directory, clusters of ${clusterBytes} bytes`, async () => {
      await using folder = await tempFolder();
      const volume = makeVolume(folder, clusterBytes, sectorBytes);
      for (let number = 0; number < 60; number++) {
        copyIn(
          folder,
          volume,
          `${'gimp'[number % 4]!}-a-rather-long-name-of-a-file-${number}`,
          Buffer.from('x'),
        );
      }
      assert.isNull((await mapFile(volume)).volumes[0]!.gate);
      copyIn(folder, volume, 'hiberfil.sys', Buffer.from('hibr'));
      assert.equal((await mapFile(volume)).volumes[0]!.gate, 'hibernated');
    });
  }
});
