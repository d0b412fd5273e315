/**
 * Copies what is in use of sparse packs to new ones, record by record as they are, and then says in `moved/` where it went.
 * A pack with a record that cannot be copied stays as it is.
 */
import { AppError, hasCode } from '../../shared/base/errors.ts';
import { MiB } from '../../shared/base/units.ts';
import { type MovedRecord, encodeMovedRecords } from '../../shared/format/moved-records.ts';
import { movedName } from '../../shared/format/names.ts';
import { CHUNK_HEADER_BYTES, MAX_STORED_BYTES } from '../../shared/format/pack.ts';
import { isMarked, markDamaged } from '../../shared/repository/damage-marks.ts';
import { type ExternalSort } from '../../shared/repository/external-sort.ts';
import { readMoved } from '../../shared/repository/moved-record.ts';
import { PackWriter } from '../../shared/repository/pack-writer.ts';
import { type Storage } from '../../shared/repository/storage.ts';
import { type Choice } from './choose-packs.ts';
import { type Census } from './pack-census.ts';
import { type Place, type UsedPlace, readPlace, readTwin, rowsByPack } from './places.ts';
import { readRecord } from './read-record.ts';
import { type ReclaimContext } from './reclaim-context.ts';

/** Bounds what is remembered of copies before `moved/` says it. */
const RECORDS_AT_ONCE = 65_536;
/** Stays free for the small objects that follow, and for backups. */
const RESERVE_BYTES = 64 * MiB;

export interface RewriteInput {
  readonly used: ExternalSort;
  readonly twins: ExternalSort;
  readonly choice: Choice;
  readonly census: Census;
  /** Of damaged records. */
  readonly marks: ReadonlySet<string>;
}

export interface Rewritten {
  readonly packs: ReadonlySet<string>;
  readonly copiedBytes: number;
  /** What the device grew by. */
  readonly writtenBytes: number;
}

export async function rewritePacks(context: ReclaimContext, input: RewriteInput): Promise<Rewritten> {
  const { device, attemptId, packBytes } = context;
  const options = packBytes === undefined ? {} : { targetBytes: packBytes };
  await using packs = new PackWriter(device.storage, attemptId, options);
  const rewriting = new Rewriting(context, input, packs);
  await rewriting.start();
  for await (const pack of packsToRewrite(context, input)) {
    await rewriting.rewrite(pack);
    if (rewriting.records >= RECORDS_AT_ONCE) await rewriting.settle();
  }
  await rewriting.settle();
  await packs.finish();
  const { rewritten, copiedBytes } = rewriting;
  return { packs: rewritten, copiedBytes, writtenBytes: packs.writtenBytes };
}

interface SparsePack {
  readonly packId: string;
  /** In the order of the pack. */
  readonly places: readonly UsedPlace[];
  /** By offset: where an equal record stays. */
  readonly twins: ReadonlyMap<number, Place>;
}

async function* packsToRewrite(
  { signal }: ReclaimContext,
  { used, twins, choice }: RewriteInput,
): AsyncGenerator<SparsePack> {
  const { sparse, standIns } = choice;
  const open = new Set(sparse);
  const twinsByPack = rowsByPack(twins.sorted(signal));
  let twin = await twinsByPack.next();
  try {
    for await (const { packId, rows } of rowsByPack(used.sorted(signal))) {
      if (!open.delete(packId)) continue;
      while (twin.done !== true && twin.value.packId < packId) twin = await twinsByPack.next();
      const isOfIt = twin.done !== true && twin.value.packId === packId;
      const ofPack = isOfIt && twin.done !== true ? twin.value.rows : [];
      yield {
        packId,
        places: inOrder([...rows.map(readPlace), ...(standIns.get(packId) ?? [])]),
        twins: new Map(ofPack.map((row) => [readPlace(row).offset, readTwin(row)])),
      };
    }
  } finally {
    await twinsByPack.return(undefined);
  }
  for (const packId of open) yield { packId, places: standIns.get(packId) ?? [], twins: new Map() };
}

function inOrder(places: readonly UsedPlace[]): UsedPlace[] {
  const byOffset = new Map(places.map((place) => [place.offset, place]));
  return [...byOffset.values()].sort((a, b) => a.offset - b.offset);
}

class Rewriting {
  /** Packs of which everything in use has moved. */
  readonly rewritten = new Set<string>();
  copiedBytes = 0;
  /** Copies that `moved/` does not say yet. */
  records = 0;
  readonly #moved = new Map<string, MovedRecord[]>();
  readonly #context: ReclaimContext;
  readonly #packs: PackWriter;
  readonly #marks: ReadonlySet<string>;
  readonly #totalBytes: number;
  readonly #buffer = new Uint8Array(CHUNK_HEADER_BYTES + MAX_STORED_BYTES);
  #budgetBytes = 0;

