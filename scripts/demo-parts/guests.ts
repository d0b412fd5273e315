/**
 * The guests of the demo: what their disks hold at the time of each run, and what changes in between. Disks are copied out
 * of the simulator before each run, so that a restored disk can be held against what it was.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type DiskFixture, type DiskState, loadDisk } from '../../tests/support/fixtures.ts';
import { type SimProcess } from '../../tests/support/vcenter-sim/sim-process.ts';
import {
  changedGrains,
  type Expected,
  expectRead,
  inEither,
  noSectors,
  SECTOR_BYTES,
  type Sectors,
  sectorsInUse,
} from './sectors.ts';

const PAGE_BYTES = 4096;
/** The first line of each page of a fixture's file content. */
const PAGE_HEAD = /^[\w.-]+;\d+;[0-9a-f]{8}/;

/** A disk as it was when a run began. */
export interface Frozen {
  readonly state: DiskState;
  /** The guest wrote on since that state: hashes of the state do not hold. */
  readonly isTouched: boolean;
  /** The raw image. */
  readonly file: string;
  readonly inUse: Sectors;
  /** Since the run before. */
  readonly changed: Sectors;
}

export class GuestDisk {
  readonly vm: string;
  readonly key: number;
  readonly fixture: DiskFixture;
  readonly runs: Frozen[] = [];
  #stateNo = 0;
  #isTouched = false;
  #hasMoved = true;

  constructor(vm: string, key: number, fixture: string) {
    this.vm = vm;
    this.key = key;
    this.fixture = loadDisk(fixture);
  }

  get name(): string {
    return `${this.vm}-${this.key}`;
  }

  /** The guest goes on to the next state of its fixture. */
  async moveOn(sim: SimProcess): Promise<string> {
    const from = this.fixture.states[this.#stateNo]!.name;
    const to = this.fixture.states[++this.#stateNo]!.name;
    this.#hasMoved = true;
    await sim.applyState(this.vm, this.key, { fixture: this.fixture.name, from, to });
    return `${this.vm}: "${from}" becomes "${to}"`;
  }

  /** The guest overwrites a piece of a page of a file, the `n`-th in the image. */
  async editFile(sim: SimProcess, n: number): Promise<string> {
    const { file, inUse } = this.runs.at(-1)!;
    const truth = await readFile(file);
    const pages: number[] = [];
    for (let at = 0; at < truth.length && pages.length <= n; at += PAGE_BYTES) {
      const isUsed = inUse[at / SECTOR_BYTES] === 1;
      if (isUsed && PAGE_HEAD.test(truth.toString('latin1', at, at + 64))) pages.push(at);
    }
    const offset = pages[n]! + 1024;
    await sim.guestWrite(this.vm, this.key, [{ offset, bytes: Buffer.alloc(512, `edited ${n} `) }]);
    this.#isTouched = true;
    this.#hasMoved = true;
    return `${this.vm}: 512 bytes of a file at byte ${offset}`;
  }

  /** To be called before each run. */
  async freeze(sim: SimProcess, folder: string): Promise<void> {
    const before = this.runs.at(-1);
    const state = this.fixture.states[this.#stateNo]!;
    const isTouched = this.#isTouched;
    if (before !== undefined && !this.#hasMoved) {
      this.runs.push({ ...before, changed: noSectors(this.fixture.capacityBytes) });
      return;
    }
    const file = path.join(folder, `${this.name}-${this.runs.length + 1}.raw`);
    await sim.exportDisk(this.vm, this.key, file);
    const truth = await readFile(file);
    const changed =
      before === undefined
        ? noSectors(truth.length).fill(1)
        : changedGrains(await readFile(before.file), truth);
    this.runs.push({ state, isTouched, file, inUse: sectorsInUse(state, truth.length), changed });
    this.#hasMoved = false;
  }

  /** What the disk was when a run (from 1) began. */
  async truth(run: number): Promise<Buffer> {
    return readFile(this.runs[run - 1]!.file);
  }

  /** What the newest of a chain of runs (numbers from 1, oldest first) must read. */
  expected(chain: readonly number[]): Expected {
    let result: Expected | undefined;
    for (const [i, run] of chain.entries()) {
      const { inUse } = this.runs[run - 1]!;
      const heldByBase = result?.held ?? new Uint8Array(inUse.length);
      const steps = this.runs.slice(i === 0 ? 0 : chain[i - 1], run);
      const changed = steps.map((step) => step.changed).reduce(inEither);
      result = expectRead({ inUse, changed, heldByBase });
    }
    return result!;
  }
}

/** The disks of the small site that are made from fixtures and belong to the job. */
export function guestDisks(): readonly GuestDisk[] {
  return [
    new GuestDisk('web01', 2000, 'win-mbr'),
    new GuestDisk('db01', 2000, 'win-gpt'),
    new GuestDisk('db01', 2001, 'blank'),
    new GuestDisk('files01', 2000, 'win-two'),
    new GuestDisk('archive01', 2000, 'win-64k'),
    new GuestDisk('late01', 2000, 'late-metadata'),
    new GuestDisk('linux01', 2000, 'linux-ext4'),
    new GuestDisk('mixed01', 2000, 'blank'),
  ];
}
