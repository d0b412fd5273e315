/**
 * Which files lie at bytes of a volume: asked when these bytes are lost. All records of the MFT are walked once, as in mft-walk.ts, but
 * a record that cannot be read is counted and passed by, since what is lost may be part of the MFT itself. No gate counts here:
 * a name that is a moment old still helps.
 *
 *   wanted   ░░░░██░░░░░░██░░      \data\db.mdf has a run here ─▶ named, with the bytes of it that are wanted
 */
import { hasCode } from '../../../shared/base/errors.ts';
import { type Extent, type ExtentSet, slice, totalLength } from '../../../shared/domain/extent.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { type Attribute } from './attribute.ts';
import { type FileRecord, decodeFileRecord } from './file-record.ts';
import { type Mft, openMft } from './mft.ts';
import { MFT_READ_BYTES, isUnused, recordsIn } from './mft-walk.ts';
import { Paths } from './paths.ts';
import { type RunScanner, createRunScanner } from './run-scanner.ts';
import { placeOf, readStream } from './stream.ts';
import { attributeTypes, ntfsDamage } from './units.ts';
import { readBootSector } from './volume.ts';

/** Bounds the map of files that were met, to 64 MiB; no volume known has so many. */
const MAX_RECORDS = 2 ** 29;

export interface FilesAt {
  /** The first ones in the order of the MFT; a stream with a name of its own as `\path:stream`. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly moreFiles: number;
  /** How much of what was asked for lies in files, in those that are not named too. */
  readonly bytes: number;
  /** Records that could not be read: they may describe more files. */
  readonly unreadableRecords: number;
}

/**
 * The files that have a byte of `wanted`, which are bytes of the volume; at most `maxFiles` by name.
 * @throws AppError `FS_STRUCTURE_INVALID` when the MFT cannot be found; what the reader throws for other reasons
 */
export async function ntfsFilesAt(bytes: VolumeBytes, wanted: ExtentSet, maxFiles: number): Promise<FilesAt> {
  const boot = await readBootSector(bytes);
  const mft = await openMft({ bytes, boot });
  const walk = new Walk(mft, wanted, maxFiles);
  await walk.all();
  const paths = new Paths(mft);
  const files: { path: string; bytes: number }[] = [];
  for (const [number, hit] of walk.hits) {
    const path = await paths.of(number);
    files.push({ path: hit.stream === '' ? path : `${path}:${hit.stream}`, bytes: hit.bytes });
  }
  const { moreFiles, hitBytes, unreadableRecords } = walk;
  return { files, moreFiles, bytes: hitBytes, unreadableRecords };
}

interface Hit {
  readonly bytes: number;
  /** Empty for the file as such. */
  readonly stream: string;
}

/** One walk over an MFT. */
class Walk {
  /** By the number of the file's base record. */
  readonly hits = new Map<number, Hit>();
  moreFiles = 0;
  hitBytes = 0;
  unreadableRecords = 0;
  readonly #mft: Mft;
  readonly #wanted: ExtentSet;
  readonly #maxFiles: number;
  readonly #records: number;
  /** A bit for each file that has no place in `hits`. */
  readonly #isCounted: Uint8Array;
  readonly #scanner: RunScanner;
  /** Whether a run of the record that is scanned has a wanted byte. */
  #isHit = false;

  constructor(mft: Mft, wanted: ExtentSet, maxFiles: number) {
    const { recordBytes, clusters } = mft.volume.boot;
    this.#mft = mft;
    this.#wanted = wanted;
    this.#maxFiles = maxFiles;
    this.#records = recordsIn(mft);
    if (this.#records > MAX_RECORDS)
      throw ntfsDamage('$MFT', `it has ${this.#records} records`, mft.content.at);
    this.#isCounted = new Uint8Array(Math.ceil(this.#records / 8));
    this.#scanner = createRunScanner(recordBytes, clusters, (start, end) => {
      this.#isHit ||= this.#wantedOf({ start, length: end - start }).length > 0;
    });
  }

  async all(): Promise<void> {
    const total = this.#records * this.#mft.volume.boot.recordBytes;
    const buffer = new Uint8Array(Math.min(MFT_READ_BYTES, total));
    for (let start = 0; start < total; start += buffer.length)
      await this.#piece(start, buffer.subarray(0, Math.min(buffer.length, total - start)));
  }

  /** What cannot be read at once is halved, down to one record: so damage costs the records that it hit, and no others. */
  async #piece(start: number, piece: Uint8Array): Promise<void> {
    const { volume, content } = this.#mft;
    const { recordBytes } = volume.boot;
    try {
      await readStream(volume, content, start, piece);
    } catch (error) {
      if (!hasCode(error, 'FS_STRUCTURE_INVALID')) throw error;
      const half = Math.ceil(piece.length / recordBytes / 2) * recordBytes;
      if (half === piece.length) {
        this.unreadableRecords++;
        return;
      }
      await this.#piece(start, piece.subarray(0, half));
      await this.#piece(start + half, piece.subarray(half));
      return;
    }
    for (let inPiece = 0; inPiece < piece.length; inPiece += recordBytes)
      this.#record((start + inPiece) / recordBytes, piece.subarray(inPiece, inPiece + recordBytes));
  }

  /** Nearly all records have no wanted byte: they are seen by the scanner alone. */
  #record(number: number, raw: Uint8Array): void {
    if (isUnused(raw)) return;
    const isPlain = this.#scanner.scan(raw);
    if (!this.#tookHit() && isPlain) return;
    const { volume, content } = this.#mft;
    const at = placeOf(volume, content, number * volume.boot.recordBytes);
    try {
      this.#attributes(decodeFileRecord(raw, { number, at, volumeClusters: volume.boot.clusters }));
    } catch (error) {
      if (!hasCode(error, 'FS_STRUCTURE_INVALID')) throw error;
      this.unreadableRecords++;
    }
  }

  #tookHit(): boolean {
    const isHit = this.#isHit;
    this.#isHit = false;
    return isHit;
  }

  #attributes(record: FileRecord): void {
    const file = record.base?.number ?? record.number;
    for (const attribute of record.attributes) {
      if (attribute.kind !== 'non-resident') continue;
      const bytes = attribute.runs.reduce(
        (sum, { lcn, clusters }) =>
          sum + (lcn === null ? 0 : totalLength(this.#wantedOf({ start: lcn, length: clusters }))),
        0,
      );
      if (bytes > 0) this.#add(file, bytes, streamName(attribute));
    }
  }

  #add(file: number, bytes: number, stream: string): void {
    this.hitBytes += bytes;
    const known = this.hits.get(file);
    if (known !== undefined) {
      this.hits.set(file, { bytes: known.bytes + bytes, stream: known.stream === stream ? stream : '' });
    } else if (this.hits.size < this.#maxFiles) this.hits.set(file, { bytes, stream });
    else if (this.#isNew(file)) this.moreFiles++;
  }

  /** A file has as many records as its runs need: it is counted once. */
  #isNew(file: number): boolean {
    const [at, bit] = [Math.floor(file / 8), 1 << (file % 8)];
    const before = this.#isCounted[at] ?? 0;
    this.#isCounted[at] = before | bit;
    return (before & bit) === 0;
  }

  /** The wanted bytes in a run of clusters. */
  #wantedOf({ start, length }: Extent): ExtentSet {
    const { clusterBytes } = this.#mft.volume.boot;
    return slice(this.#wanted, start * clusterBytes, (start + length) * clusterBytes);
  }
}

/** Directories and their like have names for attributes that nobody knows as streams. */
const streamName = ({ type, name }: Attribute): string => (type === attributeTypes.content ? name : '');
