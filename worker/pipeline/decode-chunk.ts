/**
 * The way back, in a thread: from a record of a pack to a proven chunk, both in shared memory. Loaded by thread-pool.ts by its
 * file name. An error is an answer here, since a thrown one would lose its code on the way between threads.
 */
import { type ErrorCode } from '../../shared/base/error-table.ts';
import { type Facts, toAppError } from '../../shared/base/errors.ts';
import { type CipherKeys } from '../../shared/format/encryption.ts';
import { decodeRecord } from '../../shared/repository/decode-record.ts';
import { cipherOf } from '../../shared/repository/device-cipher.ts';

export interface DecodeTask {
  /** Header and payload. */
  readonly record: Uint8Array;
  readonly id: Uint8Array;
  readonly plainLength: number;
  readonly into: Uint8Array;
  readonly keys: CipherKeys | null;
}

export interface DecodeFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly facts: Facts;
}

/** Fills `into`, or says why the record is not the chunk. */
export function decodeChunk(task: DecodeTask): DecodeFailure | null {
  try {
    decodeRecord(cipherOf(task.keys), task.record, task, task.into);
    return null;
  } catch (error) {
    const { code, message, facts } = toAppError(error);
    return { code, message, facts };
  }
}
