import { assert } from 'chai';
import { randomFillSync } from 'node:crypto';
import { type Clock, systemClock } from '../../../../shared/base/clock.ts';
import { type ErrorCode } from '../../../../shared/base/error-table.ts';
import { AppError, hasCode } from '../../../../shared/base/errors.ts';
import { silentLog } from '../../../../shared/base/log.ts';
import { MiB } from '../../../../shared/base/units.ts';
import { type BlockReader } from '../../../../worker/ports.ts';
import { type FolderSession } from '../../../../worker/transport/https/folder-file.ts';
import { type HttpsDiskOptions, openHttpsDisk } from '../../../../worker/transport/https/range-reader.ts';
import { encodeFlatDescriptor } from '../../../../worker/transport/vmdk-descriptor.ts';
import { blockReaderContract } from '../../../contract/block-reader.ts';
import { type Act, type FolderServer, startFolderServer } from '../../../support/folder-server.ts';

const CAPACITY = 5 * MiB + 512;
const content = randomFillSync(Buffer.alloc(CAPACITY));
const FOLDER = '/folder/db 01/';
const QUERY = '?DC0/Ost & West&ds ü';
const never = new AbortController().signal;

interface TestSession extends FolderSession {
  renewals: number;
}

/** A session that gets the server's current cookie when it is renewed. */
function sessionOf(server: FolderServer): TestSession {
  let cookie = server.cookie;
  const session = {
    url: server.url,
    fingerprint: server.fingerprint,
    renewals: 0,
    cookie: () => cookie,
    call(): Promise<unknown> {
      session.renewals++;
      cookie = server.cookie;
      return Promise.resolve(undefined);
    },
  };
  return session;
}

/** Notes pauses instead of waiting. */
function hurriedClock(pauses: number[] = []): Clock {
  return {
    ...systemClock,
    sleep(ms, signal) {
      signal?.throwIfAborted();
      pauses.push(ms);
      return Promise.resolve();
    },
  };
}

function serveDisk(server: FolderServer): void {
  const descriptor = encodeFlatDescriptor({
    capacityBytes: CAPACITY,
    extentName: 'a+b-flat.vmdk',
    cid: '01234567',
  });
  server.files.set(`${FOLDER}a+b.vmdk${QUERY}`, Buffer.from(descriptor));
  server.files.set(`${FOLDER}a+b-flat.vmdk${QUERY}`, content);
}

function optionsFor(server: FolderServer, more: Partial<HttpsDiskOptions> = {}): HttpsDiskOptions {
  return {
    session: sessionOf(server),
    dcPath: 'DC0/Ost & West',
    fileName: '[ds ü] db 01/a+b.vmdk',
    capacityBytes: CAPACITY,
    clock: hurriedClock(),
    log: silentLog,
    ...more,
  };
}

async function failureOf(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => assert.fail('It did not fail'),
    (e: unknown) => e,
  );
  assert.instanceOf(error, AppError);
  return error;
}

