/**
 * Fills packs for one attempt. A pack becomes visible when it is finished; until then its chunks are known to this writer
 * alone. While one pack is synced the next one is filled.
 */
import { randomBytes } from 'node:crypto';
import { invariant } from '../base/assert.ts';
import { MiB } from '../base/units.ts';
import { incomingPackName, packName } from '../format/names.ts';
import { type PackEntry, encodePackEnd } from '../format/pack-directory.ts';
import {
  CHUNK_HEADER_BYTES,
  MAX_PACK_BYTES,
  type ChunkHeader,
  PACK_ID_BYTES,
  encodePackHeader,
  writeChunkHeader,
} from '../format/pack.ts';
import { type ChunkPlace } from './chunk-lookup.ts';
import { type ObjectWriter, type Storage } from './storage.ts';
import { type WriteBuffers, WriteBehind, createWriteBuffers } from './write-behind.ts';

const TARGET_BYTES = 64 * MiB;
const BUFFER_BYTES = 4 * MiB;
/** Bounds the directory, so the memory, of a pack of tiny chunks. */
const MAX_ENTRIES = 65_536;

/** A chunk in its stored form: fresh from `codeChunk`, or as it lies in another pack. */
export interface NewChunk extends Omit<ChunkHeader, 'storedLength'> {
  readonly payload: Uint8Array;
}

export interface PackSummary {
  readonly packId: string;
  readonly lengthBytes: number;
  readonly chunks: number;
}

interface OpenPack {
  readonly packId: string;
  readonly writer: ObjectWriter;
  readonly out: WriteBehind;
  readonly entries: PackEntry[];
  lengthBytes: number;
}

/** Unusable after the first error, which every later call throws again; dispose or abort it then. */
export class PackWriter implements AsyncDisposable {
  readonly #storage: Storage;
  readonly #attemptId: string;
  readonly #targetBytes: number;
  readonly #buffers: WriteBuffers = createWriteBuffers(BUFFER_BYTES);
  readonly #header = new Uint8Array(CHUNK_HEADER_BYTES);
  readonly #done: PackSummary[] = [];
  /** Calls are carried out one after the other; never rejects. */
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> = Promise.resolve();
  #pack: OpenPack | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isEnded = false;
  #writtenBytes = 0;

  /** @param options.targetBytes - a pack is finished when it has reached this length; 64 MiB unless told */
  constructor(storage: Storage, attemptId: string, options: { readonly targetBytes?: number } = {}) {
    this.#storage = storage;
    this.#attemptId = attemptId;
    this.#targetBytes = Math.min(options.targetBytes ?? TARGET_BYTES, MAX_PACK_BYTES / 2);
  }

  /** What the device has grown by, or will when the writes under way have ended. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Stores a chunk; its buffers may be reused as soon as the promise resolves. Calls may overlap. */
  append(chunk: NewChunk): Promise<ChunkPlace> {
    return this.#inTurn(() => this.#append(chunk));
  }

  /** Makes all chunks so far durable and visible, so that an index may name their packs. */
  flush(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#closePack();
      await this.#closing;
    });
  }

  /** Makes everything durable and visible; no more calls afterwards. */
  finish(): Promise<readonly PackSummary[]> {
    return this.#inTurn(async () => {
      this.#isEnded = true;
      await this.#closePack();
      await this.#closing;
      return this.#done;
    });
  }

  /** Gives up what is not finished; packs that are visible stay, unreferenced. Harmless after `finish`. */
  async abort(): Promise<void> {
    this.#isEnded = true;
    await this.#turn;
    await this.#closing.catch(() => undefined);
    const pack = this.#pack;
    this.#pack = undefined;
    await pack?.out.drain().catch(() => undefined);
    await pack?.writer.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(async () => {
      if (this.#failure !== undefined) throw this.#failure.error;
      invariant(!this.#isEnded, 'a pack writer is not used after its end', { attemptId: this.#attemptId });
      try {
        return await work();
      } catch (error) {
        this.#failure = { error };
        throw error;
      }
    });
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #append(chunk: NewChunk): Promise<ChunkPlace> {
    this.#pack ??= await this.#openPack();
    const pack = this.#pack;
    const { id, codec, isEncrypted, plainLength, payload, payloadCrc } = chunk;
    const entry = {
      id: new Uint8Array(id),
      codec,
      isEncrypted,
      plainLength,
      storedLength: payload.length,
      offset: pack.lengthBytes,
    };
    writeChunkHeader(this.#header, { ...entry, payloadCrc });
    await this.#write(pack, this.#header);
    await this.#write(pack, payload);
    pack.entries.push(entry);
    if (pack.lengthBytes >= this.#targetBytes || pack.entries.length >= MAX_ENTRIES) await this.#closePack();
    const { storedLength, offset } = entry;
    return { packId: pack.packId, offset, storedLength, plainLength };
  }

  async #openPack(): Promise<OpenPack> {
    const packId = randomBytes(PACK_ID_BYTES).toString('hex');
    const writer = await this.#storage.create(packName(packId), incomingPackName(this.#attemptId, packId));
    const out = new WriteBehind(writer, this.#buffers);
    const pack = { packId, writer, out, entries: [], lengthBytes: 0 };
    await this.#write(pack, encodePackHeader({ packId, attemptId: this.#attemptId }));
    return pack;
  }

  async #write(pack: OpenPack, bytes: Uint8Array): Promise<void> {
    await pack.out.write(bytes);
    pack.lengthBytes += bytes.length;
    this.#writtenBytes += bytes.length;
  }

  /** The pack's last bytes are handed over here; syncing goes on in the background, one pack at a time. */
  async #closePack(): Promise<void> {
    const pack = this.#pack;
    if (pack === undefined) return;
    await this.#write(pack, encodePackEnd(pack.packId, pack.lengthBytes, pack.entries));
    await pack.out.drain();
    await this.#closing;
    this.#pack = undefined;
    this.#closing = this.#publish(pack);
    this.#closing.catch(() => undefined);
  }

  async #publish(pack: OpenPack): Promise<void> {
    try {
      await pack.writer.finish();
    } catch (error) {
      await pack.writer.abort();
      throw error;
    }
    const { packId, lengthBytes, entries } = pack;
    this.#done.push({ packId, lengthBytes, chunks: entries.length });
  }
}
