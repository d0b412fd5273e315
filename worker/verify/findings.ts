/** What a verification found to be lost, bounded however much it is, and the one error that tells it. */
import { AppError } from '../../shared/base/errors.ts';
import { formatBytes } from '../../shared/base/units.ts';
import { type ExtentSet, endOf, normalize, totalLength } from '../../shared/domain/extent.ts';

/** Ranges held per disk: more than are shown, as neighbours come in any order and are joined. */
const KEPT_RANGES = 256;
const SHOWN_RANGES = 4;
const SHOWN_PARTS = 8;
const SHOWN_OTHERS = 10;

/** The losses of one disk. */
export class DiskLosses {
  readonly #disk: string;
  #chunks = 0;
  #bytes = 0;
  #ranges: ExtentSet = [];

  /** @param disk - how the disk is named in the message */
  constructor(disk: string) {
    this.#disk = disk;
  }

  get chunks(): number {
    return this.#chunks;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Notes a lost chunk and the bytes of the disk that it held. */
  add(extents: ExtentSet): void {
    this.#chunks++;
    this.#bytes += totalLength(extents);
    this.#ranges = normalize([...this.#ranges, ...extents]).slice(0, KEPT_RANGES);
  }

  /** The first ranges, as `first-last` byte. */
  get firstRanges(): string {
    const shown = this.#ranges.slice(0, SHOWN_RANGES);
    const more = this.#ranges.length > shown.length ? ', …' : '';
    return `${shown.map((range) => `${range.start}-${endOf(range) - 1}`).join(', ')}${more}`;
  }

  toString(): string {
    const amount = `${this.#chunks} ${this.#chunks === 1 ? 'chunk' : 'chunks'}, ${formatBytes(this.#bytes)}`;
    return `${this.#disk} lost ${amount} at bytes ${this.firstRanges}`;
  }
}

/** Everything that is wrong with one restore point. */
export class Findings {
  readonly #losses = new Map<number, DiskLosses>();
  readonly #others: string[] = [];
  #areAllOthers = true;
  readonly #unreadable: { readonly what: string; readonly error: AppError }[] = [];

  /** The losses of a disk, to be filled. */
  addDisk(key: number, disk: string): DiskLosses {
    const losses = new DiskLosses(disk);
    this.#losses.set(key, losses);
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

  /** @throws AppError `VERIFY_FAILED` when there is a finding; it names what is lost */
  throwIfAny(savesetId: string): void {
    const lost = [...this.#losses].filter(([, { chunks }]) => chunks > 0);
    const parts = [
      ...this.#unreadable.map(({ what, error }) => `${what} is lost (${error.message})`),
      ...lost.map(([, losses]) => losses.toString()),
    ];
    if (parts.length === 0) return;
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
    throw new AppError('VERIFY_FAILED', message, facts, this.#unreadable[0]?.error);
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
