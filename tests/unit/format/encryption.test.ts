import { assert } from 'chai';
import { hash } from 'node:crypto';
import {
  type CipherKeys,
  SEALED_OBJECT_EXTRA_BYTES,
  checkSealedObject,
  deriveKeys,
  keyedChunkId,
  openPayload,
  openSealed,
  sealParts,
  sealPayload,
} from '../../../shared/format/encryption.ts';
import {
  type KeySlot,
  decodeKeySlot,
  encodeKeySlot,
  openMasterKey,
  sealMasterKey,
} from '../../../shared/format/key-slot.ts';
import { decodeAttempt, encodeAttempt } from '../../../shared/format/attempt.ts';
import { chunkIdOf } from '../../../shared/format/hash.ts';
import * as names from '../../../shared/format/names.ts';
import { codeOf } from './codes.ts';
import { DEVICE_ID, SAVESET_ID } from './samples.ts';

const MASTER = new Uint8Array(32).fill(1);
const NAME = `savesets/${SAVESET_ID}/manifest.json`;
const keys = deriveKeys(MASTER, DEVICE_ID);
const plain = Buffer.from('a chunk that is worth something');
const record = { id: keyedChunkId(keys, plain), codec: 'none', plainLength: plain.length } as const;

const payloadOf = (
  coded: Uint8Array = plain,
  into: Uint8Array = new Uint8Array(coded.length + 44),
): Uint8Array => sealPayload(keys, record, coded, into);
const objectOf = (bytes: Uint8Array = plain, by: CipherKeys = keys): Buffer =>
  Buffer.concat([...sealParts(by, NAME, [bytes])]);

/** Makes the SHA-256 at the end right again. */
function rehashed(object: Buffer): Buffer {
  const copy = Buffer.from(object);
  copy.set(hash('sha256', copy.subarray(0, -32), 'buffer'), copy.length - 32);
  return copy;
}

describe('deriveKeys', () => {
  it('gives other keys for another device and another master key', () => {
    const others = [deriveKeys(MASTER, 'ab'.repeat(16)), deriveKeys(new Uint8Array(32).fill(2), DEVICE_ID)];
    for (const other of others) {
      assert.notDeepEqual(new Uint8Array(other.memory), new Uint8Array(keys.memory));
      assert.notDeepEqual(keyedChunkId(other, plain), keyedChunkId(keys, plain));
    }
    assert.notDeepEqual(keyedChunkId(keys, plain), chunkIdOf(plain));
    assert.equal(
      codeOf(() => deriveKeys(MASTER, 'x')),
      'FORMAT_INVALID',
    );
  });
});

describe('sealPayload', () => {
  it('gives what opens again, also in the memory of the coded chunk, and never the same twice', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(plain.length + 44));
    shared.set(plain);
    const inPlace = payloadOf(shared.subarray(0, plain.length), shared);
    assert.equal(inPlace.byteOffset, 0);
    for (const payload of [payloadOf(), inPlace]) {
      assert.equal(payload.length, plain.length + 44);
      assert.isTrue(plain.equals(openPayload(keys, record, payload, 'record')));
      assert.isFalse(Buffer.from(payload).includes(plain));
    }
    assert.notDeepEqual(payloadOf(), payloadOf());
  });
});

describe('openPayload', () => {
  const refused = (payload: Uint8Array, as: typeof record | object = record, by = keys): string =>
    codeOf(() => openPayload(by, as as typeof record, payload, 'record'));

  it('refuses every cut-off and every flipped bit', () => {
    const payload = Buffer.from(payloadOf());
    for (let length = 0; length < payload.length; length++) {
      assert.equal(refused(payload.subarray(0, length)), 'FORMAT_INVALID', `${length} bytes`);
    }
    for (let bit = 0; bit < payload.length * 8; bit++) {
      const copy = Buffer.from(payload);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(refused(copy), 'FORMAT_INVALID', `bit ${bit}`);
    }
  });

  it('refuses the payload of another record, and another key', () => {
    const payload = payloadOf();
    for (const as of [
      { ...record, codec: 'zstd' },
      { ...record, plainLength: record.plainLength + 1 },
      { ...record, id: new Uint8Array(32) },
    ]) {
      assert.equal(refused(payload, as), 'FORMAT_INVALID');
    }
    assert.equal(refused(payload, record, deriveKeys(MASTER, 'ab'.repeat(16))), 'FORMAT_INVALID');
  });
});

describe('sealParts', () => {
  it('gives the same object whatever pieces it is given in, and opens it', () => {
    const large = Buffer.alloc(2_500_000, 'some text ');
    for (const parts of [[large], [large.subarray(0, 7), large.subarray(7)], [Buffer.alloc(0), large]]) {
      const object = Buffer.concat([...sealParts(keys, NAME, parts)]);
      assert.equal(object.length, large.length + SEALED_OBJECT_EXTRA_BYTES);
      assert.doesNotThrow(() => checkSealedObject(object, NAME));
      assert.isTrue(large.equals(openSealed(keys, NAME, object)));
    }
    assert.isEmpty(openSealed(keys, NAME, objectOf(new Uint8Array())));
  });
});

