/**
 * How a device keeps what it is given: encrypted, or in clear. Everything that writes or reads payloads and documents goes
 * through one of these, so that nothing has to ask which of the two it is.
 */
import { invalid } from '../format/byte-reader.ts';
import {
  type CipherKeys,
  keyedChunkId,
  openPayload,
  openSealed,
  sealParts,
  sealPayload,
} from '../format/encryption.ts';
import { chunkIdOf } from '../format/hash.ts';
import { type RecordFields } from '../format/pack.ts';

export interface DeviceCipher {
  /** For threads, which make the same cipher of it; null on a device in clear. */
  readonly keys: CipherKeys | null;
  readonly isEncrypting: boolean;
  chunkId(plain: Uint8Array): Uint8Array;
  /** The payload: `coded` itself, or a view on `into`, which has room for `SEALED_PAYLOAD_EXTRA_BYTES` more. */
  sealPayload(
    record: Pick<RecordFields, 'id' | 'codec' | 'plainLength'>,
    coded: Uint8Array,
    into: Uint8Array,
  ): Uint8Array;
  /**
   * The coded chunk: `payload` itself, or in memory of its own.
   * @throws AppError `FORMAT_INVALID` when the record is not encrypted as the device is, or not by its key
   */
  openPayload(record: RecordFields, payload: Uint8Array, what: string): Uint8Array;
  /** The stored object. @param name - on the device, from its top */
  sealObject(name: string, bytes: Uint8Array): Uint8Array;
  /** The same in pieces, for what is large: to be written one behind the other, each before the next is taken. */
  sealParts(name: string, parts: Iterable<Uint8Array>): Iterable<Uint8Array>;
  /**
   * The object in clear; it may be in the memory of `stored`, which is used up.
   * @throws AppError `FORMAT_INVALID`, also for the object of another name; `FORMAT_VERSION_UNKNOWN`
   */
  openObject(name: string, stored: Uint8Array): Uint8Array;
}

/** The cipher of a device with these keys; in clear when there are none. */
export function cipherOf(keys: CipherKeys | null): DeviceCipher {
  return keys === null ? clearCipher : encrypting(keys);
}

const clearCipher: DeviceCipher = {
  keys: null,
  isEncrypting: false,
  chunkId: chunkIdOf,
  sealPayload: (_record, coded) => coded,
  openPayload(record, payload, what) {
    if (record.isEncrypted) throw invalid(what, 'it is encrypted, but its device is not');
    return payload;
  },
  sealObject: (_name, bytes) => bytes,
  sealParts: (_name, parts) => parts,
  openObject: (_name, stored) => stored,
};

function encrypting(keys: CipherKeys): DeviceCipher {
  return {
    keys,
    isEncrypting: true,
    chunkId: (plain) => keyedChunkId(keys, plain),
    sealPayload: (record, coded, into) => sealPayload(keys, record, coded, into),
    openPayload(record, payload, what) {
      if (!record.isEncrypted) throw invalid(what, 'it is not encrypted like its device');
      return openPayload(keys, record, payload, what);
    },
    sealObject: (name, bytes) => Buffer.concat([...sealParts(keys, name, [bytes])]),
    sealParts: (name, parts) => sealParts(keys, name, parts),
    openObject: (name, stored) => openSealed(keys, name, stored),
  };
}
