import { assert } from 'chai';
import { systemClock } from '../../../shared/base/clock.ts';
import { type ChunkAddress } from '../../../shared/format/disk-index.ts';
import { keySlotName, packName, savesetFolder } from '../../../shared/format/names.ts';
import { CHUNK_HEADER_BYTES, checkPayloadCrc, decodeChunkHeader } from '../../../shared/format/pack.ts';
import { beginAttempt, endAttempt, listAttempts, readAttempt } from '../../../shared/repository/attempts.ts';
import { ChunkLookup } from '../../../shared/repository/chunk-lookup.ts';
import { ChunkReader } from '../../../shared/repository/chunk-reader.ts';
import { decodeRecord } from '../../../shared/repository/decode-record.ts';
import {
  type OpenDevice,
  createDevice,
  openDevice,
  readDeviceHeader,
} from '../../../shared/repository/device.ts';
import { addKeySlot, listKeySlots, removeKeySlot, unlock } from '../../../shared/repository/key-slots.ts';
import { recoverDirectory } from '../../../shared/repository/pack-directories.ts';
import { PackWriter } from '../../../shared/repository/pack-writer.ts';
import * as store from '../../../shared/repository/saveset-store.ts';
import { MemoryStorage } from '../../../shared/repository/storage-memory.ts';
import { onStorage, testCipher } from '../../support/open-devices.ts';
import { codeOf, codeOfAsync } from '../format/codes.ts';
import { SAVESET_ID, aDiskIndex, aManifest, aManifestDisk } from '../format/samples.ts';
import { noise, store as storeChunk, text } from './chunks.ts';

const clock = systemClock;
const signal = new AbortController().signal;
const PASSWORD = 'correct horse battery staple';
const FOLDER = savesetFolder(SAVESET_ID);
const PLACE = { diskKey: 2000, layer: 0, segment: 0 };
const plains = [noise(1000), text(1, 100_000), text(2, 3)];

async function storedChunks(device: OpenDevice, chunks = plains): Promise<ChunkAddress[]> {
  await using packs = new PackWriter(device.storage, SAVESET_ID);
  const refs: ChunkAddress[] = [];
  for (const plain of chunks) refs.push(await storeChunk(packs, plain, device.cipher));
  await packs.finish();
  return refs;
}

function recordOf(storage: MemoryStorage, ref: ChunkAddress): Buffer {
  const pack = storage.objects.get(packName(ref.packId))!;
  return Buffer.from(pack.subarray(ref.offset).subarray(0, CHUNK_HEADER_BYTES + ref.storedLength));
}

describe('createDevice with a password', function () {
  this.timeout(30_000);

  it('makes a device that opens by the password, and by nothing else', async () => {
    const storage = new MemoryStorage();
    const { header } = await createDevice(storage, {
      clock,
      encryption: { password: PASSWORD, label: 'first' },
    });
    const { deviceId } = header;
    assert.deepEqual(header.features.required, ['encryption']);
    assert.equal(await codeOfAsync(openDevice(storage)), 'REPO_DEVICE_LOCKED');
    assert.deepEqual(await readDeviceHeader(storage, deviceId), header);
    const { key } = await unlock({ storage, deviceId }, PASSWORD);
    assert.isTrue((await openDevice(storage, { expectDeviceId: deviceId, key })).cipher.isEncrypting);
    assert.equal(await codeOfAsync(unlock({ storage, deviceId }, `${PASSWORD} `)), 'REPO_KEY_WRONG');
    for (const bytes of storage.objects.values()) {
      assert.isFalse(Buffer.from(bytes).includes(PASSWORD));
      assert.isFalse(Buffer.from(bytes).includes(Buffer.from(key).toString('hex')));
    }
  });

  it('is not in clear again because its header says so', async () => {
    const storage = new MemoryStorage();
    const { header } = await createDevice(storage, { clock });
    const key = new Uint8Array(32);
    const { deviceId } = header;
    assert.equal(
      await codeOfAsync(openDevice(storage, { expectDeviceId: deviceId, key })),
      'REPO_WRONG_DEVICE',
    );
  });

  it('begins anew where a crash left key slots without a header', async () => {
    const storage = new MemoryStorage();
    await storage.put(keySlotName(SAVESET_ID), Buffer.from('{}'));
    await createDevice(storage, { clock });
    assert.deepEqual([...storage.objects.keys()], ['device.json']);
  });

  it('does not touch slots beside anything else', async () => {
    const storage = new MemoryStorage();
    await storage.put(keySlotName(SAVESET_ID), Buffer.from('{}'));
    await storage.put('holiday.jpg', new Uint8Array(3));
    assert.equal(await codeOfAsync(createDevice(storage, { clock })), 'USAGE_CONFLICT');
    assert.equal(storage.objects.size, 2);
  });
});

