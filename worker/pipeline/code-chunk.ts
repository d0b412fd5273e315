/**
 * What a thread does with the chunks of a slot, in shared memory and without any I/O: zeros? then nothing to store; else
 * hash; on the device already? then nothing to store either; else compress. Runs inside the threads of thread-pool.ts, which
 * loads it by its file name; nothing but `codeBatch` is called from there.
 */
import { type Codec } from '../../shared/format/pack.ts';
import { CHUNK_ID_BYTES, chunkIdOf } from '../../shared/format/hash.ts';
import { lookupHas, type SharedLookup } from '../../shared/repository/chunk-lookup-table.ts';
import { compress } from '../../shared/repository/compression.ts';

/** A chunk in shared memory, and the room for its coded form. */
export interface CodeRequest {
  readonly inputAt: number;
  readonly length: number;
  readonly outputAt: number;
  readonly outputLength: number;
}

export interface CodeTask {
  readonly memory: SharedArrayBuffer;
  readonly chunks: readonly CodeRequest[];
  /** What the device has, as far as its owner knew when the task was made. */
  readonly lookup: SharedLookup;
}

/** zero: all bytes are; known: the device has it; fresh: to be stored, from the output, or the input for codec `none`. */
export interface CodedChunk {
  readonly kind: 'zero' | 'known' | 'fresh';
  readonly codec: Codec;
  readonly storedLength: number;
}

export interface CodedBatch {
  readonly chunks: readonly CodedChunk[];
  /** 32 bytes for each chunk; zeros for a chunk of zeros. */
  readonly ids: Uint8Array;
}

const ZERO: CodedChunk = { kind: 'zero', codec: 'none', storedLength: 0 };
const KNOWN: CodedChunk = { kind: 'known', codec: 'none', storedLength: 0 };

/** Codes every chunk of the task, in order. Their ranges must not be written meanwhile. */
export function codeBatch(task: CodeTask): CodedBatch {
  const ids = new Uint8Array(task.chunks.length * CHUNK_ID_BYTES);
  const chunks = task.chunks.map((request, i) => codeChunk(task, request, ids.subarray(i * CHUNK_ID_BYTES)));
  return { chunks, ids };
}

function codeChunk(task: CodeTask, request: CodeRequest, idInto: Uint8Array): CodedChunk {
  const plain = new Uint8Array(task.memory, request.inputAt, request.length);
  if (isZero(plain)) return ZERO;
  const id = chunkIdOf(plain);
  idInto.set(id);
  if (lookupHas(task.lookup, id)) return KNOWN;
  const { codec, length } = compress(
    plain,
    new Uint8Array(task.memory, request.outputAt, request.outputLength),
  );
  return { kind: 'fresh', codec, storedLength: length };
}

/** Whether all bytes are zero: the first is, and each equals the one before it. One pass of memcmp, no second buffer. */
export function isZero(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0) return bytes.length === 0;
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return all.compare(all, 0, all.length - 1, 1, all.length) === 0;
}
