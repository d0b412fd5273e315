/**
 * `keys/<slot id>.json`: the master key of an encrypted device under a password. docs/format/device.md §8. Everything here but
 * the way from the password to a key, which takes half a second and is shared/repository/key-slots.ts's.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { KEY_BYTES, NONCE_BYTES, TAG_BYTES } from './encryption.ts';
import { fromHex } from './hash.ts';
import { type DocumentKind, decodeDocument, encodeDocument, hexId, isoTimestamp } from './json-document.ts';

const FORMAT = 'blockhouse-key-slot';
const VERSION = 1;
const CIPHER = 'aes-256-gcm';
export const KDF_SALT_BYTES = 32;
const SEALED_KEY_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/** What a slot may ask of its reader. */
const MIN_N = 2 ** 14;
const MAX_N = 2 ** 20;
const MAX_R = 16;
const MAX_P = 4;
export const MAX_KDF_MEMORY_BYTES = 2 ** 30;

const kdf = z
  .object({
    name: z.literal('scrypt'),
    n: z
      .number()
      .int()
      .min(MIN_N)
      .max(MAX_N)
      .refine((n) => (n & (n - 1)) === 0, 'not a power of two'),
    r: z.number().int().min(1).max(MAX_R),
    p: z.number().int().min(1).max(MAX_P),
    salt: hexId(KDF_SALT_BYTES * 2),
  })
  .refine(({ n, r }) => 128 * n * r <= MAX_KDF_MEMORY_BYTES, 'more than 1 GiB of memory');

const schema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  slotId: hexId(16),
  deviceId: hexId(32),
  label: z.string().min(1).max(100),
  createdAt: isoTimestamp,
  kdf,
  sealedKey: hexId(SEALED_KEY_BYTES * 2),
});

export type KeySlot = z.output<typeof schema>;
export type KeyDerivation = KeySlot['kdf'];

const kind: DocumentKind<KeySlot> = { format: FORMAT, version: VERSION, schema };

/** @throws AppError `FORMAT_INVALID` */
export function encodeKeySlot(slot: KeySlot): Uint8Array {
  return encodeDocument(kind, slot);
}

/** @throws AppError `FORMAT_INVALID`, also when it asks for more than a reader should give; `FORMAT_VERSION_UNKNOWN` */
export function decodeKeySlot(bytes: Uint8Array, what: string): KeySlot {
  return decodeDocument(kind, bytes, what);
}

type SlotOwner = Pick<KeySlot, 'slotId' | 'deviceId'>;

/** The master key under the key that the password gave. */
export function sealMasterKey(passwordKey: Uint8Array, slot: SlotOwner, masterKey: Uint8Array): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, passwordKey, nonce).setAAD(boundText(slot));
  const text = Buffer.concat([cipher.update(masterKey), cipher.final()]);
  return Buffer.concat([nonce, text, cipher.getAuthTag()]).toString('hex');
}

/** The master key, or undefined when the password is another one or the slot was changed. */
export function openMasterKey(
  passwordKey: Uint8Array,
  slot: SlotOwner & Pick<KeySlot, 'sealedKey'>,
): Uint8Array | undefined {
  const sealed = fromHex(slot.sealedKey, SEALED_KEY_BYTES);
  const textEnd = NONCE_BYTES + KEY_BYTES;
  const decipher = createDecipheriv(CIPHER, passwordKey, sealed.subarray(0, NONCE_BYTES))
    .setAAD(boundText(slot))
    .setAuthTag(sealed.subarray(textEnd));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, textEnd)), decipher.final()]);
  } catch {
    return undefined;
  }
}

const boundText = ({ slotId, deviceId }: SlotOwner): Uint8Array => Buffer.from(slotId + deviceId);