describe('key slots', function () {
  this.timeout(30_000);
  const deviceId = '0f'.repeat(16);
  const key = new Uint8Array(32).fill(9);

  it('come and go, but never the one that is known to open', async () => {
    const storage = new MemoryStorage();
    const place = { storage, deviceId };
    const first = await addKeySlot({ ...place, clock }, key, { password: 'one', label: 'first' });
    const second = await addKeySlot({ ...place, clock }, key, { password: 'café', label: 'second' });
    // the accent as a character of its own is the same password
    const opened = await unlock(place, 'cafe\u0301');
    assert.deepEqual(opened, { key, slotId: second.slotId });
    assert.equal(
      await codeOfAsync(removeKeySlot(place, second.slotId, second.slotId)),
      'REPO_KEY_SLOT_IN_USE',
    );
    assert.equal(await codeOfAsync(removeKeySlot(place, 'f'.repeat(16), second.slotId)), 'USAGE_NOT_FOUND');
    await removeKeySlot(place, first.slotId, second.slotId);
    assert.equal(await codeOfAsync(unlock(place, 'one')), 'REPO_KEY_WRONG');
    assert.deepEqual(
      (await listKeySlots(place)).slots.map(({ label }) => label),
      ['second'],
    );
  });

  it('are passed by when they are damaged, swapped or ask for too much', async () => {
    const storage = new MemoryStorage();
    const place = { storage, deviceId };
    const { slotId } = await addKeySlot({ ...place, clock }, key, { password: 'one', label: 'first' });
    const sound = Buffer.from(storage.objects.get(keySlotName(slotId))!).toString();
    await storage.put(keySlotName('1'.repeat(16)), Buffer.from('{'));
    await storage.put(keySlotName('2'.repeat(16)), Buffer.from(sound));
    const greedy = sound.replace('131072', '1073741824').replace(slotId, '3'.repeat(16));
    await storage.put(keySlotName('3'.repeat(16)), Buffer.from(greedy));
    const foreign = sound.replace(deviceId, 'ab'.repeat(16)).replace(slotId, '4'.repeat(16));
    await storage.put(keySlotName('4'.repeat(16)), Buffer.from(foreign));
    const { slots, damaged } = await listKeySlots(place);
    assert.deepEqual(
      slots.map((slot) => slot.slotId),
      [slotId],
    );
    assert.lengthOf(damaged, 4);
    assert.deepEqual((await unlock(place, 'one')).key, key);
    await removeKeySlot(place, '1'.repeat(16), slotId);
    await storage.remove(keySlotName(slotId));
    assert.equal(await codeOfAsync(unlock(place, 'one')), 'REPO_KEY_WRONG');
  });

  it('are at most 32', async () => {
    const storage = new MemoryStorage();
    for (let i = 0; i < 32; i++) {
      await storage.put(keySlotName(i.toString(16).padStart(16, '0')), Buffer.from('{}'));
    }
    const adding = addKeySlot({ storage, deviceId, clock }, key, { password: 'x', label: 'y' });
    assert.equal(await codeOfAsync(adding), 'REPO_KEY_SLOTS_FULL');
  });
});

