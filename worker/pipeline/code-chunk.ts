/**
 * What a thread does with the chunks of a slot, in shared memory and without any I/O: zeros? then nothing to store; else
 * hash; on the device already? then nothing to store either; else compress and, on an encrypted
 * device, encrypt. Runs inside the threads of thread-pool.ts, which
 * loads it by its file name; nothing but `codeBatch` is called from there.
 */
import { isFilledWith } from '../../shared/base/filled.ts';
import { type CipherKeys } from '../../shared/format/encryption.ts';
import { CHUNK_ID_BYTES } from '../../shared/format/hash.ts';
import { type ChunkHeader } from '../../shared/format/pack.ts';
import { lookupHas, type SharedLookup } from '../../shared/repository/chunk-lookup-table.ts';
import { codeChunk } from '../../shared/repository/code-chunk.ts';
import { type DeviceCipher, cipherOf } from '../../shared/repository/device-cipher.ts';

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
  /** In shared memory: the message carries no key. */
  readonly keys: CipherKeys | null;
}

/** zero: all bytes are; known: the device has it; fresh: to be stored. */
export interface CodedChunk extends Pick<
  ChunkHeader,
  'codec' | 'isEncrypted' | 'storedLength' | 'payloadCrc'
> {
  readonly kind: 'zero' | 'known' | 'fresh';
  /** Where the payload is: in the output, or the input itself. */
  readonly from: 'input' | 'output';
}

export interface CodedBatch {
  readonly chunks: readonly CodedChunk[];
  /** 32 bytes for each chunk; zeros for a chunk of zeros. */
  readonly ids: Uint8Array;
}

const NOTHING = { codec: 'none', isEncrypted: false, storedLength: 0, payloadCrc: 0, from: 'input' } as const;
const ZERO: CodedChunk = { kind: 'zero', ...NOTHING };
const KNOWN: CodedChunk = { kind: 'known', ...NOTHING };

/** Codes every chunk of the task, in order. Their ranges must not be written meanwhile. */
export function codeBatch(task: CodeTask): CodedBatch {
  const ids = new Uint8Array(task.chunks.length * CHUNK_ID_BYTES);
  const cipher = cipherOf(task.keys);
  const chunks = task.chunks.map((request, i) =>
    codeOne(cipher, task, request, ids.subarray(i * CHUNK_ID_BYTES)),
  );
  return { chunks, ids };
}

function codeOne(cipher: DeviceCipher, task: CodeTask, request: CodeRequest, idInto: Uint8Array): CodedChunk {
  const plain = new Uint8Array(task.memory, request.inputAt, request.length);
  if (isFilledWith(plain, 0)) return ZERO;
  const id = cipher.chunkId(plain);
  idInto.set(id);
  if (lookupHas(task.lookup, id)) return KNOWN;
  const output = new Uint8Array(task.memory, request.outputAt, request.outputLength);
  const { payload, ...coded } = codeChunk(cipher, id, plain, output);
  const from = payload.byteOffset === request.outputAt ? 'output' : 'input';
  return { kind: 'fresh', ...coded, storedLength: payload.length, from };
}
