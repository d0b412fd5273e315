import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { assert } from 'chai';
import { DirectFile } from '../../../shared/base/direct-file.ts';
import { PAGE_BYTES, createPageMemory, isPageAligned, wholePages } from '../../../shared/base/page-memory.ts';
import { KiB, MiB } from '../../../shared/base/units.ts';
import { type TempFolder, tempFolder } from '../../support/temp.ts';

const LENGTH = MiB + 3 * PAGE_BYTES + 123;

/** Where a call begins in the file and in page memory, and how long it is. */
const calls: readonly (readonly [string, number, number, number])[] = [
  ['whole pages', 0, 0, 64 * KiB],
  ['whole pages further on', 3 * PAGE_BYTES, PAGE_BYTES, 64 * KiB],
  ['whole pages and a rest', PAGE_BYTES, 0, 64 * KiB + 512],
  ['less than a page', PAGE_BYTES, 0, 700],
  ['an offset inside of a page', 512, 0, 64 * KiB],
  ['memory inside of a page', 0, 16, 64 * KiB],
];

describe('createPageMemory', () => {
  it('is zeros that begin at a page, and at least as long as asked', () => {
    const memory = createPageMemory(100_000);
    assert.isAtLeast(memory.byteLength, 100_000);
    assert.isTrue(new Uint8Array(memory).every((byte) => byte === 0));
    assert.isTrue(isPageAligned(new Uint8Array(memory, PAGE_BYTES), 2 * PAGE_BYTES));
  });

  it('tells apart what may be moved directly', () => {
    const memory = createPageMemory(8 * PAGE_BYTES);
    assert.isFalse(isPageAligned(new Uint8Array(memory, 512), 0), 'begins inside of a page');
    assert.isFalse(isPageAligned(new Uint8Array(memory), 512), 'goes to the middle of a page');
    assert.isFalse(
      isPageAligned(new Uint8Array(new SharedArrayBuffer(8 * PAGE_BYTES)), 0),
      'has a header before it',
    );
    assert.deepEqual([0, 1, 4096, 8191].map(wholePages), [0, 0, 4096, 4096]);
  });

  it('is ordinary memory where nothing can be mapped', () => {
    const { Memory } = WebAssembly;
    Object.assign(WebAssembly, {
      Memory: function () {
        throw new RangeError('no address space');
      },
    });
    try {
      const memory = createPageMemory(5_000);
      assert.isAtLeast(memory.byteLength, 5_000);
      assert.isFalse(isPageAligned(new Uint8Array(memory), 0));
    } finally {
      Object.assign(WebAssembly, { Memory });
    }
  });
});

describe('DirectFile', () => {
  let folder: TempFolder;
  before(async () => {
    folder = await tempFolder();
  });
  after(() => folder[Symbol.asyncDispose]());
  const memory = createPageMemory(MiB);

  for (const [name, offset, at, length] of calls) {
    it(`reads what an ordinary file has: ${name}`, async () => {
      const content = randomBytes(LENGTH);
      const file = folder.file(`read-${offset}-${at}-${length}`);
      await writeFile(file, content);
      await using opened = await DirectFile.open(file, 'read');
      const into = new Uint8Array(memory, at, length);
      assert.equal(await opened.readFully(offset, into), length);
      assert.isTrue(content.subarray(offset, offset + length).equals(into));
    });

    it(`writes what an ordinary file then has: ${name}`, async () => {
      const file = folder.file(`write-${offset}-${at}-${length}`);
      const bytes = new Uint8Array(memory, at, length);
      bytes.set(randomBytes(length));
      {
        await using made = await DirectFile.open(file, 'create');
        await made.writeFully(offset, bytes);
        await made.plain.sync();
      }
      const content = await readFile(file);
      assert.equal(content.length, offset + length);
      assert.isTrue(content.subarray(offset).equals(bytes));
      assert.isTrue(content.subarray(0, offset).every((byte) => byte === 0));
    });
  }

  it('reads to the end of the file and says how much there was', async () => {
    const content = randomBytes(LENGTH);
    const file = folder.file('end');
    await writeFile(file, content);
    await using opened = await DirectFile.open(file, 'read');
    const into = new Uint8Array(memory, 0, 64 * KiB);
    assert.equal(await opened.readFully(MiB, into), LENGTH - MiB);
    assert.isTrue(content.subarray(MiB).equals(into.subarray(0, LENGTH - MiB)));
    assert.equal(await opened.readFully(2 * MiB, into), 0);
  });

  it('shows what it wrote directly to readers through the cache, before any sync', async () => {
    const file = folder.file('seen');
    await using made = await DirectFile.open(file, 'create');
    const bytes = new Uint8Array(memory, 0, 3 * PAGE_BYTES + 5);
    for (let round = 0; round < 3; round++) {
      bytes.set(randomBytes(bytes.length));
      await made.writeFully(0, bytes);
      assert.isTrue((await readFile(file)).equals(bytes));
    }
  });

  it('makes no file over another one', async () => {
    const file = folder.file('taken');
    await writeFile(file, 'here');
    const error = await DirectFile.open(file, 'create').then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.include(error, { code: 'EEXIST' });
    assert.equal(await readFile(file, 'utf8'), 'here');
  });

  it('can be told to go through the cache', async () => {
    const file = folder.file('plain');
    await writeFile(file, randomBytes(LENGTH));
    process.env['BLOCKHOUSE_DIRECT_IO'] = 'off';
    try {
      await using opened = await DirectFile.open(file, 'read');
      assert.isFalse(opened.isDirect);
      const into = new Uint8Array(memory, 0, 64 * KiB);
      assert.equal(await opened.readFully(0, into), 64 * KiB);
    } finally {
      delete process.env['BLOCKHOUSE_DIRECT_IO'];
    }
  });
});
