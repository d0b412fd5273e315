import { assert } from 'chai';
import { mkdir, writeFile } from 'node:fs/promises';
import { systemClock } from '../../../../shared/base/clock.ts';
import { AppError } from '../../../../shared/base/errors.ts';
import { silentLog } from '../../../../shared/base/log.ts';
import { type TransportChoice } from '../../../../shared/domain/job.ts';
import { type OpenDiskInput, openDisk } from '../../../../worker/transport/open-disk.ts';
import { encodeFlatDescriptor } from '../../../../worker/transport/vmdk-descriptor.ts';
import { type FolderServer, startFolderServer } from '../../../support/folder-server.ts';
import { type TempFolder, tempFolder } from '../../../support/temp.ts';

const CAPACITY = 4096;
const never = new AbortController().signal;
const descriptor = encodeFlatDescriptor({
  capacityBytes: CAPACITY,
  extentName: 'a-flat.vmdk',
  cid: '01234567',
});
const delta = descriptor.replace('ffffffff', '11111111');

describe('openDisk', () => {
  let server: FolderServer;
  let folder: TempFolder;
  beforeEach(async () => {
    server = await startFolderServer();
    server.files.set('/folder/vm/a.vmdk?DC0&ds', Buffer.from(descriptor));
    server.files.set('/folder/vm/a-flat.vmdk?DC0&ds', Buffer.alloc(CAPACITY, 1));
    folder = await tempFolder();
    await mkdir(folder.file('vm'));
    await writeFile(folder.file('vm/a.vmdk'), descriptor);
    await writeFile(folder.file('vm/a-flat.vmdk'), Buffer.alloc(CAPACITY, 2));
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const inputFor = (choice: TransportChoice, mounted: boolean): OpenDiskInput => ({
    choice,
    session: {
      url: server.url,
      fingerprint: server.fingerprint,
      cookie: () => server.cookie,
      call: () => Promise.resolve(undefined),
    },
    dcPath: 'DC0',
    disk: { fileName: '[ds] vm/a.vmdk', capacityBytes: CAPACITY },
    datastorePaths: mounted ? { ds: folder.path } : {},
    clock: systemClock,
    log: silentLog,
  });

  const failureOf = async (input: OpenDiskInput, signal = never): Promise<AppError> => {
    const error = await openDisk(input, signal).catch((e: unknown) => e);
    assert.instanceOf(error, AppError);
    return error;
  };

  for (const [choice, mounted, served] of [
    ['auto', true, 'file'],
    ['auto', false, 'https'],
    ['file', true, 'file'],
    ['https', true, 'https'],
  ] as const) {
    it(`serves "${choice}" by ${served} when the datastore is ${mounted ? '' : 'not '}mounted`, async () => {
      const { reader, tried } = await openDisk(inputFor(choice, mounted), never);
      await using disk = reader;
      const into = new Uint8Array(1);
      await disk.read(0, into);
      assert.equal(disk.transport, served);
      assert.equal(into[0], served === 'https' ? 1 : 2);
      assert.deepEqual(tried, []);
    });
  }

  it('goes on to https when the mounted folder does not have the file, and says why', async () => {
    const { reader, tried } = await openDisk(
      { ...inputFor('auto', true), datastorePaths: { ds: folder.file('vm') } },
      never,
    );
    await reader[Symbol.asyncDispose]();
    assert.equal(reader.transport, 'https');
    assert.equal(tried.length, 1);
    assert.equal(tried[0]?.transport, 'file');
    assert.match(tried[0]?.reason ?? '', /does not exist/);
  });

  it('does not fall back from a transport that was chosen', async () => {
    assert.equal((await failureOf(inputFor('file', false))).code, 'TRANSPORT_UNAVAILABLE');
  });

  it('tells the last failure when none serves', async () => {
    server.files.clear();
    const input = { ...inputFor('auto', true), datastorePaths: { ds: folder.file('vm') } };
    assert.match((await failureOf(input)).message, /HTTP 404/);
  });

  for (const choice of ['auto', 'file', 'https'] as const) {
    it(`refuses a delta chain with "${choice}" without trying further`, async () => {
      server.files.set('/folder/vm/a.vmdk?DC0&ds', Buffer.from(delta));
      await writeFile(folder.file('vm/a.vmdk'), delta);
      const error = await failureOf(inputFor(choice, true));
      assert.equal(error.code, 'TRANSPORT_DELTA_CHAIN');
      assert.include(error.message, '[ds] vm/a.vmdk');
      assert.isAtMost(server.ranges.length, 1);
    });
  }

  it('ends with the reason of the signal', async () => {
    const reason = new AppError('CANCELLED', 'Test was cancelled');
    assert.strictEqual(await failureOf(inputFor('auto', true), AbortSignal.abort(reason)), reason);
  });
});
