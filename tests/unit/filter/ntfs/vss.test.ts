import { assert } from 'chai';
import { AppError } from '../../../../shared/base/errors.ts';
import { diskBytesOf } from '../../../../worker/filter/disk-bytes.ts';
import {
  checkShadowCopies,
  decodeCatalogBlock,
  decodeVssHeader,
} from '../../../../worker/filter/ntfs/vss.ts';
import { volumeBytesOf } from '../../../../worker/filter/volume-bytes.ts';
import { type Overlay, readerOfPieces } from '../../../support/image-reader.ts';
import { vssCatalog, vssHeader } from '../../../support/ntfs-bytes.ts';

const START = 4096;
const LENGTH = 1024 * 1024;

function check(...pieces: readonly [offset: number, bytes: Buffer][]): Promise<void> {
  const overlays: Overlay[] = pieces.map(([offset, bytes]) => ({ at: START + offset, bytes }));
  const disk = diskBytesOf(readerOfPieces(START + LENGTH, overlays), new AbortController().signal);
  return checkShadowCopies(volumeBytesOf(disk, START, LENGTH));
}

async function codeOf(work: Promise<void>): Promise<string> {
  try {
    await work;
    return 'passes';
  } catch (error) {
    assert.instanceOf(error, AppError);
    return error.code;
  }
}

describe('decodeVssHeader', () => {
  it('tells where the catalog is', () => {
    assert.equal(decodeVssHeader(vssHeader(65536n), 0), 65536);
    assert.equal(decodeVssHeader(vssHeader(0n), 0), 0);
    assert.isNull(decodeVssHeader(Buffer.alloc(512), 0));
  });
});

describe('decodeCatalogBlock', () => {
  it('counts entries that are in use', () => {
    assert.deepEqual(decodeCatalogBlock(vssCatalog([1, 0, 2, 3, 9], 512n), 0), { entries: 3, next: 512 });
  });
});

describe('checkShadowCopies', () => {
  const at = 0x1e00;
  const cases: readonly [string, readonly [number, Buffer][], string][] = [
    ['a volume without a header', [], 'passes'],
    ['a header without a catalog', [[at, vssHeader(0n)]], 'passes'],
    ['an empty catalog', [[at, vssHeader(65536n)], [65536, vssCatalog([])]], 'passes'],
    ['unused entries', [[at, vssHeader(65536n)], [65536, vssCatalog([1, 1])]], 'passes'],
    ['a shadow copy', [[at, vssHeader(65536n)], [65536, vssCatalog([1, 2])]], 'FILTER_GATE_CLOSED'],
    [
      'a shadow copy in the second block',
      [[at, vssHeader(65536n)], [65536, vssCatalog([], 131072n)], [131072, vssCatalog([3])]],
      'FILTER_GATE_CLOSED',
    ],
    ['a header of another kind', [[at, vssHeader(0n, 4)]], 'FS_STRUCTURE_INVALID'],
    ['a catalog of zeros', [[at, vssHeader(65536n)]], 'FS_STRUCTURE_INVALID'],
    ['a catalog outside the volume', [[at, vssHeader(2n ** 40n)]], 'FS_STRUCTURE_INVALID'],
    [
      'a catalog that returns to itself',
      [[at, vssHeader(65536n)], [65536, vssCatalog([], 65536n)]],
      'FS_STRUCTURE_INVALID',
    ],
  ]; // prettier-ignore
  for (const [name, pieces, expected] of cases) {
    it(`answers ${expected} for ${name}`, async () => assert.equal(await codeOf(check(...pieces)), expected));
  }
});
