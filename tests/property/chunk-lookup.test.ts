/**
 * The law of the chunk lookup: it says nothing that is not true, knows all that its memory allows, and stays within it;
 * whatever was stored, removed, marked or excluded, by this stream or another, and whenever it was opened again.
 */
import { assert } from 'chai';
import fc from 'fast-check';
import { packName } from '../../shared/format/names.ts';
import { ChunkLookup, type ChunkPlace } from '../../shared/repository/chunk-lookup.ts';
import { markDamaged } from '../../shared/repository/damage-marks.ts';
import { MemoryStorage } from '../../shared/repository/storage-memory.ts';
import { onStorage } from '../support/open-devices.ts';
import { tempFolder } from '../support/temp.ts';
import { type FakePack, fakeId, fakePack } from '../unit/repository/fake-packs.ts';

const signal = new AbortController().signal;
const IDS = 4000;

type Step =
  | {
      readonly kind: 'store' | 'other stores';
      readonly from: number;
      readonly count: number;
      readonly size: number;
    }
  | { readonly kind: 'remove' | 'mark' | 'exclude'; readonly which: number }
  | { readonly kind: 'open' };

const anyStore = fc.record({
  kind: fc.constantFrom('store' as const, 'other stores' as const),
  from: fc.nat(IDS - 1),
  count: fc.integer({ min: 1, max: 400 }),
  size: fc.constantFrom(512, 4096, 65_536, 1_048_576),
});
const anyChange = fc.record({
  kind: fc.constantFrom('remove' as const, 'mark' as const, 'exclude' as const),
  which: fc.nat(1000),
});
const anySteps = fc.array<Step>(
  fc.oneof({ weight: 4, arbitrary: anyStore }, anyChange, fc.record({ kind: fc.constant('open' as const) })),
  // more records of one chunk are not kept
  { maxLength: 15 },
);

/** The device, and what a stream must know of it. */
class Model {
  readonly storage = new MemoryStorage();
  readonly packs: FakePack[] = [];
  /** Packs that the stream has seen, by id; excluded ones are out. */
  readonly seen = new Map<string, FakePack>();
  readonly excluded = new Set<string>();
  readonly marked = new Set<string>();
  readonly #file: string;
  readonly #budgetBytes: number;
  lookup: ChunkLookup | undefined;

  constructor(file: string, budgetBytes: number) {
    this.#file = file;
    this.#budgetBytes = budgetBytes;
  }

  async open(): Promise<void> {
    await this.lookup?.save();
    this.lookup = await ChunkLookup.open(onStorage(this.storage), {
      signal,
      cache: { file: this.#file, deviceId: 'ab'.repeat(16) },
      budgetOf: () => this.#budgetBytes,
    });
    this.seen.clear();
    this.excluded.clear();
    for (const pack of this.packs) this.seen.set(pack.packId, pack);
  }

  async step(step: Step): Promise<void> {
    if (step.kind === 'open') await this.open();
    else if ('count' in step) this.store(step);
    else await this.change(step);
  }

  async change(step: Extract<Step, { which: number }>): Promise<void> {
    const pack = this.packs[step.which % Math.max(1, this.packs.length)];
    if (pack === undefined) return;
    if (step.kind === 'remove') {
      this.packs.splice(this.packs.indexOf(pack), 1);
      this.storage.objects.delete(packName(pack.packId));
      await this.open();
    } else if (step.kind === 'mark') {
      const chunk = pack.chunks[step.which % pack.chunks.length]!;
      await markDamaged(this.storage, chunk);
      this.marked.add(`${chunk.packId}.${chunk.offset}`);
      await this.open();
    } else {
      this.excluded.add(pack.packId);
      this.lookup!.excludePacks(new Set([pack.packId]));
    }
  }

  store({ kind, from, count, size }: Extract<Step, { count: number }>): void {
    const ids = Array.from({ length: count }, (_, i) => ({
      id: fakeId((from + i) % IDS),
      plainLength: size,
    }));
    const pack = fakePack(ids);
    this.packs.push(pack);
    this.storage.objects.set(packName(pack.packId), pack.bytes);
    if (kind !== 'store') return;
    for (const { id, ...place } of pack.chunks) this.lookup!.add(id, place);
    this.seen.set(pack.packId, pack);
  }

  /** Places that the stream may give, by id. */
  places(): Map<string, ChunkPlace[]> {
    const places = new Map<string, ChunkPlace[]>();
    for (const { packId, chunks } of this.seen.values()) {
      if (this.excluded.has(packId)) continue;
      for (const { id, ...place } of chunks) {
        if (this.marked.has(`${packId}.${place.offset}`)) continue;
        const key = Buffer.from(id).toString('hex');
        places.set(key, [...(places.get(key) ?? []), place]);
      }
    }
    return places;
  }
}

async function run(
  steps: readonly Step[],
  budgetBytes: number,
  check: (model: Model) => Promise<void>,
): Promise<void> {
  await using folder = await tempFolder();
  const model = new Model(folder.file('lookup.bin'), budgetBytes);
  await model.open();
  for (const step of steps) {
    await model.step(step);
    assert.isAtMost(model.lookup!.memoryBytes, budgetBytes);
  }
  await check(model);
}

describe('the law of the chunk lookup', () => {
  it('knows exactly what is there when memory does for all', async () => {
    await fc.assert(
      fc.asyncProperty(anySteps, (steps) =>
        run(steps, 2 ** 24, async (model) => {
          const { lookup } = model;
          const expected = model.places();
          for (let number = 0; number < IDS; number++) {
            const id = fakeId(number);
            const found = await lookup!.find(id);
            const all = expected.get(Buffer.from(id).toString('hex')) ?? [];
            if (all.length === 0 || found === undefined) assert.equal(found, all[0], `chunk ${number}`);
            else assert.deepInclude(all, found);
          }
        }),
      ),
      { numRuns: 60 },
    );
  }).timeout(120_000);

  it('stays within its memory and says nothing wrong when it does not', async () => {
    await fc.assert(
      fc.asyncProperty(anySteps, fc.integer({ min: 4096, max: 60_000 }), (steps, budgetBytes) =>
        run(steps, budgetBytes, async (model) => {
          const { lookup } = model;
          for (const [key, all] of model.places()) {
            const found = await lookup!.find(Buffer.from(key, 'hex'));
            if (found !== undefined) assert.deepInclude(all, found);
          }
        }),
      ),
      { numRuns: 60 },
    );
  }).timeout(120_000);
});
