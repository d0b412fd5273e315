/**
 * What an encrypted device does to payloads and documents: docs/format/device.md §8. Pure but for the random bytes; the files
 * of keys are in key-slot.ts.
 *
 *   master key ─HKDF(device id)─┬─ chunk id key   id = HMAC-SHA-256(plain bytes)
 *                               ├─ chunk key ──HMAC(salt)── AES-256-GCM of one payload
 *                               └─ object key ─HMAC(salt)── AES-256-GCM of one object
 *
 *   payload   salt 16 │ nonce 12 │ ciphertext │ tag 16
 *   object    magic 8 │ version 4 │ flags 4 │ salt 16 │ nonce 12 │ 0 4 │ ciphertext │ tag 16 │ SHA-256 32
 *
 * Node gives the result of a cipher in memory of its own and offers no other way, so bulk bytes pass through in pieces
 * and are copied once more to where they belong.
 */
import {
  type CipherGCM,
  type DecipherGCM,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
} from 'node:crypto';
import { MiB } from '../base/units.ts';
import { invalid, unknownVersion } from './byte-reader.ts';
import { chunkIdOf, fromHex, magicOf, sameBytes } from './hash.ts';
import { type RecordFields, SEALED_PAYLOAD_EXTRA_BYTES, codecField } from './pack.ts';

export const KEY_BYTES = 32;
const SALT_BYTES = 16;
export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;
const DEVICE_ID_BYTES = 16;
const CIPHER = 'aes-256-gcm';
const PIECE_BYTES = MiB;

const OBJECT_VERSION = 1;
const OBJECT_MAGIC = magicOf('Blockhouse sealed object', 8);
const OBJECT_HEAD_BYTES = 48;
const OBJECT_END_BYTES = TAG_BYTES + 32;
/** What sealing adds to an object. */
export const SEALED_OBJECT_EXTRA_BYTES = OBJECT_HEAD_BYTES + OBJECT_END_BYTES;

const INFOS = ['blockhouse chunk id', 'blockhouse chunk', 'blockhouse object'] as const;

/** The three keys of a device, one behind the other in shared memory: threads see them, and no message carries them. */
export interface CipherKeys {
  readonly memory: SharedArrayBuffer;
}

/** @throws AppError `FORMAT_INVALID` for a device id that is none */
export function deriveKeys(masterKey: Uint8Array, deviceId: string): CipherKeys {
  const memory = new SharedArrayBuffer(INFOS.length * KEY_BYTES);
  const salt = fromHex(deviceId, DEVICE_ID_BYTES);
  INFOS.forEach((info, i) => {
    const key = hkdfSync('sha256', masterKey, salt, info, KEY_BYTES);
    new Uint8Array(memory, i * KEY_BYTES, KEY_BYTES).set(new Uint8Array(key));
  });
  return { memory };
}

const keyAt = (keys: CipherKeys, i: number): Uint8Array =>
  new Uint8Array(keys.memory, i * KEY_BYTES, KEY_BYTES);

/** The id of a chunk on the device with these keys. */
export function keyedChunkId(keys: CipherKeys, plain: Uint8Array): Uint8Array {
  return createHmac('sha256', keyAt(keys, 0)).update(plain).digest();
}

/** The fields of a record that its payload is bound to: bytes 4–11 and 16–47 of its header. */
type BoundFields = Pick<RecordFields, 'id' | 'codec' | 'plainLength'>;

function boundBytes(record: BoundFields): Uint8Array {
  const bytes = new Uint8Array(8 + record.id.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, codecField({ codec: record.codec, isEncrypted: true }), true);
  view.setUint32(4, record.plainLength, true);
  bytes.set(record.id, 8);
  return bytes;
}

/** Fills the front of `into`, which may be the memory of `coded` itself, and gives the payload as a view on it. */
export function sealPayload(
  keys: CipherKeys,
  record: BoundFields,
  coded: Uint8Array,
  into: Uint8Array,
): Uint8Array {
  const { cipher, prefix } = newCipher(keyAt(keys, 1), boundBytes(record));
  const text = cipher.update(coded);
  cipher.final();
  into.set(prefix);
  into.set(text, prefix.length);
  into.set(cipher.getAuthTag(), prefix.length + text.length);
  return into.subarray(0, text.length + SEALED_PAYLOAD_EXTRA_BYTES);
}

/**
 * The coded chunk, in memory of its own.
 * @throws AppError `FORMAT_INVALID` when the payload is not what was sealed for this record by this key
 */