  constructor(context: ReclaimContext, { choice, census, marks }: RewriteInput, packs: PackWriter) {
    this.#context = context;
    this.#marks = marks;
    this.#packs = packs;
    this.#totalBytes = bytesToCopy(choice, census);
  }

  async start(): Promise<void> {
    this.#budgetBytes = (await this.#context.device.storage.freeBytes()) - RESERVE_BYTES;
  }

  async rewrite(pack: SparsePack): Promise<void> {
    const { packId, places } = pack;
    const neededBytes = places.reduce((sum, { storedLength }) => sum + CHUNK_HEADER_BYTES + storedLength, 0);
    if (neededBytes > this.#budgetBytes) {
      this.#context.letAlone(packId, 'there is no space to rewrite it');
      return;
    }
    if (!(await this.#canMoveMarked(pack))) return;
    this.#budgetBytes -= neededBytes;
    const records: MovedRecord[] = [];
    for (const place of places) {
      this.#context.signal.throwIfAborted();
      const record = await this.#move(pack, place);
      if (record === undefined) return;
      records.push(record);
    }
    this.#moved.set(packId, records);
    this.records += records.length;
  }

  /** Says where the records went, as soon as they are durable there. */
  async settle(): Promise<void> {
    await this.#packs.flush();
    for (const [packId, records] of this.#moved) {
      await writeMoved(this.#context, packId, records);
      this.rewritten.add(packId);
    }
    this.#moved.clear();
    this.records = 0;
  }

  /** A pack that cannot move as a whole must not be copied in part, at every reclaiming anew. A mark may be wrong. */
  async #canMoveMarked({ packId, places, twins }: SparsePack): Promise<boolean> {
    const { device, letAlone, signal } = this.#context;
    for (const { offset, storedLength, tag } of places) {
      if (!isMarked(this.#marks, { packId, offset }) || twins.has(offset)) continue;
      signal.throwIfAborted();
      const record = await readRecord(device.storage, { packId, offset, storedLength, tag }, this.#buffer);
      if (!(record instanceof AppError)) continue;
      letAlone(packId, record.message);
      return false;
    }
    return true;
  }

  /** Undefined when the record cannot be read. */
  async #move({ packId, twins }: SparsePack, place: UsedPlace): Promise<MovedRecord | undefined> {
    const { offset, tag } = place;
    const twin = twins.get(offset);
    if (twin !== undefined && (await this.#isSound({ ...twin, tag }))) {
      return { oldOffset: offset, packId: twin.packId, offset: twin.offset, storedLength: twin.storedLength };
    }
    const { device, letAlone, progress } = this.#context;
    const record = await readRecord(device.storage, { packId, ...place }, this.#buffer);
    if (record instanceof AppError) {
      await markDamaged(device.storage, { packId, offset });
      letAlone(packId, record.message);
      return undefined;
    }
    const to = await this.#packs.append(record);
    this.copiedBytes += CHUNK_HEADER_BYTES + to.storedLength;
    progress('rewrite', `pack ${packId}`, Math.min(this.copiedBytes, this.#totalBytes), this.#totalBytes);
    return { oldOffset: offset, packId: to.packId, offset: to.offset, storedLength: to.storedLength };
  }

  async #isSound(twin: Place & { readonly tag: Uint8Array }): Promise<boolean> {
    const { storage } = this.#context.device;
    const record = await readRecord(storage, twin, this.#buffer);
    if (!(record instanceof AppError)) return true;
    if (record.code !== 'REPO_OBJECT_MISSING') await markDamaged(storage, twin);
    return false;
  }
}

/** Bytes of sparse packs that have to be copied. */
export function bytesToCopy({ sparse }: Choice, { packs }: Census): number {
  let bytes = 0;
  for (const packId of sparse) {
    const pack = packs.get(packId);
    if (pack !== undefined) bytes += pack.liveBytes - pack.twinBytes;
  }
  return bytes;
}

/**
 * A pack that was rewritten before and is still there gets one list of both: until the new one is there its records are
 * found where they were.
 */
async function writeMoved(
  { device }: ReclaimContext,
  packId: string,
  records: readonly MovedRecord[],
): Promise<void> {
  const { storage } = device;
  const all = new Map(await earlierMoved(storage, packId));
  await storage.remove(movedName(packId));
  for (const record of records) all.set(record.oldOffset, record);
  const sorted = [...all.values()].sort((a, b) => a.oldOffset - b.oldOffset);
  await storage.put(movedName(packId), encodeMovedRecords(packId, sorted));
}

/** A damaged list says nothing. */
async function earlierMoved(
  storage: Storage,
  packId: string,
): Promise<ReadonlyMap<number, MovedRecord> | undefined> {
  try {
    return await readMoved(storage, packId);
  } catch (error) {
    if (hasCode(error, 'FORMAT_INVALID', 'FORMAT_VERSION_UNKNOWN')) return undefined;
    throw error;
  }
}
