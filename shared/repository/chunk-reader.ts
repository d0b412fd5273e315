/**
 * Reads chunks back, each proven by its id. A place that is wrong or damaged is no loss while another record with the id is
 * on the device: the lookup is opened then, once, and tells.
 */
import { AppError, hasCode, isAppError } from '../base/errors.ts';
import { PAGE_BYTES, createPageMemory } from '../base/page-memory.ts';
import { invalid } from '../format/byte-reader.ts';
import { type ChunkAddress } from '../format/disk-index.ts';
import { toHex } from '../format/hash.ts';
import { packName } from '../format/names.ts';
import { CHUNK_HEADER_BYTES, MAX_STORED_BYTES } from '../format/pack.ts';
import { type ChunkLookup, type ChunkPlace } from './chunk-lookup.ts';
import { type OpenDevice } from './device.ts';
import { type WantedChunk, decodeRecord } from './decode-record.ts';
import { forEachLimit } from './lanes.ts';
import { MovedFinder } from './moved-record.ts';
import { type ReadGroup, groupReads, recordBytes } from './read-groups.ts';
import { type Storage } from './storage.ts';

/** The largest record; a chunk and a group of records are not larger. */
const MAX_RECORD_BYTES = CHUNK_HEADER_BYTES + MAX_STORED_BYTES;

/** Reads begin and end at pages, wherever records do. */
const BUFFER_BYTES = MAX_RECORD_BYTES + 2 * PAGE_BYTES;

/** As `decodeRecord` for one device; one that hands the work to a thread gets and fills shared memory. */
export type RecordDecoder = (
  record: Uint8Array,
  chunk: WantedChunk,
  into: Uint8Array,
) => void | Promise<void>;

/** Where a chunk was: where it was noted; elsewhere; or elsewhere because the record that was noted is there and damaged. */
export type ChunkFound = 'in place' | 'elsewhere' | 'past damage';

export interface ReadManyOptions<R> {
  readonly signal: AbortSignal;
  /** Reads in flight; each holds up to 8 MiB. */
  readonly concurrency: number;
  /** Told of a chunk that is lost instead of ending with its error. */
  readonly onLost?: (ref: R, error: AppError) => void;
}

/** Owns its buffers. Calls may overlap. */
export class ChunkReader implements AsyncDisposable {
  readonly #storage: Storage;
  readonly #openLookup: (() => Promise<ChunkLookup>) | undefined;
  readonly #decode: RecordDecoder;
  readonly #moved: MovedFinder;
  readonly #buffers: Uint8Array[] = [];
  #lookup: Promise<ChunkLookup> | undefined;
  #detours = 0;

  /** @param decode - `decodeRecord` with the device's cipher unless told */
  constructor(device: OpenDevice, lookup?: () => Promise<ChunkLookup>, decode?: RecordDecoder) {
    this.#storage = device.storage;
    this.#openLookup = lookup;
    this.#moved = new MovedFinder(device.storage);
    this.#decode = decode ?? ((record, chunk, into) => decodeRecord(device.cipher, record, chunk, into));
  }

  /** Chunks that were not sound where they were noted, but elsewhere on the device. */
  get detours(): number {
    return this.#detours;
  }

