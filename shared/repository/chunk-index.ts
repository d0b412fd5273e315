/**
 * What a chunk lookup keeps in memory: tables and packs, within the budget of the device. No I/O; the exact place of a
 * record, which is in the directory of its pack, is not known here.
 */
import { type PackEntry } from '../format/pack-directory.ts';
import { SLOT_BYTES, type SharedLookup, type Tag, ordinalsOf, tagOf } from './chunk-lookup-table.ts';
import {
  ADMIT_ALL,
  type Admission,
  type Shortage,
  chooseAdmission,
  createHistogram,
  packsLimit,
  sizeClass,
  tablesLimit,
} from './lookup-budget.ts';
import { LookupPacks, type PackRow, type RecordNumber } from './lookup-packs.ts';
import { LookupTables, MAX_SLOTS, recordsIn } from './lookup-tables.ts';

/** What is remembered of the choice of chunks from one stream to the next. */
export interface ChoiceCounts {
  readonly leastClass: number;
  readonly leftOut: number;
  readonly leftOutLarge: number;
}

/** What of a directory entry is needed here. */
type ChunkSize = Pick<PackEntry, 'id' | 'plainLength'>;

export class ChunkIndex {
  readonly packs: LookupPacks;
  readonly tables = new LookupTables();
  readonly #budgetOf: (storedBytes: number) => number;
  readonly #histogram = createHistogram();
  #storedBytes: number;
  #admission: Admission = ADMIT_ALL;
  #leftOut = 0;
  #leftOutLarge = 0;
  /** Records of packs that got no row: left out too. */
  #rowless = 0;

  /** @param storedBytes - length of all packs of the device */
  constructor(budgetOf: (storedBytes: number) => number, storedBytes: number, packs = new LookupPacks()) {
    this.#budgetOf = budgetOf;
    this.#storedBytes = storedBytes;
    this.packs = packs;
  }

  get shared(): SharedLookup {
    return this.tables.shared;
  }

  get budgetBytes(): number {
    return this.#budgetOf(this.#storedBytes);
  }

  get memoryBytes(): number {
    return this.tables.memoryBytes + this.packs.memoryBytes;
  }

  get choice(): ChoiceCounts {
    const { leastClass } = this.#admission;
    return { leastClass, leftOut: this.#leftOut + this.#rowless, leftOutLarge: this.#leftOutLarge };
  }

  get shortage(): Shortage {
    const records = this.tables.records;
    return { capacity: recordsIn(this.tablesLimit), records, ...this.choice };
  }

  /** Goes on with the choice of an earlier stream. */
  resume({ leastClass, leftOut, leftOutLarge }: ChoiceCounts): void {
    this.#admission = { leastClass, room: Infinity };
    this.#leftOut = leftOut;
    this.#leftOutLarge = leftOutLarge;
  }

  /** Adds a pack with all its records; its row, or undefined when packs take no more memory. */
  addPack(pack: Omit<PackRow, 'records'>, entries: readonly ChunkSize[]): number | undefined {
    const row = this.openPack(pack, entries.length);
    if (row === undefined) this.#rowless += entries.length;
    else this.fillPack(row, entries);
    return row;
  }

  /** Adds a row; its records are added one by one or by `fillPack`. */
  openPack(pack: Omit<PackRow, 'records'>, records = 0): number | undefined {
    const limitBytes = Math.min(packsLimit(this.budgetBytes), this.budgetBytes - this.tables.memoryBytes);
    return this.packs.append({ ...pack, records }, limitBytes);
  }

  /** Adds the records of a row that is there. */
  fillPack(row: number, entries: readonly ChunkSize[]): void {
    const base = this.packs.base(row);
    entries.forEach(({ id, plainLength }, i) => this.addRecord(tagOf(id), base + i, plainLength));
  }

  addRecord(tag: Tag, ordinal: number, plainLength: number): void {
    const size = sizeClass(plainLength);
    this.#histogram[size] = (this.#histogram[size] ?? 0) + 1;
    if (!this.#admits(size)) this.#leftOut++;
    else if (!this.tables.insert(tag, ordinal, this.tablesLimit)) {
      this.#leftOut++;
      this.#leftOutLarge++;
    }
  }

  /** Whether tables with so many slots are within the limit. */
  takesTables(slots: number): boolean {
    return slots <= MAX_SLOTS && slots * SLOT_BYTES <= this.tablesLimit;
  }

  /** The device has grown, and with it the budget. */
  grow(storedBytes: number): void {
    this.#storedBytes += storedBytes;
  }

  /**
   * Empties the tables, to be filled once more with the largest of all records that were added. After that, records of
   * the least size class are let in again as long as there is room.
   */
  async refill(fill: () => Promise<void>): Promise<void> {
    const all = this.#histogram.reduce((sum, records) => sum + records, 0);
    const capacity = recordsIn(this.tablesLimit);
    this.#admission = chooseAdmission(this.#histogram, capacity);
    this.#histogram.fill(0);
    this.#leftOut = 0;
    this.#leftOutLarge = 0;
    this.tables.clear();
    this.tables.reserve(Math.min(all, capacity), this.tablesLimit);
    await fill();
    this.#admission = { leastClass: this.#admission.leastClass, room: Infinity };
  }

  /** All records that may hold a chunk. */
  recordsOf(id: Uint8Array): RecordNumber[] {
    const records = ordinalsOf(this.shared, id).map((ordinal) => this.packs.find(ordinal));
    return records.filter((record) => record !== undefined);
  }

  /** What the packs leave, and some room for packs that are to come. */
  get tablesLimit(): number {
    return tablesLimit(this.budgetBytes, this.packs.memoryBytes);
  }

  #admits(size: number): boolean {
    const { leastClass, room } = this.#admission;
    if (size !== leastClass) return size > leastClass;
    if (room <= 0) return false;
    this.#admission = { leastClass, room: room - 1 };
    return true;
  }
}
