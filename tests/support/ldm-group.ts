/**
 * The committed disk group of dynamic disks, tests/fixtures/volumes/ldm-*: three disks, the volumes on them as the maker laid them out,
 * and how a volume is put together, sector by sector and without the filter.
 */
import { readFileSync } from 'node:fs';
import { type ExtentSet } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapAllActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { keepAllOptions } from './filter-options.ts';
import { readerOf } from './image-reader.ts';
import { loadVolume } from './volume-fixture.ts';

export const SECTOR = 512;
const STRIPE = 128;
const DISKS = ['ldm-1', 'ldm-2', 'ldm-3'] as const;

/** Disk, first sector, sectors. */
type Place = readonly [number, number, number];

export interface MadeVolume {
  readonly name: string;
  readonly kind: 'simple' | 'spanned' | 'striped' | 'mirrored' | 'raid5';
  readonly clusterBytes: number;
  readonly plexes: readonly (readonly Place[])[];
  readonly sha256: string;
  readonly files: readonly { readonly name: string; readonly lengthBytes: number; readonly sha256: string }[];
}

export interface MadeGroup {
  readonly group: string;
  readonly volumes: readonly MadeVolume[];
}

export function loadGroup(): MadeGroup {
  const url = new URL('../fixtures/volumes/ldm-group.json', import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as MadeGroup;
}

export interface MadeDisk {
  readonly bytes: Buffer;
  /** What nobody needs, by the bitmaps that ntfscat read. */
  readonly unneeded: ExtentSet;
}

let unpacked: readonly MadeDisk[] | null = null;

/** All three; their bytes are the caller's to change. */
export function loadDynamicDisks(): MadeDisk[] {
  unpacked ??= DISKS.map((name) => {
    const { bytes, free } = loadVolume(name);
    const unneeded = free.map(({ start, length }) => ({ start: start * SECTOR, length: length * SECTOR }));
    return { bytes, unneeded };
  });
  return unpacked.map(({ bytes, unneeded }) => ({ bytes: Buffer.from(bytes), unneeded }));
}

/** Maps disks of one machine. */
export function mapTogether(disks: readonly Uint8Array[]): Promise<readonly ActiveBlocks[]> {
  const readers = disks.map((bytes) => readerOf(bytes));
  return mapAllActiveBlocks(readers, keepAllOptions, new AbortController().signal);
}

/** The content of a volume as one of its plexes has it. */
export function assemble({ kind, plexes }: MadeVolume, disks: readonly Uint8Array[], plex = 0): Buffer {
  const places = plexes[plex]!;
  if (kind !== 'striped' && kind !== 'raid5') {
    return Buffer.concat(places.map(([disk, first, sectors]) => cut(disks, disk, first, sectors)));
  }
  const columns = places.length;
  const ofRow = kind === 'raid5' ? columns - 1 : columns;
  const stripes: Buffer[] = [];
  for (let stripe = 0; stripe < (places[0]![2] / STRIPE) * ofRow; stripe++) {
    const row = Math.floor(stripe / ofRow);
    const behindParity = kind === 'raid5' ? columns - (row % columns) : 0;
    const [disk, first] = places[(behindParity + (stripe % ofRow)) % columns]!;
    stripes.push(cut(disks, disk, first + row * STRIPE, STRIPE));
  }
  return Buffer.concat(stripes);
}

function cut(disks: readonly Uint8Array[], disk: number, first: number, sectors: number): Buffer {
  return Buffer.from(disks[disk]!.subarray(first * SECTOR, (first + sectors) * SECTOR));
}

/** First sector of the database of each disk. */
const DATABASES = [30720, 34816, 34] as const;
const CONFIGURATION = 17;

/** Byte of a disk at `offset` of a sector of its database. */
export const inDatabase = (disk: number, sector: number, offset = 0): number =>
  (DATABASES[disk]! + sector) * SECTOR + offset;

/** Byte of a disk at `offset` of its configuration. */
export const inConfiguration = (disk: number, offset = 0): number => inDatabase(disk, CONFIGURATION, offset);

/** Copies of all disks, changed. */
export function withChange(change: (disks: Buffer[]) => void): Buffer[] {
  const disks = loadDynamicDisks().map(({ bytes }) => bytes);
  change(disks);
  return disks;
}

/** Offset in the configuration and what is to stand there. */
export type Edit = readonly [number, readonly number[] | string];

/** The same changes to the configuration of every disk. */
export function withConfiguration(...edits: readonly Edit[]): Buffer[] {
  return withChange((disks) => {
    for (const [i, disk] of disks.entries()) {
      for (const [offset, bytes] of edits) copyText(bytes, disk, inConfiguration(i, offset));
    }
  });
}

/** Writes bytes, or a text one byte a character. */
export function copyText(bytes: readonly number[] | string, disk: Buffer, at: number): void {
  const written = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes);
  written.copy(disk, at);
}

/** Makes the checksum of a private header or table of contents true again. */
export function sumUp(disk: Buffer, at: number): void {
  const sector = disk.subarray(at, at + SECTOR);
  sector.writeUInt32BE(0, 8);
  sector.writeUInt32BE(
    sector.reduce((sum, byte) => sum + byte, 0),
    8,
  );
}