blockReaderContract('openHttpsDisk', async () => {
  const server = await startFolderServer();
  serveDisk(server);
  const reader = await openHttpsDisk(optionsFor(server), never);
  return {
    reader,
    content,
    async [Symbol.asyncDispose]() {
      await reader[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
});

describe('openHttpsDisk', () => {
  let server: FolderServer;
  beforeEach(async () => {
    server = await startFolderServer();
    serveDisk(server);
  });
  afterEach(() => server[Symbol.asyncDispose]());

  const refused: readonly (readonly [string, () => void, ErrorCode, RegExp])[] = [
    ['a missing disk', () => server.files.clear(), 'TRANSPORT_FAILED', /HTTP 404/],
    [
      'a disk without flat file',
      () => server.files.delete(`${FOLDER}a+b-flat.vmdk${QUERY}`),
      'TRANSPORT_FAILED',
      /a\+b-flat.vmdk.*HTTP 404/,
    ],
    [
      'a flat file that is too short',
      () => server.files.set(`${FOLDER}a+b-flat.vmdk${QUERY}`, content.subarray(512)),
      'TRANSPORT_SHORT_READ',
      /the file ends before it/,
    ],
    [
      'a whole disk under the descriptor name',
      () => server.files.set(`${FOLDER}a+b.vmdk${QUERY}`, content),
      'TRANSPORT_DESCRIPTOR_INVALID',
      /binary/,
    ],
    [
      'an endless descriptor',
      () => server.files.set(`${FOLDER}a+b.vmdk${QUERY}`, endlessDescriptor()),
      'TRANSPORT_DESCRIPTOR_INVALID',
      /larger than 65536/,
    ],
    [
      'no right to read',
      () => server.acts.push({ kind: 'status', status: 403 }),
      'AUTH_NO_PERMISSION',
      /may not/,
    ],
    [
      'a server that ignores ranges',
      () => server.acts.push({ kind: 'status', status: 200 }),
      'TRANSPORT_FAILED',
      /ignores the range/,
    ],
  ];
  for (const [what, prepare, code, text] of refused) {
    it(`refuses ${what}`, async () => {
      prepare();
      const error = await failureOf(openHttpsDisk(optionsFor(server), never));
      assert.equal(error.code, code);
      assert.match(error.message, text);
    });
  }

  it('refuses a delta, naming its file', async () => {
    const text = encodeFlatDescriptor({ capacityBytes: CAPACITY, extentName: 'x', cid: '01234567' });
    server.files.set(`${FOLDER}a+b.vmdk${QUERY}`, Buffer.from(text.replace('ffffffff', '11111111')));
    const error = await failureOf(openHttpsDisk(optionsFor(server), never));
    assert.equal(error.code, 'TRANSPORT_DELTA_CHAIN');
    assert.include(error.message, '[ds ü] db 01/a+b.vmdk');
  });

  it('sends nothing to a server with another certificate', async () => {
    const session = { ...sessionOf(server), fingerprint: server.fingerprint.replace(/^../, '00') };
    const error = await failureOf(openHttpsDisk(optionsFor(server, { session }), never));
    assert.equal(error.code, 'AUTH_FINGERPRINT_MISMATCH');
    assert.deepEqual(server.ranges, []);
  });

  it('refuses a path without datastore', async () => {
    const error = await failureOf(openHttpsDisk(optionsFor(server, { fileName: 'a.vmdk' }), never));
    assert.equal(error.code, 'TRANSPORT_UNAVAILABLE');
  });
});

describe('reads of openHttpsDisk', () => {
  let server: FolderServer;
  let session: TestSession;
  let reader: BlockReader;
  let pauses: number[];
  beforeEach(async () => {
    server = await startFolderServer();
    serveDisk(server);
    session = sessionOf(server);
    pauses = [];
    reader = await openHttpsDisk(optionsFor(server, { session, clock: hurriedClock(pauses) }), never);
    server.ranges.length = 0;
  });
  afterEach(async () => {
    await reader[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const passing: readonly Act[] = [
    { kind: 'status', status: 503 },
    { kind: 'status', status: 500 },
    { kind: 'status', status: 429 },
    { kind: 'cut' },
    { kind: 'drop' },
    { kind: 'short' },
    { kind: 'long' },
    { kind: 'content-range', value: 'bytes 0-9/5243392' },
    { kind: 'content-range', value: 'bytes 100000-99000/5243392' },
    { kind: 'content-range', value: 'items 7' },
  ];
  for (const act of passing) {
    it(`gets over ${JSON.stringify(act)} by trying again after a pause`, async () => {
      server.acts.push(act);
      const into = Buffer.alloc(100_000);
      await reader.read(100_000, into);
      assert.isTrue(into.equals(content.subarray(100_000, 200_000)));
      assert.deepEqual(pauses, [500]);
      assert.deepEqual(server.ranges, ['bytes=100000-199999', 'bytes=100000-199999']);
    });
  }

  it('gives up after six tries with growing pauses, naming file, byte and status', async () => {
    for (let i = 0; i < 6; i++) server.acts.push({ kind: 'status', status: 503 });
    const error = await failureOf(reader.read(512, Buffer.alloc(512)));
    assert.equal(error.code, 'TRANSPORT_FAILED');
    assert.match(error.message, /"\[ds ü\] db 01\/a\+b-flat.vmdk" at byte 512: the server answers HTTP 503/);
    assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000]);
    assert.equal(server.ranges.length, 6);
  });

  it('tells a body that always ends early from other failures', async () => {
    for (let i = 0; i < 6; i++) server.acts.push({ kind: 'cut' });
    const error = await failureOf(reader.read(0, Buffer.alloc(100_000)));
    assert.equal(error.code, 'TRANSPORT_SHORT_READ');
  });

  it('renews the session once for all reads that find it ended', async () => {
    server.cookie = 'session=2';
    const into = Buffer.alloc(CAPACITY);
    await reader.read(0, into);
    assert.isTrue(into.equals(content));
    assert.isAtMost(session.renewals, 3);
    assert.deepEqual(pauses, []);
    await reader.read(0, into);
    assert.isAtMost(session.renewals, 3);
  });

  it('fails when a renewed session is not accepted either', async () => {
    server.acts.push({ kind: 'status', status: 401 }, { kind: 'status', status: 401 });
    const error = await failureOf(reader.read(0, Buffer.alloc(512)));
    assert.equal(error.code, 'VSPHERE_NOT_AUTHENTICATED');
  });

  it('asks for at most 2 MiB at a time', async () => {
    await reader.read(0, Buffer.alloc(CAPACITY));
    assert.deepEqual(server.ranges.toSorted(), [
      'bytes=0-2097151',
      'bytes=2097152-4194303',
      'bytes=4194304-5243391',
    ]);
  });

  it('ends at once when it is aborted in the middle of a body, and leaves the buffer alone', async () => {
    server.acts.push({ kind: 'stall' });
    const stop = new AbortController();
    const into = Buffer.alloc(1_000_000);
    const reading = failureOf(reader.read(0, into, stop.signal));
    while (server.stalled === 0 || into[0] === 0) await systemClock.sleep(1);
    stop.abort(new AppError('CANCELLED', 'Test was cancelled'));
    const error = await reading;
    assert.isTrue(hasCode(error, 'CANCELLED'));
    const asItWas = Buffer.from(into);
    while (server.stalled > 0) await systemClock.sleep(1);
    assert.isTrue(into.equals(asItWas));
  });
});

function endlessDescriptor(): Buffer {
  const text = encodeFlatDescriptor({ capacityBytes: CAPACITY, extentName: 'a-flat.vmdk', cid: '01234567' });
  return Buffer.from(text + '# nothing\n'.repeat(10_000));
}