describe('an encrypted device', () => {
  it('stores chunks that read back, and nothing of them in clear', async () => {
    const storage = new MemoryStorage();
    const device = onStorage(storage, testCipher());
    const refs = await storedChunks(device);
    await using reader = new ChunkReader(device, () => ChunkLookup.open(device, { signal }));
    for (const [i, ref] of refs.entries()) {
      const into = new Uint8Array(ref.plainLength);
      await reader.read(ref, into);
      assert.deepEqual(into, plains[i]);
    }
    const pack = Buffer.from(storage.objects.get(packName(refs[0]!.packId))!);
    assert.isFalse(pack.includes(Buffer.from(plains[0]!)));
    assert.isFalse(pack.includes('chunk number'));
  });

  it('knows a chunk that it has, by another id than any other device', async () => {
    const storage = new MemoryStorage();
    const device = onStorage(storage, testCipher());
    const refs = await storedChunks(device);
    const lookup = await ChunkLookup.open(device, { signal });
    for (const plain of plains) assert.isTrue(lookup.mayHave(device.cipher.chunkId(plain)));
    const [own] = refs;
    for (const cipher of [testCipher('ab'.repeat(16)), testCipher(undefined, 2), onStorage(storage).cipher]) {
      assert.notDeepEqual(cipher.chunkId(plains[0]!), own!.id);
    }
  });

  it('finds every flipped bit of a record, the payload without a key', async () => {
    const storage = new MemoryStorage();
    const device = onStorage(storage, testCipher());
    const [ref] = await storedChunks(device, [noise(60)]);
    const record = recordOf(storage, ref!);
    for (let bit = 0; bit < record.length * 8; bit++) {
      const copy = Buffer.from(record);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      const damaged = () => decodeRecord(device.cipher, copy, ref!, new Uint8Array(60));
      assert.equal(codeOf(damaged), 'FORMAT_INVALID', `bit ${bit}`);
      if (bit < CHUNK_HEADER_BYTES * 8) continue;
      assert.isFalse(checkPayloadCrc(decodeChunkHeader(copy, 'record'), copy.subarray(CHUNK_HEADER_BYTES)));
    }
  });

  it('does not open records by another key, nor mix them with those in clear', async () => {
    const storage = new MemoryStorage();
    const device = onStorage(storage, testCipher());
    const clearStorage = new MemoryStorage();
    const clear = onStorage(clearStorage);
    const [ref] = await storedChunks(device, [noise(60)]);
    const [clearRef] = await storedChunks(clear, [noise(60)]);
    const into = new Uint8Array(60);
    const record = recordOf(storage, ref!);
    const clearRecord = recordOf(clearStorage, clearRef!);
    const tries = [
      () => decodeRecord(testCipher(undefined, 2), record, ref!, into),
      () => decodeRecord(clear.cipher, record, ref!, into),
      () => decodeRecord(device.cipher, clearRecord, clearRef!, into),
    ];
    for (const attempt of tries) assert.equal(codeOf(attempt), 'FORMAT_INVALID');
  });

  it('finds its records again when the directory of a pack is gone', async () => {
    const storage = new MemoryStorage();
    const device = onStorage(storage, testCipher());
    const refs = await storedChunks(device);
    const pack = { packId: refs[0]!.packId, lengthBytes: await storage.size(packName(refs[0]!.packId)) };
    const found = await recoverDirectory(device, pack, signal);
    assert.deepEqual(
      found.map(({ offset, isEncrypted }) => ({ offset, isEncrypted })),
      refs.map(({ offset }) => ({ offset, isEncrypted: true })),
    );
  });

  /** A whole sealed saveset. */
  async function sealed(device: OpenDevice, savesetId = SAVESET_ID): Promise<void> {
    const index = await store.putDiskIndex(device, savesetId, PLACE, aDiskIndex());
    const file = await store.putFile(device, savesetId, 'vm-config.json', Buffer.from('{"vm":"db01"}'));
    const disks = [aManifestDisk({ layers: [{ segments: [index] }] })];
    await store.putManifest(device, aManifest({ savesetId, disks, files: [file] }));
    await store.seal(device, savesetId, { token: 7, sealedAt: '2026-01-31T12:10:00.000Z' });
  }

  it('keeps documents that read back, and nothing of them in clear', async () => {
    const storage = new MemoryStorage();
    const device = onStorage(storage, testCipher());
    await sealed(device);
    const manifest = await store.readSealedManifest(device, SAVESET_ID);
    assert.equal(manifest.vm.name, 'db01');
    const index = await store.readDiskIndex(device, SAVESET_ID, manifest.disks[0]!, PLACE);
    assert.deepEqual(index.runs, aDiskIndex().runs);
    const config = await store.readFile(device, SAVESET_ID, manifest.files[0]!);
    assert.equal(Buffer.from(config).toString(), '{"vm":"db01"}');
    for (const [name, bytes] of storage.objects) {
      assert.isFalse(Buffer.from(bytes).includes('db01'), name);
    }
  });

  it('refuses a manifest that was moved to another saveset, seal and all', async () => {
    const storage = new MemoryStorage();
    const device = onStorage(storage, testCipher());
    await sealed(device);
    const other = 'f'.repeat(16);
    await storage.put(
      `${savesetFolder(other)}/manifest.json`,
      storage.objects.get(`${FOLDER}/manifest.json`)!,
    );
    assert.equal(await codeOfAsync(store.readManifest(device, other)), 'FORMAT_INVALID');
  });

  it('does not open documents by another key or in clear', async () => {
    const storage = new MemoryStorage();
    await sealed(onStorage(storage, testCipher()));
    for (const device of [onStorage(storage, testCipher(undefined, 2)), onStorage(storage)]) {
      assert.equal(await codeOfAsync(store.readManifest(device, SAVESET_ID)), 'FORMAT_INVALID');
    }
  });
});

