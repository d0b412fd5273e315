/**
 * The MFT: file records by number. Its own runs are told by record 0; when they need more records, those are read in the order
 * in which the runs found so far reach them.
 *
 * Source: docs/format/ntfs.md, sections 4 and 5.
 */
import { type Attribute, type NonResidentAttribute } from './attribute.ts';
import { type ListEntry, MAX_LIST_BYTES, decodeAttributeList } from './attribute-list.ts';
import { type FileRecord, type FileReference, decodeFileRecord } from './file-record.ts';
import {
  type Stream,
  joinPieces,
  joinPrefix,
  mappedClusters,
  placeOf,
  readStream,
  requirePlain,
} from './stream.ts';
import { attributeTypes, ntfsDamage, recordNumbers } from './units.ts';
import { type NtfsVolume } from './ntfs-volume.ts';

/**
 * Bounds on what one file may ask for, above what a 16 GiB MFT in 64 KiB pieces needs; a file that asks for more is taken for damage.
 */
const MAX_EXTENSIONS = 2000;
const MAX_RUNS = 250_000;

export interface Mft {
  readonly volume: NtfsVolume;
  readonly content: Stream;
}

/** A record together with those that extend it. */
export interface FileFamily {
  readonly base: FileRecord;
  readonly attributes: readonly Attribute[];
}

/**
 * Finds the MFT from the boot sector.
 * @throws AppError `FS_STRUCTURE_INVALID` when record 0 or one that extends it cannot be used
 */
export async function openMft(volume: NtfsVolume): Promise<Mft> {
  const { boot, bytes } = volume;
  const offset = boot.mftLcn * boot.clusterBytes;
  const raw = new Uint8Array(boot.recordBytes);
  await bytes.readInto(offset, raw);
  const place = { number: 0, at: bytes.startBytes + offset, volumeClusters: boot.clusters };
  const record = decodeFileRecord(raw, place);
  requireBase(record);
  const pieces = await collectMftPieces(volume, record);
  const content = requirePlain(volume, joinPieces(volume, pieces, '$MFT', record.at));
  if (content.runs[0]?.lcn !== boot.mftLcn) {
    throw ntfsDamage('$MFT', 'the boot sector names another place for it', record.at);
  }
  return { volume, content };
}

async function collectMftPieces(volume: NtfsVolume, record: FileRecord): Promise<NonResidentAttribute[]> {
  const pieces = contentPieces(record);
  const list = await readAttributeList(volume, record);
  let pending = uniqueRecords(list.filter(isUnnamedContent), record);
  while (pending.length > 0) {
    const later: FileReference[] = [];
    for (const reference of pending) {
      const mft = { volume, content: joinPrefix(pieces, '$MFT', record.at) };
      if (isMapped(mft, reference.number)) {
        append(pieces, contentPieces(await readExtension(mft, record, reference)), record);
      } else later.push(reference);
    }
    if (later.length === pending.length) {
      throw ntfsDamage('$MFT', 'the records that describe it cannot be reached', record.at);
    }
    pending = later;
  }
  return pieces;
}

const isUnnamedContent = (entry: ListEntry): boolean =>
  entry.type === attributeTypes.content && entry.name === '';

function contentPieces(record: FileRecord): NonResidentAttribute[] {
  return record.attributes.filter(
    (attribute): attribute is NonResidentAttribute =>
      attribute.kind === 'non-resident' && attribute.type === attributeTypes.content && attribute.name === '',
  );
}

function isMapped({ volume, content }: Mft, number: number): boolean {
  const end = (number + 1) * volume.boot.recordBytes;
  return end <= Math.min(mappedClusters(content) * volume.boot.clusterBytes, content.initialisedBytes);
}

/**
 * Reads one record, in use or not.
 * @throws AppError `FS_STRUCTURE_INVALID` when it lies outside the MFT or is damaged
 */
export async function readRecord(mft: Mft, number: number): Promise<FileRecord> {
  const { volume, content } = mft;
  if (!isMapped(mft, number)) throw ntfsDamage('$MFT', `it has no record ${number}`, content.at);
  const { recordBytes, clusters } = volume.boot;
  const raw = new Uint8Array(recordBytes);
  await readStream(volume, content, number * recordBytes, raw);
  const at = placeOf(volume, content, number * recordBytes);
  return decodeFileRecord(raw, { number, at, volumeClusters: clusters });
}

