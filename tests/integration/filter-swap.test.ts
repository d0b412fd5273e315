/** The filter over swap spaces: those in use keep their header alone, those that a machine sleeps in keep everything. */
import { truncateSync, writeFileSync } from 'node:fs';
import { assert } from 'chai';
import { complement } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { keepAllOptions } from '../support/filter-options.ts';
import { openImage, readerOf } from '../support/image-reader.ts';
import { hasProgram, runProgram } from '../support/ntfs-oracle.ts';
import { tempFolder } from '../support/temp.ts';

const KiB = 1024;
const SIZE = 1024 * KiB + 512;

const map = (bytes: Uint8Array): Promise<ActiveBlocks> =>
  mapActiveBlocks(readerOf(bytes), keepAllOptions, new AbortController().signal);

/** A swap space of 1 MiB, with half a KiB behind it. */
function swapSpace(pageBytes: number, signature = 'SWAPSPACE2'): Buffer {
  const bytes = Buffer.alloc(SIZE, 0x55);
  bytes.fill(0, 0, pageBytes);
  bytes.writeUInt32LE(1, 1024);
  bytes.writeUInt32LE((1024 * KiB) / pageBytes - 1, 1028);
  bytes.write('putaside', 1052, 'latin1');
  bytes.write(signature, pageBytes - 10, 'latin1');
  return bytes;
}

describe('mapActiveBlocks over swap spaces', () => {
  for (const pageBytes of [4, 8, 16, 32, 64].map((size) => size * KiB)) {
    it(`keeps the first 64 KiB and what lies behind, with pages of ${pageBytes} bytes`, async () => {
      const active = await map(swapSpace(pageBytes));
      assert.deepEqual(active.keep, [
        { start: 0, length: 64 * KiB },
        { start: 1024 * KiB, length: 512 },
      ]);
      const expected = { fileSystem: 'swap', label: 'putaside', clusterBytes: pageBytes, gate: null };
      assert.include(active.volumes[0], { ...expected, freeBytes: 960 * KiB, skippedBytes: 960 * KiB });
      assert.equal(active.state, 'filtered');
    });
  }

  for (const signature of ['S1SUSPEND\0', 'S2SUSPEND\0', 'ULSUSPEND\0', 'LINHIB0001', 'SWAP-SPACE']) {
    it(`keeps all of a space with the signature ${JSON.stringify(signature)}`, async () => {
      const active = await map(swapSpace(4096, signature));
      assert.include(active.volumes[0], { fileSystem: 'swap', gate: 'swap-in-use', skippedBytes: 0 });
      assert.equal(active.usedBytes, SIZE);
    });
  }

  it('keeps all of a space with two signatures', async () => {
    const bytes = swapSpace(4096);
    bytes.write('LINHIB0001', 64 * KiB - 10, 'latin1');
    assert.equal((await map(bytes)).volumes[0]?.gate, 'swap-in-use');
  });

  for (const [name, offset, value] of [
    ['another version', 1024, 2],
    ['more pages than the partition', 1028, 300],
  ] as const) {
    it(`keeps all of a space with ${name}`, async () => {
      const bytes = swapSpace(4096);
      bytes.writeUInt32LE(value, offset);
      const active = await map(bytes);
      assert.include(active.volumes[0], { gate: 'structure-invalid', skippedBytes: 0 });
    });
  }

  it('drops nothing of a space below 64 KiB', async () => {
    const bytes = swapSpace(4096).subarray(0, 40 * KiB);
    bytes.writeUInt32LE(9, 1028);
    const active = await map(bytes);
    assert.include(active.volumes[0], { gate: null, label: 'putaside', skippedBytes: 0 });
    assert.equal(active.usedBytes, 40 * KiB);
  });

  it('has no label where there is none', async () => {
    const bytes = swapSpace(4096);
    bytes.fill(0, 1052, 1068);
    assert.isNull((await map(bytes)).volumes[0]!.label);
  });

  it('keeps a space that is a file system as well', async () => {
    const bytes = swapSpace(4096);
    bytes.writeUInt16LE(0xef53, 1080);
    assert.include((await map(bytes)).volumes[0], { gate: 'two-file-systems', skippedBytes: 0 });
  });

  it('takes what mkswap makes', async function () {
    if (!hasProgram('mkswap')) {
      console.log('      skipped: mkswap is not installed');
      this.skip();
    }
    await using folder = await tempFolder();
    const file = folder.file('swap.raw');
    writeFileSync(file, '');
    truncateSync(file, 8 * 1024 * KiB);
    runProgram('mkswap', ['-q', '-L', 'made', file]);
    await using reader = await openImage(file);
    const active = await mapActiveBlocks(reader, keepAllOptions, new AbortController().signal);
    assert.include(active.volumes[0], { fileSystem: 'swap', label: 'made', gate: null });
    const free = complement(active.keep, reader.capacityBytes);
    assert.deepEqual(free, [{ start: 64 * KiB, length: 8 * 1024 * KiB - 64 * KiB }]);
  });
});

describe('mapActiveBlocks over FAT', () => {
  it('keeps it whole, and says why', async () => {
    const bytes = Buffer.alloc(SIZE);
    bytes.write('FAT32   ', 82, 'latin1');
    const { volumes, warnings } = await map(bytes);
    const reason = 'FAT is small and has no journal: always kept whole';
    assert.include(volumes[0], { fileSystem: 'FAT32', gate: 'not-filtered', reason, skippedBytes: 0 });
    assert.isEmpty(warnings);
  });
});
