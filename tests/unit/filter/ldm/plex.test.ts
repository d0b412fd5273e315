import { assert } from 'chai';
import fc from 'fast-check';
import { type Extent, normalize } from '../../../../shared/domain/extent.ts';
import { type DiskBytes, diskBytesOf } from '../../../../worker/filter/disk-bytes.ts';
import { type DiskPiece, type PlexBytes, spannedPlex } from '../../../../worker/filter/ldm/plex.ts';
import { raid5Plex } from '../../../../worker/filter/ldm/raid5.ts';
import { stripedPlex } from '../../../../worker/filter/ldm/stripes.ts';
import { readerOf } from '../../../support/image-reader.ts';

const SECTOR = 512;
/** In sectors. */
const STRIPE = 2;
/** Sector of each disk where its part of the volume begins. */
const FIRST = 3;

type Kind = 'spanned' | 'striped' | 'raid5';
interface Made {
  readonly plex: PlexBytes;
  readonly disks: readonly DiskBytes[];
  readonly content: Buffer;
  /** Disk and sector of each sector of the volume. */
  readonly places: readonly (readonly [number, number])[];
}

/** Sector by sector where a volume of `columns` columns of `sectors` sectors lies, each on a disk of its own. */
function placesOf(kind: Kind, columns: number, sectors: number): [number, number][] {
  const ofData = kind === 'raid5' ? columns - 1 : columns;
  return Array.from({ length: ofData * sectors }, (_, sector): [number, number] => {
    if (kind === 'spanned') return [Math.floor(sector / sectors), FIRST + (sector % sectors)];
    const stripe = Math.floor(sector / STRIPE);
    const row = Math.floor(stripe / ofData);
    const parity = kind === 'raid5' ? columns - 1 - (row % columns) : -1;
    return [(parity + 1 + (stripe % ofData)) % columns, FIRST + row * STRIPE + (sector % STRIPE)];
  });
}

function make(kind: Kind, columns: number, sectors: number): Made {
  const places = placesOf(kind, columns, sectors);
  const images = Array.from({ length: columns }, () => Buffer.alloc((FIRST + sectors + 1) * SECTOR));
  const content = Buffer.alloc(places.length * SECTOR);
  for (const [sector, [disk, at]] of places.entries()) {
    for (let i = 0; i < SECTOR; i++) content[sector * SECTOR + i] = (sector * 7 + i * 13 + (i >> 8)) & 0xff;
    content.copy(images[disk]!, at * SECTOR, sector * SECTOR, (sector + 1) * SECTOR);
  }
  if (kind === 'raid5') addParity(images, sectors);
  const disks = images.map((image) => diskBytesOf(readerOf(image), new AbortController().signal));
  const pieces = disks.map((disk): DiskPiece => ({ disk, start: FIRST * SECTOR, length: sectors * SECTOR }));
  if (kind === 'spanned') return { plex: spannedPlex(pieces), disks, content, places };
  const plex = (kind === 'raid5' ? raid5Plex : stripedPlex)(pieces, STRIPE * SECTOR);
  return { plex, disks, content, places };
}

/** What is no data so far is zero: the sum of all columns belongs there. */
function addParity(images: readonly Buffer[], sectors: number): void {
  for (let at = 0; at < sectors * SECTOR; at++) {
    const row = Math.floor(at / (STRIPE * SECTOR));
    const place = FIRST * SECTOR + at;
    const parity = images.length - 1 - (row % images.length);
    images[parity]![place] = images.reduce((sum, image) => sum ^ image[place]!, 0);
  }
}

/** What may be dropped of each disk, sector by sector. */
function droppedSectors(kind: Kind, { places, disks }: Made, free: ReadonlySet<number>): Set<string> {
  const dropped = new Set<string>();
  for (const [sector, [disk, at]] of places.entries()) {
    if (kind !== 'raid5') {
      if (free.has(sector)) dropped.add(`${disk}/${at}`);
      continue;
    }
    const beside = places.flatMap(([, other], i) => (other === at ? [i] : []));
    if (beside.every((each) => free.has(each))) disks.forEach((_, each) => dropped.add(`${each}/${at}`));
  }
  return dropped;
}

const shapes = fc.record({
  kind: fc.constantFrom<Kind>('spanned', 'striped', 'raid5'),
  columns: fc.integer({ min: 3, max: 5 }),
  rows: fc.integer({ min: 1, max: 7 }),
});

describe('the bytes of a plex', () => {
  it('are read in the order of the volume, wherever a read begins and ends', async () => {
    const property = fc.asyncProperty(shapes, fc.nat(), fc.nat(), async ({ kind, columns, rows }, a, b) => {
      const { plex, content } = make(kind, columns, rows * STRIPE);
      assert.equal(plex.lengthBytes, content.length);
      const [start, end] = [a % content.length, b % (content.length + 1)].sort((x, y) => x - y) as [
        number,
        number,
      ];
      const into = new Uint8Array(end - start);
      await plex.readInto(start, into);
      assert.equal(Buffer.compare(into, content.subarray(start, end)), 0);
    });
    await fc.assert(property, { numRuns: 60 });
  });

  it('are dropped where they lie, of RAID-5 in whole rows with their parity', () => {
    const property = fc.property(shapes, fc.array(fc.nat()), ({ kind, columns, rows }, picks) => {
      const made = make(kind, columns, rows * STRIPE);
      const free = new Set(picks.map((pick) => pick % made.places.length));
      const asked: Extent[] = [...free].map((sector) => ({ start: sector * SECTOR, length: SECTOR }));
      const found = new Set<string>();
      for (const [disk, extents] of made.plex.dropOf(normalize(asked))) {
        for (const { start, length } of extents) {
          for (let at = start; at < start + length; at += SECTOR) {
            found.add(`${made.disks.indexOf(disk)}/${at / SECTOR}`);
          }
        }
      }
      assert.deepEqual([...found].sort(), [...droppedSectors(kind, made, free)].sort());
    });
    fc.assert(property, { numRuns: 60 });
  });

  for (const kind of ['spanned', 'striped', 'raid5'] as const) {
    it(`are not read outside the volume (${kind})`, async () => {
      const { plex, content } = make(kind, 3, STRIPE);
      for (const offset of [-1, content.length, content.length - 1]) {
        const failed = await plex.readInto(offset, new Uint8Array(2)).then(
          () => null,
          (error: unknown) => error as { code: string },
        );
        assert.equal(failed?.code, 'FS_STRUCTURE_INVALID');
      }
    });
  }

  it('are read in several steps where a RAID-5 is asked for many rows', async () => {
    const { plex, content } = make('raid5', 3, 3000);
    const into = new Uint8Array(content.length);
    await plex.readInto(0, into);
    assert.equal(Buffer.compare(into, content), 0);
  });
});
