/**
 * Directories of packs at hand, as the 48-byte entries that they are on the device. Those that were read are kept while
 * there is room, the one unused for longest goes first. Those that cannot be read again are held: of packs that are being
 * written, and of packs whose directory is damaged.
 */
import { KiB, MiB } from '../base/units.ts';
import {
  DIRECTORY_ENTRY_BYTES,
  type EntryPlace,
  readEntryPlace,
  writeEntryPlace,
} from '../format/pack-directory.ts';

const KEPT_BYTES = 8 * MiB;
const HELD_BYTES = 8 * MiB;
/** A pack is visible before the second one behind it is begun; one more for good measure. */
export const OWN_PACKS = 3;

interface OwnDirectory {
  readonly row: number;
  bytes: Uint8Array;
  entries: number;
}

/** Directories by the row of their pack. */
export class DirectoryShelf {
  readonly #kept = new Map<number, Uint8Array>();
  readonly #held = new Map<number, Uint8Array>();
  readonly #own: OwnDirectory[] = [];
  #keptBytes = 0;
  #heldBytes = 0;

  /** The directory, or undefined when it must be read. */
  get(row: number): Uint8Array | undefined {
    const own = this.#own.find((other) => other.row === row);
    if (own !== undefined) return own.bytes.subarray(0, own.entries * DIRECTORY_ENTRY_BYTES);
    const kept = this.#kept.get(row);
    if (kept === undefined) return this.#held.get(row);
    this.#kept.delete(row);
    this.#kept.set(row, kept);
    return kept;
  }

  /** Keeps a directory for as long as there is room. */
  keep(row: number, directory: Uint8Array): void {
    this.#keptBytes += directory.length - (this.#kept.get(row)?.length ?? 0);
    this.#kept.set(row, directory);
    for (const [oldest, bytes] of this.#kept) {
      if (this.#keptBytes <= KEPT_BYTES) return;
      this.#kept.delete(oldest);
      this.#keptBytes -= bytes.length;
    }
  }

  /** Holds entries that no directory has; beyond 8 MiB they are not known. */
  hold(row: number, entries: readonly EntryPlace[]): void {
    const length = entries.length * DIRECTORY_ENTRY_BYTES;
    if (this.#heldBytes + length > HELD_BYTES) return;
    const bytes = new Uint8Array(length);
    entries.forEach((entry, i) => writeEntryPlace(bytes, i, entry));
    this.#held.set(row, bytes);
    this.#heldBytes += length;
  }

  /** Adds the next entry of a pack that is being written; the packs before the last few are visible and can be read. */
  addOwn(row: number, entry: EntryPlace): void {
    const own = this.#ownOf(row);
    if (own.bytes.length < (own.entries + 1) * DIRECTORY_ENTRY_BYTES) {
      const larger = new Uint8Array(own.bytes.length * 2);
      larger.set(own.bytes);
      own.bytes = larger;
    }
    writeEntryPlace(own.bytes, own.entries++, entry);
  }

  /** Entries of the pack that are known from `addOwn`. */
  #ownOf(row: number): OwnDirectory {
    const last = this.#own.at(-1);
    if (last?.row === row) return last;
    const own = { row, bytes: new Uint8Array(12 * KiB), entries: 0 };
    this.#own.push(own);
    if (this.#own.length > OWN_PACKS) this.#keepOldestOwn();
    return own;
  }

  #keepOldestOwn(): void {
    const oldest = this.#own.shift();
    if (oldest !== undefined)
      this.keep(oldest.row, oldest.bytes.slice(0, oldest.entries * DIRECTORY_ENTRY_BYTES));
  }
}

/** All entries of a directory; their ids are views on it. */
export function entriesIn(directory: Uint8Array): EntryPlace[] {
  const entries: EntryPlace[] = [];
  for (let i = 0; ; i++) {
    const entry = readEntryPlace(directory, i);
    if (entry === undefined) return entries;
    entries.push(entry);
  }
}

/** The place in entry `i` if it is that of the chunk. */
export function placeOfChunk(directory: Uint8Array, i: number, id: Uint8Array): EntryPlace | undefined {
  const place = readEntryPlace(directory, i);
  return place !== undefined && Buffer.compare(place.id, id) === 0 ? place : undefined;
}
