/** What a verification found to be lost, bounded however much it is, and the one error that tells it. */
import { AppError } from '../../shared/base/errors.ts';
import { formatBytes } from '../../shared/base/units.ts';
import { MAX_REPORT_LIST, type VerifyReport } from '../../shared/contract/device-report.ts';
import { type Extent, type ExtentSet, endOf, normalize, totalLength } from '../../shared/domain/extent.ts';
import { type ManifestDisk } from '../../shared/format/manifest.ts';
import { type LostFiles } from './lost-files.ts';

/** Ranges held per disk: more than are shown, as they are looked up in its file systems. */
const KEPT_RANGES = 4096;
const SHOWN_RANGES = 4;
const SHOWN_PARTS = 8;
const SHOWN_OTHERS = 10;
const SHOWN_FILES = 2;
const SHOWN_PATH_LENGTH = 120;

/** The losses of one disk. */
export class DiskLosses {
  readonly #disk: ManifestDisk;
  #chunks = 0;
  #bytes = 0;
  #ranges: ExtentSet = [];
  /** In any order: neighbours come one by one, and are joined when there are many. */
  #unsorted: Extent[] = [];
  #cutRanges = 0;
  #files: LostFiles = { volumes: [], outsideBytes: 0, reason: null };

  constructor(disk: ManifestDisk) {
    this.#disk = disk;
  }

