import { assert } from 'chai';
import { AppError } from '../../../../shared/base/errors.ts';
import { type ExtentSet } from '../../../../shared/domain/extent.ts';
import { diskBytesOf } from '../../../../worker/filter/disk-bytes.ts';
import { decodeBootSector } from '../../../../worker/filter/ntfs/boot-sector.ts';
import { type NtfsVolume } from '../../../../worker/filter/ntfs/ntfs-volume.ts';
import { mayHaveShadowCopies, shadowCopyClusters } from '../../../../worker/filter/ntfs/shadow-copies.ts';
import { decodeVssHeader } from '../../../../worker/filter/ntfs/vss-catalog.ts';
import { volumeBytesOf } from '../../../../worker/filter/volume-bytes.ts';
import { type Overlay, readerOfPieces } from '../../../support/image-reader.ts';
import { bootSector, vssBlock, vssCatalog, vssHeader } from '../../../support/ntfs-bytes.ts';
import { type ShadowCopyFields, shadowCopy } from '../../../support/vss-volume.ts';

const BLOCK = 16 * 1024;
const VOLUME_BYTES = 4 * 1024 * 1024;
const START = 4096;
const AT = 64 * BLOCK;
const copy: ShadowCopyFields = { at: AT, volumeBytes: VOLUME_BYTES, wanted: [3, 200] };
/** All but the first 16 blocks and the store are free, in clusters of 4 KiB. */
const free: ExtentSet = [
  { start: 64, length: 192 },
  { start: 320, length: 704 },
];

function volumeOf(overlays: readonly Overlay[], clusterBytes = 4096): NtfsVolume {
  const reader = readerOfPieces(START + VOLUME_BYTES, overlays);
  const disk = diskBytesOf(reader, new AbortController().signal);
  const boot = decodeBootSector(bootSector({ sectorsPerCluster: clusterBytes / 512 }), 0);
  return { bytes: volumeBytesOf(disk, START, VOLUME_BYTES), boot };
}

const keptOf = (fields: ShadowCopyFields, more: readonly Overlay[] = []): Promise<ExtentSet> =>
  shadowCopyClusters(volumeOf([...shadowCopy(fields, START), ...more]), free);

async function answerOf(work: Promise<ExtentSet>): Promise<string> {
  try {
    const clusters = await work;
    return `keeps ${clusters.length}`;
  } catch (error) {
    assert.instanceOf(error, AppError);
    return String(error.facts['gate'] ?? error.code);
  }
}

const overlay = (offset: number, bytes: Buffer): Overlay => ({ at: START + offset, bytes });
const numbers = (offset: number, value: bigint): Overlay => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return overlay(offset, bytes);
};

describe('decodeVssHeader', () => {
  it('tells where the catalog is', () => {
    assert.equal(decodeVssHeader(vssHeader(65536n), 0), 65536);
    assert.equal(decodeVssHeader(vssHeader(0n), 0), 0);
    assert.isNull(decodeVssHeader(Buffer.alloc(512), 0));
  });
});