export function openPayload(
  keys: CipherKeys,
  record: BoundFields,
  payload: Uint8Array,
  what: string,
): Uint8Array {
  if (payload.length < SEALED_PAYLOAD_EXTRA_BYTES) throw invalid(what, 'it is too short to be encrypted');
  const tagAt = payload.length - TAG_BYTES;
  const decipher = oldCipher(keyAt(keys, 1), payload, boundBytes(record)).setAuthTag(payload.subarray(tagAt));
  const coded = decipher.update(payload.subarray(SALT_BYTES + NONCE_BYTES, tagAt));
  checkTag(decipher, what);
  return coded;
}

/** The sealed object in pieces, to be written one behind the other; not more than a piece is held at a time. */
export function* sealParts(
  keys: CipherKeys,
  name: string,
  parts: Iterable<Uint8Array>,
): Generator<Uint8Array> {
  const head = new Uint8Array(OBJECT_HEAD_BYTES);
  head.set(OBJECT_MAGIC);
  new DataView(head.buffer).setUint32(8, OBJECT_VERSION, true);
  const { cipher, prefix } = newCipher(keyAt(keys, 2), objectBound(name, head));
  head.set(prefix, 16);
  const proof = createHash('sha256').update(head);
  yield head;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += PIECE_BYTES) {
      const piece = cipher.update(part.subarray(at, at + PIECE_BYTES));
      proof.update(piece);
      yield piece;
    }
  }
  cipher.final();
  const tag = cipher.getAuthTag();
  yield tag;
  yield proof.update(tag).digest();
}

/**
 * The object in clear, in the memory of `bytes`, which holds nothing else of use afterwards.
 * @param name - the object's name on the device
 * @throws AppError `FORMAT_INVALID`, also for the object of another name or key; `FORMAT_VERSION_UNKNOWN`
 */
export function openSealed(keys: CipherKeys, name: string, bytes: Uint8Array): Uint8Array {
  checkSealedObject(bytes, name);
  const tagAt = bytes.length - OBJECT_END_BYTES;
  const decipher = oldCipher(keyAt(keys, 2), bytes.subarray(16), objectBound(name, bytes)).setAuthTag(
    bytes.slice(tagAt, tagAt + TAG_BYTES),
  );
  for (let at = OBJECT_HEAD_BYTES; at < tagAt; at += PIECE_BYTES) {
    bytes.set(decipher.update(bytes.subarray(at, Math.min(at + PIECE_BYTES, tagAt))), at);
  }
  checkTag(decipher, `"${name}"`);
  return bytes.subarray(OBJECT_HEAD_BYTES, tagAt);
}

/**
 * Checks an encrypted object without its key.
 * @param name - for messages
 * @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`
 */
export function checkSealedObject(bytes: Uint8Array, name: string): void {
  const what = `"${name}"`;
  const isSealed = bytes.length >= SEALED_OBJECT_EXTRA_BYTES && sameBytes(bytes.subarray(0, 8), OBJECT_MAGIC);
  if (!isSealed) throw invalid(what, 'it is not encrypted like its device');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [version, flags] = [view.getUint32(8, true), view.getUint32(12, true)];
  if (!sameBytes(chunkIdOf(bytes.subarray(0, -32)), bytes.subarray(-32)) || version < OBJECT_VERSION) {
    throw invalid(what, 'its content is damaged');
  }
  if (version > OBJECT_VERSION || flags !== 0) {
    throw unknownVersion(what, `its version is ${version}, its flags are ${flags}`, { version, flags });
  }
}

function objectBound(name: string, head: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(name), head.subarray(0, 16)]);
}

/** A cipher under a key that nothing else has, and the salt and nonce to find it again by. */
function newCipher(
  key: Uint8Array,
  bound: Uint8Array,
): { readonly cipher: CipherGCM; readonly prefix: Uint8Array } {
  const prefix = randomBytes(SALT_BYTES + NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(key, prefix), prefix.subarray(SALT_BYTES)).setAAD(bound);
  return { cipher, prefix };
}

function oldCipher(key: Uint8Array, prefix: Uint8Array, bound: Uint8Array): DecipherGCM {
  const nonce = prefix.slice(SALT_BYTES, SALT_BYTES + NONCE_BYTES);
  return createDecipheriv(CIPHER, keyOf(key, prefix), nonce, { authTagLength: TAG_BYTES }).setAAD(bound);
}

function keyOf(key: Uint8Array, prefix: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(prefix.subarray(0, SALT_BYTES)).digest();
}

function checkTag(decipher: DecipherGCM, what: string): void {
  try {
    decipher.final();
  } catch {
    throw invalid(what, 'it was not encrypted here under this key');
  }
}