  get chunks(): number {
    return this.#chunks;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The lost bytes of the disk; only the first ones when they are in very many places. */
  get ranges(): ExtentSet {
    if (this.#unsorted.length === 0) return this.#ranges;
    const all = normalize([...this.#ranges, ...this.#unsorted]);
    this.#unsorted = [];
    this.#ranges = all.slice(0, KEPT_RANGES);
    this.#cutRanges += all.length - this.#ranges.length;
    return this.#ranges;
  }

  /** Notes a lost chunk and the bytes of the disk that it held. */
  add(extents: ExtentSet): void {
    this.#chunks++;
    this.#bytes += totalLength(extents);
    this.#unsorted.push(...extents);
    if (this.#unsorted.length >= KEPT_RANGES) this.#ranges = this.ranges;
  }

  /** Says which files lie in the ranges. */
  setFiles(files: LostFiles): void {
    this.#files = files;
  }

  /** The first ranges, as `first-last` byte. */
  get firstRanges(): string {
    const shown = this.ranges.slice(0, SHOWN_RANGES);
    const more = this.ranges.length > shown.length ? ', …' : '';
    return `${shown.map((range) => `${range.start}-${endOf(range) - 1}`).join(', ')}${more}`;
  }

  get report(): VerifyReport['disks'][number] {
    const { key, label } = this.#disk;
    const ranges = this.ranges.slice(0, MAX_REPORT_LIST);
    const { volumes, outsideBytes, reason } = this.#files;
    return {
      ...{ key, label, chunks: this.#chunks, bytes: this.#bytes },
      ranges: ranges.map(({ start, length }) => ({ start, length })),
      moreRanges: this.ranges.length - ranges.length + this.#cutRanges,
      volumes: [...volumes],
      outsideBytes,
      reason: reason ?? (this.#cutRanges > 0 ? `only the first ${KEPT_RANGES} ranges were looked up` : null),
    };
  }

  toString(): string {
    const amount = `${this.#chunks} ${this.#chunks === 1 ? 'chunk' : 'chunks'}, ${formatBytes(this.#bytes)}`;
    return `${nameOf(this.#disk)} lost ${amount} at bytes ${this.firstRanges}${this.#filesText}`;
  }

  get #filesText(): string {
    const files = this.#files.volumes.flatMap((volume) => volume.files);
    if (files.length === 0) return '';
    const shown = files.slice(0, SHOWN_FILES).map(({ path }) => `"${cut(path)}"`);
    const more =
      this.#files.volumes.reduce((sum, { moreFiles }) => sum + moreFiles, files.length) - shown.length;
    return ` in ${shown.join(', ')}${more > 0 ? ` and ${more} more ${more === 1 ? 'file' : 'files'}` : ''}`;
  }
}

const cut = (path: string): string =>
  path.length <= SHOWN_PATH_LENGTH ? path : `…${path.slice(-SHOWN_PATH_LENGTH)}`;

/** How messages call a disk. */
export const nameOf = ({ key, label }: ManifestDisk): string => `disk ${key} "${label}"`;

/** Everything that is wrong with one restore point. */
export class Findings {
  readonly #losses = new Map<number, DiskLosses>();
  readonly #others: string[] = [];
  #areAllOthers = true;
  readonly #unreadable: { readonly what: string; readonly error: AppError }[] = [];

  /** The losses of a disk, to be filled. */
  addDisk(disk: ManifestDisk): DiskLosses {
    const losses = new DiskLosses(disk);
    this.#losses.set(disk.key, losses);
    return losses;
  }

  /** A file, or a disk of which nothing can be said. */
  addUnreadable(what: string, error: AppError): void {
    this.#unreadable.push({ what, error });
  }

  /** Other points that use the damaged records; `isComplete` says whether all points were looked at. */
  addOthers(savesetIds: readonly string[], isComplete: boolean): void {
    this.#others.push(...savesetIds);
    this.#areAllOthers &&= isComplete;
  }

  /** The disks that have lost something, by key. */
  get lossy(): readonly (readonly [number, DiskLosses])[] {
    return [...this.#losses].filter(([, { chunks }]) => chunks > 0);
  }

  /** All findings but what only a message has room for; undefined when there are none. */
  report(savesetId: string): VerifyReport | undefined {
    const lost = this.lossy;
    if (lost.length + this.#unreadable.length === 0) return undefined;
    const otherPoints = this.#others.slice(0, MAX_REPORT_LIST);
    return {
      kind: 'verify',
      savesetId,
      disks: lost.slice(0, MAX_REPORT_LIST).map(([, losses]) => losses.report),
      unreadable: this.#unreadable
        .slice(0, MAX_REPORT_LIST)
        .map(({ what, error }) => ({ what, reason: error.message })),
      otherPoints,
      moreOtherPoints: this.#others.length - otherPoints.length,
    };
  }

  /** `VERIFY_FAILED` when there is a finding, naming what is lost; undefined when there is none. */
  failure(savesetId: string): AppError | undefined {
    const lost = this.lossy;
    const parts = [
      ...this.#unreadable.map(({ what, error }) => `${what} is lost (${error.message})`),
      ...lost.map(([, losses]) => losses.toString()),
    ];
    if (parts.length === 0) return undefined;
    const more = parts.length > SHOWN_PARTS ? `; and ${parts.length - SHOWN_PARTS} more` : '';
    const text = `${parts.slice(0, SHOWN_PARTS).join('; ')}${more}`;
    const message = `Cannot restore all of point ${savesetId}: ${text}${this.#othersText}`;
    const facts = {
      savesetId,
      disks: lost.map(([key]) => key).join(', '),
      chunks: lost.reduce((sum, [, { chunks }]) => sum + chunks, 0),
      bytes: lost.reduce((sum, [, { bytes }]) => sum + bytes, 0),
      ranges: lost
        .slice(0, SHOWN_PARTS)
        .map(([key, { firstRanges }]) => `${key}: ${firstRanges}`)
        .join('; '),
      unreadable: this.#unreadable
        .slice(0, SHOWN_PARTS)
        .map(({ what }) => what)
        .join('; '),
      others: this.#others.slice(0, SHOWN_OTHERS).join(', '),
    };
    return new AppError('VERIFY_FAILED', message, facts, this.#unreadable[0]?.error);
  }

  get #othersText(): string {
    if (this.#others.length === 0 && this.#areAllOthers) return '';
    const shown = this.#others.slice(0, SHOWN_OTHERS).join(', ');
    const more = this.#others.length - SHOWN_OTHERS;
    const rest = this.#areAllOthers ? '' : '; not all points were looked at';
    if (shown === '') return rest;
    return `; the same records are used by ${shown}${more > 0 ? ` and ${more} more` : ''}${rest}`;
  }
}
