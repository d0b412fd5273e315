/** One damaged disk given to the filter, and the laws that its answer must keep. */
import { AssertionError, assert } from 'chai';
import { type ExtentSet, endOf, slice, subtract, totalLength } from '../../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../../worker/filter/active-blocks.ts';
import { keepAllOptions } from '../filter-options.ts';
import { type Draw, seededRandom } from '../seeded-random.ts';
import { type FuzzDisk, type FuzzRegion, type Seal } from './fuzz-disk.ts';
import { type ReadCounts, guardedReader } from './guarded-reader.ts';
import { type MutableImage, mutableImage } from './mutable-image.ts';
import { mutate } from './mutations.ts';

const SECTOR = 512;
const MAX_MUTATIONS = 4;
/** One disk in so many loses its end. */
const TRUNCATIONS = 25;

export interface FuzzFigures {
  runs: number;
  /** Runs whose answer was held against that for the sound disk. */
  judged: number;
  /** Runs in which a volume was still filtered. */
  filtered: number;
  mostCalls: number;
  mostBytes: number;
}

export interface Fuzzer {
  readonly figures: FuzzFigures;
  /** Draws a damaged disk from `seed`, maps it, and fails when the answer breaks a law. */
  run(seed: number): Promise<void>;
}

/** A fuzzer of one disk, whose bytes it takes over. */
export async function createFuzzer(disk: FuzzDisk): Promise<Fuzzer> {
  const image = mutableImage(disk.bytes);
  const sound = await map(disk.bytes, disk.bytes.length, { calls: 0, bytes: 0 });
  assert.notEqual(sound.state, 'unfiltered', 'the sound disk is filtered');
  const figures = { runs: 0, judged: 0, filtered: 0, mostCalls: 0, mostBytes: 0 };
  return {
    figures,
    async run(seed) {
      const damage = spoil(disk, image, seededRandom(seed));
      const counts = { calls: 0, bytes: 0 };
      try {
        const active = await map(disk.bytes, damage.capacityBytes, counts);
        checkForm(active, damage.capacityBytes);
        if (damage.isJudged) checkKept(sound, active, damage.capacityBytes);
        figures.runs++;
        if (damage.isJudged) figures.judged++;
        if (active.state !== 'unfiltered') figures.filtered++;
      } catch (error) {
        throw failed(error, seed, damage.texts);
      } finally {
        image.rollBack();
        figures.mostCalls = Math.max(figures.mostCalls, counts.calls);
        figures.mostBytes = Math.max(figures.mostBytes, counts.bytes);
      }
    },
  };
}

function map(bytes: Buffer, capacityBytes: number, counts: ReadCounts): Promise<ActiveBlocks> {
  const reader = guardedReader(bytes, capacityBytes, counts);
  return mapActiveBlocks(reader, keepAllOptions, new AbortController().signal);
}

function failed(error: unknown, seed: number, texts: readonly string[]): Error {
  const problem = error instanceof Error ? error.message : String(error);
  const again = `BLOCKHOUSE_FUZZ_SEED=${seed} BLOCKHOUSE_FUZZ_RUNS=1`;
  const failure = new AssertionError(`${problem}; ${again}; damage: ${texts.join('; ')}`);
  failure.cause = error;
  return failure;
}

interface Damage {
  readonly capacityBytes: number;
  readonly isJudged: boolean;
  readonly texts: readonly string[];
}

function spoil({ bytes, regions }: FuzzDisk, image: MutableImage, draw: Draw): Damage {
  const texts: string[] = [];
  const spoilt = new Set<FuzzRegion>();
  for (let count = 1 + draw(MAX_MUTATIONS); count > 0; count--) {
    const mutation = mutate({ image, regions, draw });
    texts.push(mutation.text);
    mutation.regions.forEach((region) => spoilt.add(region));
  }
  const isSealed = draw(2) === 0;
  if (isSealed) seal(image, regions, spoilt);
  const isCut = draw(TRUNCATIONS) === 0;
  const capacityBytes = isCut ? SECTOR * (1 + draw(bytes.length / SECTOR)) : bytes.length;
  if (isSealed) texts.push('checksums made right');
  if (isCut) texts.push(`cut to ${capacityBytes} bytes`);
  const isJudged = [...spoilt].every(
    ({ judged }) => judged === 'always' || (judged === 'unless-sealed' && !isSealed),
  );
  return { capacityBytes, isJudged, texts };
}

function seal(image: MutableImage, regions: readonly FuzzRegion[], spoilt: ReadonlySet<FuzzRegion>): void {
  const seals = new Set<Seal>(regions.filter((region) => spoilt.has(region)).flatMap((r) => r.seals ?? []));
  for (const { at, lengthBytes, run } of seals) {
    image.touch(at, lengthBytes);
    run(image.bytes);
  }
}

/** What holds for every answer. */
function checkForm(active: ActiveBlocks, capacityBytes: number): void {
  checkSet(active.keep, capacityBytes);
  assert.equal(active.usedBytes, totalLength(active.keep));
  let skippedBytes = 0;
  for (const volume of active.volumes) {
    const { startBytes, gate, reason } = volume;
    assert.isTrue(startBytes >= 0 && startBytes < capacityBytes, 'a volume lies on the disk');
    if (gate !== null) {
      assert.match(gate, /^[a-z-]+$/);
      assert.isString(reason);
      if (volume.fileSystem !== 'LVM2') assert.equal(volume.skippedBytes, 0, 'a volume with a gate is kept');
    }
    skippedBytes += volume.skippedBytes;
  }
  assert.isAtMost(capacityBytes - active.usedBytes, skippedBytes, 'what is dropped is told');
}

function checkSet(set: ExtentSet, capacityBytes: number): void {
  let end = -1;
  for (const extent of set) {
    assert.isTrue(Number.isSafeInteger(extent.start) && extent.length > 0 && extent.start > end, 'an extent');
    end = endOf(extent);
  }
  assert.isAtMost(end, capacityBytes);
}

/** A damaged disk is not kept less than the sound one. */
function checkKept(sound: ActiveBlocks, active: ActiveBlocks, capacityBytes: number): void {
  const lost = subtract(slice(sound.keep, 0, capacityBytes), active.keep);
  assert.equal(totalLength(lost), 0, `drops more from byte ${String(lost[0]?.start)} on`);
}