describe('openSealed', () => {
  const refused = (object: Buffer, name = NAME, by = keys): string =>
    codeOf(() => openSealed(by, name, Buffer.from(object)));

  it('refuses every cut-off and every flipped bit', () => {
    const object = objectOf();
    for (let length = 0; length < object.length; length++) {
      assert.equal(refused(object.subarray(0, length)), 'FORMAT_INVALID', `${length} bytes`);
    }
    for (let bit = 0; bit < object.length * 8; bit++) {
      const copy = Buffer.from(object);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(refused(copy), 'FORMAT_INVALID', `bit ${bit}`);
    }
  });

  it('refuses a change whose SHA-256 is right, where the key sees it', () => {
    for (const at of [16, 31, 32, 43, 48, objectOf().length - 33]) {
      const copy = objectOf();
      copy[at]! ^= 1;
      assert.doesNotThrow(() => checkSealedObject(rehashed(copy), NAME));
      assert.equal(refused(rehashed(copy)), 'FORMAT_INVALID', `byte ${at}`);
    }
  });

  it('refuses the object of another name or key, and one in clear', () => {
    assert.equal(refused(objectOf(), `savesets/ffffffffffffffff/manifest.json`), 'FORMAT_INVALID');
    assert.equal(refused(objectOf(), NAME, deriveKeys(MASTER, 'ab'.repeat(16))), 'FORMAT_INVALID');
    assert.equal(refused(Buffer.alloc(500, '{"format":"blockhouse-manifest"}')), 'FORMAT_INVALID');
  });

  it('leaves later versions and unknown flags alone, and version 0 is none', () => {
    const changes = [
      [8, 2, 'FORMAT_VERSION_UNKNOWN'],
      [12, 1, 'FORMAT_VERSION_UNKNOWN'],
      [8, 0, 'FORMAT_INVALID'],
    ] as const;
    for (const [at, value, code] of changes) {
      const copy = objectOf();
      copy.writeUInt32LE(value, at);
      assert.equal(refused(rehashed(copy)), code);
    }
  });
});

const slot: KeySlot = {
  format: 'blockhouse-key-slot',
  version: 1,
  slotId: '00112233445566bb',
  deviceId: DEVICE_ID,
  label: 'night operator',
  createdAt: '2026-01-31T12:00:00.000Z',
  kdf: { name: 'scrypt', n: 131_072, r: 8, p: 1, salt: 'ab'.repeat(32) },
  sealedKey: 'cd'.repeat(60),
};

describe('decodeKeySlot', () => {
  it('gives back what was encoded', () => {
    assert.deepEqual(decodeKeySlot(encodeKeySlot(slot), 'slot'), slot);
    const largest = { ...slot, kdf: { ...slot.kdf, n: 2 ** 20, r: 8, p: 4 } };
    assert.deepEqual(decodeKeySlot(encodeKeySlot(largest), 'slot'), largest);
  });

  const hostile: [string, object][] = [
    ['too little work', { n: 2 ** 13 }],
    ['too much work', { n: 2 ** 21 }],
    ['more than 1 GiB', { n: 2 ** 20, r: 9 }],
    ['a cost that is no power of two', { n: 100_000 }],
    ['large blocks', { r: 17 }],
    ['no blocks', { r: 0 }],
    ['many lanes', { p: 5 }],
    ['half a cost', { n: 131_072.5 }],
    ['another function', { name: 'pbkdf2' }],
    ['a short salt', { salt: 'ab' }],
  ];
  for (const [what, change] of hostile) {
    it(`refuses ${what}`, () => {
      const bytes = Buffer.from(JSON.stringify({ ...slot, kdf: { ...slot.kdf, ...change } }));
      assert.equal(
        codeOf(() => decodeKeySlot(bytes, 'slot')),
        'FORMAT_INVALID',
      );
    });
  }
});

describe('openMasterKey', () => {
  const passwordKey = new Uint8Array(32).fill(5);
  const sealed = { ...slot, sealedKey: sealMasterKey(passwordKey, slot, MASTER) };

  it('gives the master key to the password alone', () => {
    assert.deepEqual(new Uint8Array(openMasterKey(passwordKey, sealed)!), MASTER);
    assert.isUndefined(openMasterKey(new Uint8Array(32).fill(6), sealed));
  });

  it('opens no slot that was changed, or put in the place of another', () => {
    for (const change of [{ slotId: '00112233445566cc' }, { deviceId: 'ab'.repeat(16) }]) {
      assert.isUndefined(openMasterKey(passwordKey, { ...sealed, ...change }));
    }
    for (let at = 0; at < sealed.sealedKey.length; at++) {
      const digit = sealed.sealedKey[at] === '0' ? '1' : '0';
      const sealedKey = sealed.sealedKey.slice(0, at) + digit + sealed.sealedKey.slice(at + 1);
      assert.isUndefined(openMasterKey(passwordKey, { ...sealed, sealedKey }), `digit ${at}`);
    }
  });
});

describe('decodeAttempt', () => {
  it('gives back what was encoded, also of a program without runs', () => {
    const attempt = {
      format: 'blockhouse-attempt',
      version: 1,
      attemptId: SAVESET_ID,
      kind: 'repair',
      startedAt: '2026-01-31T12:00:00.000Z',
      runId: null,
      taskId: null,
      token: null,
    } as const;
    assert.deepEqual(decodeAttempt(encodeAttempt(attempt), 'attempt'), attempt);
  });
});

describe('names of keys and attempts', () => {
  it('finds the way back from a name to what it names', () => {
    assert.equal(names.keySlotOf(names.keySlotName(SAVESET_ID)), SAVESET_ID);
    assert.equal(names.begunAttemptOf(names.begunName(SAVESET_ID)), SAVESET_ID);
    assert.isUndefined(names.keySlotOf('keys/readme.json'));
    assert.isUndefined(names.begunAttemptOf(`incoming/${SAVESET_ID}/other.json`));
    assert.equal(
      codeOf(() => names.keySlotName('..')),
      'FORMAT_INVALID',
    );
    assert.equal(
      codeOf(() => names.begunName('..')),
      'FORMAT_INVALID',
    );
  });
});