describe('attempts', () => {
  const attempt = {
    attemptId: SAVESET_ID,
    kind: 'backup',
    startedAt: '2026-01-31T12:00:00.000Z',
    runId: 1,
    taskId: 2,
    token: 7,
  } as const;

  it('are there from their first object until their folder is gone', async () => {
    const storage = new MemoryStorage();
    assert.deepEqual(await listAttempts(storage), []);
    await beginAttempt(storage, attempt);
    await storage.put(`incoming/${'f'.repeat(16)}/begun.json`, Buffer.from('{'));
    assert.deepEqual(await listAttempts(storage), [SAVESET_ID, 'f'.repeat(16)]);
    assert.deepInclude(await readAttempt(storage, SAVESET_ID), attempt);
    assert.equal(await codeOfAsync(readAttempt(storage, 'f'.repeat(16))), 'FORMAT_INVALID');
    assert.equal(await codeOfAsync(beginAttempt(storage, attempt)), 'REPO_OBJECT_EXISTS');
    await endAttempt(storage, SAVESET_ID);
    await endAttempt(storage, SAVESET_ID);
    assert.deepEqual(await listAttempts(storage), ['f'.repeat(16)]);
    assert.isUndefined(await readAttempt(storage, SAVESET_ID));
  });

  it('end with the seal, also when a crash came between the two', async () => {
    const storage = new MemoryStorage();
    const device = onStorage(storage);
    await beginAttempt(storage, attempt);
    await store.putManifest(device, aManifest({ disks: [] }));
    const by = { token: 7, sealedAt: '2026-01-31T12:10:00.000Z' };
    await store.seal(device, SAVESET_ID, by);
    assert.deepEqual(await listAttempts(storage), []);
    await beginAttempt(storage, attempt);
    await store.seal(device, SAVESET_ID, { ...by, sealedAt: '2026-01-31T12:11:00.000Z' });
    assert.deepEqual(await listAttempts(storage), []);
  });

  it('are cleared when they are over: what is sealed stays, the rest goes', async () => {
    const storage = new MemoryStorage();
    const device = onStorage(storage);
    const [sealedOne, lost, live] = ['1'.repeat(16), '2'.repeat(16), '3'.repeat(16)] as const;
    for (const savesetId of [sealedOne, lost, live]) {
      await store.putManifest(device, aManifest({ savesetId, disks: [] }));
    }
    await store.seal(device, sealedOne, { token: 7, sealedAt: '2026-01-31T12:10:00.000Z' });
    for (const attemptId of [sealedOne, lost, live]) await beginAttempt(storage, { ...attempt, attemptId });
    assert.deepEqual(await store.clearAttempts(storage, (id) => id !== live), [sealedOne, lost]);
    assert.deepEqual(await listAttempts(storage), [live]);
    assert.isTrue(await store.isSealed(storage, sealedOne));
    assert.isFalse(await storage.exists(`${savesetFolder(lost)}/manifest.json`));
    assert.isTrue(await storage.exists(`${savesetFolder(live)}/manifest.json`));
  });
});