  /**
   * Fills the first `plainLength` bytes of `into`.
   * @throws AppError `REPO_CHUNK_DAMAGED`, `REPO_CHUNK_MISSING`, or what the storage says
   */
  async read(ref: ChunkAddress, into: Uint8Array): Promise<ChunkFound> {
    const buffer = this.#take();
    try {
      await this.#readAt(ref, ref, { buffer, into });
      return 'in place';
    } catch (error) {
      if (!isOfThisRecord(error)) throw error;
      const isMissing = hasCode(error, 'REPO_OBJECT_MISSING');
      if (isMissing && (await this.#readMoved(ref, { buffer, into }))) return 'elsewhere';
      if (!(await this.#readElsewhere(ref, { buffer, into }))) throw lost(ref, error);
      this.#detours++;
      return isMissing || hasCode(error, 'REPO_READ_FAILED') ? 'elsewhere' : 'past damage';
    } finally {
      this.#buffers.push(buffer);
    }
  }

  /**
   * Reads chunks in the order given, neighbours of a pack together, several reads in flight. `onChunk` gets bytes that are
   * valid until it resolves, and where the chunk was; calls for different chunks overlap. The
   * first error ends everything.
   */
  async readMany<R extends ChunkAddress>(
    refs: Iterable<R>,
    options: ReadManyOptions<R>,
    onChunk: (ref: R, bytes: Uint8Array, found: ChunkFound) => void | Promise<void>,
  ): Promise<void> {
    await forEachLimit(groupReads(refs), options.concurrency, async (group) => {
      options.signal.throwIfAborted();
      const records = this.#take();
      const into = this.#take();
      try {
        const bytes = await this.#readGroup(group, records);
        for (const ref of group.refs) {
          options.signal.throwIfAborted();
          const record = bytes.subarray(ref.offset - group.offset).subarray(0, recordBytes(ref));
          const found = await this.#decodeOrRead(ref, record, { into, onLost: options.onLost });
          if (found !== 'lost') await onChunk(ref, into.subarray(0, ref.plainLength), found);
        }
      } finally {
        this.#buffers.push(records, into);
      }
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#buffers.length = 0;
    this.#lookup = undefined;
    return Promise.resolve();
  }

  /** As much of the group as there is; nothing when it cannot be read at once: its chunks are then tried one by one. */
  async #readGroup(group: ReadGroup<ChunkAddress>, buffer: Uint8Array): Promise<Uint8Array> {
    if (group.lengthBytes > MAX_RECORD_BYTES) return new Uint8Array();
    try {
      return await this.#readRange(packName(group.packId), group, buffer);
    } catch (error) {
      if (!isOfThisRecord(error)) throw error;
      return new Uint8Array();
    }
  }

  /** `lost` when somebody was told. */
  async #decodeOrRead<R extends ChunkAddress>(
    ref: R,
    record: Uint8Array,
    to: { readonly into: Uint8Array; readonly onLost: ReadManyOptions<R>['onLost'] },
  ): Promise<ChunkFound | 'lost'> {
    try {
      await this.#decode(record, ref, to.into);
      return 'in place';
    } catch (error) {
      if (!isOfThisRecord(error)) throw error;
    }
    try {
      return await this.read(ref, to.into);
    } catch (error) {
      if (to.onLost === undefined || !isAppError(error) || !isLoss(error)) throw error;
      to.onLost(ref, error);
      return 'lost';
    }
  }

  async #readAt(chunk: WantedChunk, place: ChunkPlace, buffers: Buffers): Promise<void> {
    const name = packName(place.packId);
    const length = recordBytes(place);
    if (length > MAX_RECORD_BYTES) throw invalid(`a record of "${name}"`, `it cannot have ${length} bytes`);
    const record = await this.#readRange(name, { offset: place.offset, lengthBytes: length }, buffers.buffer);
    if (record.length < length) throw invalid(`"${name}"`, `it ends at byte ${place.offset + record.length}`);
    await this.#decode(record, chunk, buffers.into);
  }

  /** As much of the range as there is. Whole pages are asked for, so that the device can fill the buffer by itself. */
  async #readRange(
    name: string,
    range: { readonly offset: number; readonly lengthBytes: number },
    buffer: Uint8Array,
  ): Promise<Uint8Array> {
    const before = range.offset % PAGE_BYTES;
    const end = before + range.lengthBytes;
    const pages = buffer.subarray(0, Math.ceil(end / PAGE_BYTES) * PAGE_BYTES);
    const done = await this.#storage.readRange(name, range.offset - before, pages);
    return buffer.subarray(before, Math.max(before, Math.min(done, end)));
  }

  /** The pack may have been rewritten since the index was read. */
  async #readMoved(ref: ChunkAddress, buffers: Buffers): Promise<boolean> {
    const place = await this.#moved.find(ref);
    if (place === undefined) return false;
    try {
      await this.#readAt(ref, { ...place, plainLength: ref.plainLength }, buffers);
      return true;
    } catch (error) {
      if (!isOfThisRecord(error)) throw error;
      return false;
    }
  }

  async #readElsewhere(ref: ChunkAddress, buffers: Buffers): Promise<boolean> {
    if (this.#openLookup === undefined) return false;
    this.#lookup ??= this.#openLookup();
    for (const place of await (await this.#lookup).findAll(ref.id)) {
      if (place.packId === ref.packId && place.offset === ref.offset) continue;
      try {
        await this.#readAt(ref, place, buffers);
        return true;
      } catch (error) {
        if (!isOfThisRecord(error)) throw error;
      }
    }
    return false;
  }

  #take(): Uint8Array {
    return this.#buffers.pop() ?? new Uint8Array(createPageMemory(BUFFER_BYTES));
  }
}

interface Buffers {
  readonly buffer: Uint8Array;
  readonly into: Uint8Array;
}

/** Whether another record with the same chunk may still do; a device that does not answer has none. */
function isOfThisRecord(error: unknown): boolean {
  return hasCode(
    error,
    'FORMAT_INVALID',
    'FORMAT_VERSION_UNKNOWN',
    'REPO_OBJECT_MISSING',
    'REPO_READ_FAILED',
  );
}

function isLoss(error: AppError): boolean {
  return hasCode(error, 'REPO_CHUNK_DAMAGED', 'REPO_CHUNK_MISSING', 'REPO_READ_FAILED');
}

function lost(ref: ChunkAddress, cause: unknown): unknown {
  if (hasCode(cause, 'REPO_READ_FAILED')) return cause;
  const chunkId = toHex(ref.id);
  const facts = { packId: ref.packId, offset: ref.offset, chunkId };
  const where = `chunk ${chunkId.slice(0, 16)} at byte ${ref.offset} of pack ${ref.packId}`;
  return hasCode(cause, 'REPO_OBJECT_MISSING')
    ? new AppError('REPO_CHUNK_MISSING', `Cannot read ${where}: the pack is not there`, facts, cause)
    : new AppError('REPO_CHUNK_DAMAGED', `Cannot read ${where}: it is damaged`, facts, cause);
}