/**
 * Reads a base record that must be in use, and all that extend it.
 * @throws AppError `FS_STRUCTURE_INVALID` also when `sequence` is given and differs
 */
export async function readFamily(mft: Mft, number: number, sequence?: number): Promise<FileFamily> {
  const base = await readRecord(mft, number);
  requireBase(base);
  if (sequence !== undefined && base.sequence !== sequence) {
    throw ntfsDamage(`file record ${number}`, 'it was reused since it was referred to', base.at);
  }
  return await readExtensions(mft, base);
}

/**
 * A base record together with all that extend it.
 * @throws AppError `FS_STRUCTURE_INVALID`
 */
export async function readExtensions(mft: Mft, base: FileRecord): Promise<FileFamily> {
  const list = await readAttributeList(mft.volume, base);
  const attributes = [...base.attributes];
  for (const reference of uniqueRecords(list, base)) {
    append(attributes, (await readExtension(mft, base, reference)).attributes, base);
  }
  return { base, attributes };
}

function append<T extends Attribute>(to: T[], more: readonly T[], base: FileRecord): void {
  to.push(...more);
  const runs = to.reduce((sum, item) => sum + (item.kind === 'non-resident' ? item.runs.length : 0), 0);
  if (runs > MAX_RUNS) throw ntfsDamage(`file record ${base.number}`, 'the file has too many runs', base.at);
}

function requireBase(record: FileRecord): void {
  if (!record.isInUse) throw ntfsDamage(`file record ${record.number}`, 'it is not in use', record.at);
  if (record.base !== null) {
    throw ntfsDamage(`file record ${record.number}`, 'it extends another one', record.at);
  }
}

async function readExtension(mft: Mft, base: FileRecord, reference: FileReference): Promise<FileRecord> {
  const record = await readRecord(mft, reference.number);
  const isOurs =
    record.isInUse &&
    record.sequence === reference.sequence &&
    record.base?.number === base.number &&
    record.base.sequence === base.sequence;
  if (!isOurs) {
    throw ntfsDamage(`file record ${record.number}`, `it does not extend record ${base.number}`, record.at);
  }
  return record;
}

/** The records that a list names beside `base`, each once, by first VCN. */
function uniqueRecords(list: readonly ListEntry[], base: FileRecord): FileReference[] {
  const sorted = [...list].sort((a, b) => a.firstVcn - b.firstVcn);
  const byNumber = new Map(sorted.map(({ record }) => [record.number, record]));
  byNumber.delete(base.number);
  if (byNumber.size > MAX_EXTENSIONS) {
    throw ntfsDamage(`file record ${base.number}`, 'the file has too many records', base.at);
  }
  return [...byNumber.values()];
}

async function readAttributeList(volume: NtfsVolume, record: FileRecord): Promise<ListEntry[]> {
  const lists = record.attributes.filter(({ type }) => type === attributeTypes.attributeList);
  const entries: ListEntry[] = [];
  for (const list of lists) {
    if (list.kind === 'resident') entries.push(...decodeAttributeList(list.value, list.valueAt));
    else entries.push(...(await readLongList(volume, list)));
  }
  return entries;
}

async function readLongList(volume: NtfsVolume, list: NonResidentAttribute): Promise<ListEntry[]> {
  const stream = requirePlain(volume, joinPieces(volume, [list], 'attribute list', list.at));
  if (stream.sizeBytes > MAX_LIST_BYTES || stream.initialisedBytes < stream.sizeBytes) {
    throw ntfsDamage('attribute list', `it has ${stream.sizeBytes} bytes`, list.at);
  }
  const bytes = new Uint8Array(stream.sizeBytes);
  await readStream(volume, stream, 0, bytes);
  return decodeAttributeList(bytes, placeOf(volume, stream, 0));
}

/** Number of the first record that is no metafile. */
export const METAFILE_COUNT = recordNumbers.extend + 1;