describe('shadowCopyClusters', () => {
  it('keeps the free blocks that a copy wants', async () => {
    assert.deepEqual(await keptOf(copy), [{ start: 800, length: 4 }]);
  });

  it('keeps what the older bitmap wants, too', async () => {
    const kept = await keptOf({ ...copy, wantedBefore: [100] });
    assert.deepEqual(kept, [
      { start: 400, length: 4 },
      { start: 800, length: 4 },
    ]);
  });

  it('keeps whole clusters where they are larger than a block', async () => {
    const volume = volumeOf(shadowCopy(copy, START), 65536);
    assert.deepEqual(await shadowCopyClusters(volume, [{ start: 20, length: 44 }]), [
      { start: 50, length: 1 },
    ]);
  });

  const passing: readonly [string, () => Promise<ExtentSet>][] = [
    ['a volume without a header', () => shadowCopyClusters(volumeOf([]), free)],
    [
      'a header without a catalog',
      () => shadowCopyClusters(volumeOf([overlay(0x1e00, vssHeader(0n))]), free),
    ],
    ['an empty catalog', () => keptOf({ ...copy, entries: [] })],
    ['a store of a copy of another volume', () => keptOf({ ...copy, entries: ['store'] })],
    ['a copied block that is not used', () => keptOf({ ...copy, wanted: [], copied: [[200 * BLOCK, 4]] })],
    ['a copied block in the store', () => keptOf({ ...copy, wanted: [], copied: [[65 * BLOCK, 0]] })],
    ['a block that goes on in the next copy', () => keptOf({ ...copy, wanted: [], copied: [[0, 1]] })],
  ];
  for (const [name, run] of passing) {
    it(`keeps nothing more for ${name}`, async () => {
      assert.deepEqual(await run(), []);
    });
  }

  const catalogOf = (...types: readonly number[]): Overlay =>
    overlay(
      AT,
      vssCatalog(
        AT,
        types.map((type) => ({ type })),
      ),
    );
  const refused: readonly [string, string, () => Promise<ExtentSet>][] = [
    ['a copy without a store', 'guest-shadow-copies', () => keptOf({ ...copy, entries: ['copy'] })],
    ['a store in a free cluster', 'bitmap-contradicts', () => keptOf({ ...copy, at: 100 * BLOCK })],
    ['a copied block in a free cluster', 'bitmap-contradicts', () => keptOf({ ...copy, copied: [[200 * BLOCK, 0]] })],
    ['a copied block past the volume', 'FS_STRUCTURE_INVALID', () => keptOf({ ...copy, copied: [[VOLUME_BYTES, 0]] })],
    ['a copy of a larger volume', 'FS_STRUCTURE_INVALID', () => keptOf({ ...copy, volumeBytes: 2 * VOLUME_BYTES })],
    ['a store without a bitmap', 'FS_STRUCTURE_INVALID', () => keptOf(copy, [numbers(AT + 256 + 48, 0n)])],
    ['a bitmap of another kind', 'FS_STRUCTURE_INVALID', () => keptOf(copy, [overlay(68 * BLOCK, vssBlock(5, 68 * BLOCK))])],
    ['a bitmap of another place', 'FS_STRUCTURE_INVALID', () => keptOf(copy, [overlay(68 * BLOCK, vssBlock(6, 69 * BLOCK))])],
    ['a block of an unknown version', 'FS_STRUCTURE_INVALID', () => keptOf(copy, [overlay(68 * BLOCK + 16, Buffer.from([2]))])],
    ['a bitmap that returns to itself', 'FS_STRUCTURE_INVALID', () => keptOf(copy, [numbers(68 * BLOCK + 40, BigInt(68 * BLOCK))])],
    ['an entry of an unknown type', 'FS_STRUCTURE_INVALID', () => keptOf(copy, [catalogOf(9)])],
    ['a header of another kind', 'FS_STRUCTURE_INVALID', () => keptOf(copy, [overlay(0x1e00, vssHeader(0n, 4))])],
    ['a catalog of zeros', 'FS_STRUCTURE_INVALID', () => keptOf(copy, [overlay(AT, Buffer.alloc(BLOCK))])],
    ['a catalog outside the volume', 'FS_STRUCTURE_INVALID', () => keptOf(copy, [overlay(0x1e00, vssHeader(2n ** 40n))])],
    ['a catalog that returns to itself', 'FS_STRUCTURE_INVALID', () => keptOf(copy, [numbers(AT + 40, BigInt(AT))])],
  ]; // prettier-ignore
  for (const [name, expected, run] of refused) {
    it(`closes ${expected} for ${name}`, async () => assert.equal(await answerOf(run()), expected));
  }

  it('refuses a bitmap that is too short for the volume', async () => {
    const large = 4 * 1024 * 1024 * 1024;
    const disk = diskBytesOf(
      readerOfPieces(large, shadowCopy({ ...copy, volumeBytes: large })),
      new AbortController().signal,
    );
    const boot = decodeBootSector(bootSector(), 0);
    const work = shadowCopyClusters({ bytes: volumeBytesOf(disk, 0, large), boot }, []);
    assert.equal(await answerOf(work), 'FS_STRUCTURE_INVALID');
  });
});

describe('mayHaveShadowCopies', () => {
  const cases: readonly [string, readonly Overlay[], boolean][] = [
    ['a volume without a header', [], false],
    ['an empty catalog', shadowCopy({ ...copy, entries: [] }, START), false],
    ['a store of another volume', shadowCopy({ ...copy, entries: ['store'] }, START), false],
    ['a copy', shadowCopy(copy, START), true],
    ['a catalog that cannot be read', [overlay(0x1e00, vssHeader(BigInt(AT)))], true],
  ];
  for (const [name, overlays, expected] of cases) {
    it(`answers ${expected} for ${name}`, async () => {
      assert.equal(await mayHaveShadowCopies(volumeOf(overlays)), expected);
    });
  }

  it('throws what the transport throws', async () => {
    const signal = AbortSignal.abort(new Error('stop'));
    const disk = diskBytesOf(readerOfPieces(VOLUME_BYTES, []), signal);
    const boot = decodeBootSector(bootSector(), 0);
    try {
      await mayHaveShadowCopies({ bytes: volumeBytesOf(disk, 0, VOLUME_BYTES), boot });
      assert.fail('nothing was thrown');
    } catch (error) {
      assert.equal(error, signal.reason);
    }
  });
});
