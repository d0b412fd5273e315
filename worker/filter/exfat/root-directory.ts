/**
 * The root directory as far as the file system itself stands in it: entries of 32 bytes, up to one of type 0.
 *
 *   81  allocation bitmap     1  u8 flags     20 u32 first cluster     24 u64 bytes
 *   82  up-case table         20 u32 first cluster                     24 u64 bytes
 *   83  label                 1  u8 characters, 15 at most             2  UTF-16
 *
 * Source: docs/format/exfat.md, section 3.
 */
import { MiB } from '../../../shared/base/units.ts';
import { type Extent } from '../../../shared/domain/extent.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { type BootRegion } from './boot-region.ts';
import { type Fat } from './fat.ts';
import { complainOf, exfatDamage, gateClosed } from './units.ts';

/** What the format allows. */
const MAX_DIRECTORY_BYTES = 256 * MiB;
const PIECE_BYTES = MiB;
const ENTRY_BYTES = 32;
const MAX_LABEL = 15;

export interface FilePlace {
  readonly firstCluster: number;
  readonly lengthBytes: number;
}

export interface RootDirectory {
  readonly bitmap: FilePlace;
  readonly upcase: FilePlace;
  readonly label: string | null;
  /** Clusters of the directory itself, counted from 0. */
  readonly runs: readonly Extent[];
}

/** @throws AppError `FS_STRUCTURE_INVALID` when something is not there, `FILTER_GATE_CLOSED` with two bitmaps */
export async function readRootDirectory(
  bytes: VolumeBytes,
  boot: BootRegion,
  fat: Fat,
): Promise<RootDirectory> {
  const runs = await fat.chain(boot.rootCluster, Math.ceil(MAX_DIRECTORY_BYTES / boot.clusterBytes));
  const found = new Map<number, Fields>();
  for await (const entry of entriesOf(bytes, boot, runs)) {
    const type = entry.u8(0);
    if (type === 0) break;
    if (found.has(type)) throw twice(type, entry);
    found.set(type, entry);
  }
  const at = bytes.startBytes + boot.heapAt;
  const place = (type: number, what: string): FilePlace => {
    const entry = found.get(type);
    if (entry === undefined) throw exfatDamage('root directory', `it has no ${what}`, at);
    return { firstCluster: entry.u32(20), lengthBytes: entry.u64(24) };
  };
  const bitmap = place(0x81, 'allocation bitmap');
  if (found.get(0x81)?.u8(1) !== 0) throw gateClosed('texfat', 'The bitmap is that of a second FAT', at);
  return { bitmap, upcase: place(0x82, 'up-case table'), label: labelOf(found.get(0x83)), runs };
}

function twice(type: number, entry: Fields): Error {
  if (type === 0x81) return gateClosed('texfat', 'The volume has two bitmaps', entry.at);
  return entry.damage('the root directory has two entries of a kind', 0);
}

function labelOf(entry: Fields | undefined): string | null {
  if (entry === undefined) return null;
  const length = entry.u8(1);
  return length === 0 || length > MAX_LABEL ? null : entry.utf16(2, length);
}

/** The end, or an entry of the file system itself. */
const isOwnType = (type: number): boolean => type === 0 || (type >= 0x81 && type <= 0x83);

async function* entriesOf(
  bytes: VolumeBytes,
  { heapAt, clusterBytes }: BootRegion,
  runs: readonly Extent[],
): AsyncGenerator<Fields> {
  for await (const { at, piece } of readRuns(bytes, { heapAt, clusterBytes }, runs)) {
    for (let offset = 0; offset < piece.length; offset += ENTRY_BYTES) {
      if (!isOwnType(piece[offset] ?? 0)) continue;
      const entry = piece.subarray(offset, offset + ENTRY_BYTES);
      yield fieldsOf(entry, at + offset, complainOf('root directory'));
    }
  }
}

/** The content of clusters, in pieces of at most a MiB; `at` is the place of a piece on the disk. */
export async function* readRuns(
  bytes: VolumeBytes,
  { heapAt, clusterBytes }: Pick<BootRegion, 'heapAt' | 'clusterBytes'>,
  runs: readonly Extent[],
): AsyncGenerator<{ at: number; piece: Uint8Array }> {
  for (const { start, length } of runs) {
    const end = heapAt + (start + length) * clusterBytes;
    for (let from = heapAt + start * clusterBytes; from < end; from += PIECE_BYTES) {
      const piece = new Uint8Array(Math.min(PIECE_BYTES, end - from));
      await bytes.readInto(from, piece);
      yield { at: bytes.startBytes + from, piece };
    }
  }
}
