/** The MFT of a volume by code (clusters of 4 KiB, four records each), and of a real one whose pieces lie in ../shared/images. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from 'chai';
import { AppError } from '../../../../shared/base/errors.ts';
import { TiB } from '../../../../shared/base/units.ts';
import { decodeBootSector } from '../../../../worker/filter/ntfs/boot-sector.ts';
import { diskBytesOf } from '../../../../worker/filter/disk-bytes.ts';
import { type Mft, openMft, readFamily, readRecord } from '../../../../worker/filter/ntfs/mft.ts';
import { volumeBytesOf } from '../../../../worker/filter/volume-bytes.ts';
import { type Overlay, readerOfPieces } from '../../../support/image-reader.ts';
import {
  bootSector,
  fileRecord,
  listEntry,
  nonResident,
  resident,
  runList,
} from '../../../support/ntfs-bytes.ts';

const CLUSTER = 4096;
const CONTENT = 0x80;
const LIST = 0x20;
const BASE_OF_MFT = 1n << 48n;
const FIRST_PIECE = { type: CONTENT, lastVcn: 3, sizeBytes: 12 * CLUSTER };
const second = nonResident({ type: CONTENT, firstVcn: 4, lastVcn: 7 }, runList([4, 100]));
const third = nonResident({ type: CONTENT, firstVcn: 8, lastVcn: 11 }, runList([4, 200]));

type Places = Readonly<Record<string, Buffer>>;

/** Opens the MFT of a volume of 32 MiB with the given records, each at `lcn/position`. */
function open(places: Places): Promise<Mft> {
  const overlays: Overlay[] = Object.entries(places).map(([place, bytes]) => {
    const [lcn, position] = place.split('/').map(Number);
    return { at: lcn! * CLUSTER + position! * 1024, bytes };
  });
  return openOver(overlays, 8192 * CLUSTER, bootSector({ totalSectors: 65535n }));
}

function openOver(overlays: readonly Overlay[], lengthBytes: number, boot: Buffer): Promise<Mft> {
  const disk = diskBytesOf(readerOfPieces(lengthBytes, overlays), new AbortController().signal);
  return openMft({ bytes: volumeBytesOf(disk, 0, lengthBytes), boot: decodeBootSector(boot, 0) });
}

const inThreePieces: Places = {
  '4/0': fileRecord(
    {},
    resident(
      { type: LIST },
      Buffer.concat([
        listEntry({ type: CONTENT, firstVcn: 8, record: 20 }),
        listEntry({ type: CONTENT, firstVcn: 0, record: 0 }),
        listEntry({ type: CONTENT, firstVcn: 4, record: 15 }),
      ]),
    ),
    nonResident(FIRST_PIECE, runList([4, 4])),
  ),
  '7/3': fileRecord({ base: BASE_OF_MFT }, second),
  '101/0': fileRecord({ base: BASE_OF_MFT }, third),
  '202/1': fileRecord({ sequence: 9 }),
};

async function faultOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    assert.instanceOf(error, AppError);
    assert.propertyVal(error, 'code', 'FS_STRUCTURE_INVALID');
    return error.message;
  }
  throw new Error('nothing was thrown');
}

describe('openMft', () => {
  it('joins pieces that each tell where the next one is described', async () => {
    const mft = await open(inThreePieces);
    assert.deepEqual(
      mft.content.runs.map(({ lcn }) => lcn),
      [4, 100, 200],
    );
    assert.deepInclude(await readRecord(mft, 41), { sequence: 9, at: 202 * CLUSTER + 1024 });
  });

  const damages: readonly [string, Places, string][] = [
    ['a piece that only describes itself', {
      ...inThreePieces,
      '4/0': fileRecord({}, resident({ type: LIST }, listEntry({ type: CONTENT, firstVcn: 4, record: 20 })), nonResident(FIRST_PIECE, runList([4, 4]))),
    }, 'cannot be reached'],
    ['a piece of another file', { ...inThreePieces, '7/3': fileRecord({ base: 5n + BASE_OF_MFT }, second) }, 'does not extend record 0'],
    ['a piece that was reused', { ...inThreePieces, '7/3': fileRecord({ base: BASE_OF_MFT, sequence: 2 }, second) }, 'does not extend record 0'],
    ['a piece that is not in use', { ...inThreePieces, '7/3': fileRecord({ base: BASE_OF_MFT, flags: 0 }, second) }, 'does not extend record 0'],
    ['a gap between pieces', { ...inThreePieces, '7/3': fileRecord({ base: BASE_OF_MFT }, third) }, 'cannot be reached'],
    ['fewer clusters than its size', { '4/0': fileRecord({}, nonResident(FIRST_PIECE, runList([4, 4]))) }, 'a piece of it is missing'],
    ['no content', { '4/0': fileRecord({}) }, 'its first clusters are nowhere'],
    ['holes', { '4/0': fileRecord({}, nonResident({ ...FIRST_PIECE, sizeBytes: 4 * CLUSTER }, runList([2, 4], [2, null]))) }, 'has holes'],
    ['another place than the boot sector says', { '4/0': fileRecord({}, nonResident({ ...FIRST_PIECE, sizeBytes: 4 * CLUSTER }, runList([4, 9]))) }, 'names another place'],
    ['a first record that is not in use', { '4/0': fileRecord({ flags: 0 }) }, 'it is not in use'],
    ['a first record that extends another', { '4/0': fileRecord({ base: 7n }) }, 'it extends another one'],
    ['zeros', {}, 'does not begin with "FILE"'],
  ]; // prettier-ignore
  for (const [name, places, message] of damages) {
    it(`refuses an MFT with ${name}`, async () => assert.include(await faultOf(open(places)), message));
  }
});

describe('readRecord and readFamily', () => {
  it('refuse a number past the end', async () => {
    const mft = await open(inThreePieces);
    assert.include(await faultOf(readRecord(mft, 48)), 'it has no record 48');
  });

  it('refuse a record that was reused since', async () => {
    const mft = await open(inThreePieces);
    assert.include(await faultOf(readFamily(mft, 41, 8)), 'reused');
    assert.equal((await readFamily(mft, 41, 9)).base.number, 41);
  });
});

describe('openMft over the pieces of a real disk', () => {
  const folder = fileURLToPath(
    new URL('../../../../../shared/images/parts/highly_fragmented_mft/', import.meta.url),
  );

  before(function () {
    if (existsSync(folder)) return;
    console.log('    skipped: the folder ../shared/images is not there');
    this.skip();
  });

  it('finds the 171 runs of an MFT of 7 GB with an attribute list', async () => {
    const overlays = readdirSync(folder)
      .filter((name) => name.endsWith('.bin'))
      .map((name) => ({ at: Number(name.slice(0, -4)), bytes: readFileSync(path.join(folder, name)) }));
    const boot = overlays.find(({ at }) => at === 0)!.bytes;
    const mft = await openOver(overlays, TiB, boot);
    const golden = readFileSync(path.join(folder, 'fixtures/runs.golden'), 'utf8');
    const wanted = [...golden.matchAll(/-> DiskOffset (\d+) \(Length (\d+), +Cluster 4096\)/g)];
    assert.deepEqual(
      mft.content.runs.map(({ lcn, clusters }) => [lcn, clusters]),
      wanted.map(([, lcn, clusters]) => [Number(lcn), Number(clusters)]),
    );
    assert.equal(mft.content.sizeBytes, 7_203_717_120);
  });
});
