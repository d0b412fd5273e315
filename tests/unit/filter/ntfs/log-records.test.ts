import { assert } from 'chai';
import { AppError } from '../../../../shared/base/errors.ts';
import { diskBytesOf } from '../../../../worker/filter/disk-bytes.ts';
import { decodeBootSector } from '../../../../worker/filter/ntfs/boot-sector.ts';
import { type LogFile, decodeLogState } from '../../../../worker/filter/ntfs/log-file.ts';
import { readLogPages } from '../../../../worker/filter/ntfs/log-pages.ts';
import { type LogRecord, logRecords } from '../../../../worker/filter/ntfs/log-records.ts';
import { volumeBytesOf } from '../../../../worker/filter/volume-bytes.ts';
import { readerOf } from '../../../support/image-reader.ts';
import { bootSector } from '../../../support/ntfs-bytes.ts';
import { type LogShape, type LogWrite, logWriter } from '../../../support/ntfs-log.ts';

const one: LogShape = { version: [1, 1], logBytes: 64 * 1024 };
const two: LogShape = { version: [2, 0], logBytes: 256 * 1024 };

function logOf({ logBytes }: LogShape, writes: readonly LogWrite[]): Buffer {
  const log = Buffer.alloc(logBytes, 0xff);
  for (const { at, bytes } of writes) bytes.copy(log, at);
  return log;
}

/** Reads a log as if its file were all of a volume. */
async function recordsOf(log: Buffer): Promise<LogRecord[]> {
  const state = decodeLogState(log.subarray(0, 8192), 0);
  if (state.kind !== 'open') throw new Error(`The log is ${state.kind}`);
  const disk = diskBytesOf(readerOf(log), new AbortController().signal);
  const bytes = volumeBytesOf(disk, 0, log.length);
  const boot = decodeBootSector(bootSector(), 0);
  const runs = [{ lcn: 0, clusters: log.length / 4096 }];
  const sizes = { sizeBytes: log.length, initialisedBytes: log.length };
  const stream: LogFile['stream'] = { what: '$LogFile', at: 0, runs, ...sizes, isCoded: false };
  return [...logRecords(state.ring, await readLogPages({ bytes, boot }, stream, state.ring), 0)];
}

async function gateOf(log: Buffer): Promise<string> {
  try {
    await recordsOf(log);
    return 'read';
  } catch (error) {
    assert.instanceOf(error, AppError);
    return String(error.facts['gate'] ?? error.code);
  }
}

const filled = (bytes: number, value: number): Buffer => Buffer.alloc(bytes, value);

/** Checkpoints at both restart pages, then records of these lengths. */
function written(shape: LogShape, lengths: readonly number[]): { writes: LogWrite[]; lsns: bigint[] } {
  const log = logWriter(shape);
  const oldest = log.next();
  const writes = [...log.checkpoint(oldest), ...log.checkpoint(oldest)];
  const lsns = lengths.map((length, index) => {
    const lsn = log.append(filled(length, index + 1));
    if (index % 3 === 0) writes.push(...log.flush());
    return lsn;
  });
  return { writes: [...writes, ...log.flush()], lsns };
}

describe('logRecords', () => {
  const lengths = [48, 500, 3000, 4096, 56, 5000, 8, 3910, 3896, 60, 96, 9000, 48];
  for (const [name, shape] of [
    ['version 1.1', one],
    ['version 2.0', two],
  ] as const) {
    it(`reads every record of ${name}, those over several pages joined`, async () => {
      const { writes, lsns } = written(shape, lengths);
      const changes = (await recordsOf(logOf(shape, writes))).filter(({ type }) => type === 1);
      assert.deepEqual(
        changes.map(({ lsn }) => BigInt(lsn)),
        lsns,
      );
      changes.forEach(({ data }, index) => {
        assert.deepEqual(Buffer.from(data), filled(lengths[index]!, index + 1));
      });
    });

    it(`reads on where the ring of ${name} begins again`, async () => {
      const log = logWriter(shape);
      const writes: LogWrite[] = [];
      for (let index = 0; index < 400; index++) log.append(filled(1000, 1));
      writes.push(...log.flush());
      const oldest = log.next();
      writes.push(...log.checkpoint(oldest), ...log.checkpoint(oldest));
      for (let index = 0; index < 30; index++) log.append(filled(1000, 2));
      const records = await recordsOf(logOf(shape, [...writes, ...log.flush()]));
      assert.lengthOf(records, 32);
    });
  }

  const damages: readonly [string, (log: Buffer) => void][] = [
    ['a page of the ring torn', (log) => log.writeUInt16LE(0x1111, 5 * 4096 + 510)],
    ['a copy of a page torn', (log) => log.writeUInt16LE(0x1111, 2 * 4096 + 1022)],
    ['a page marked bad', (log) => log.write('BAAD', 5 * 4096, 'latin1')],
    ['a page of zeros', (log) => log.fill(0, 12 * 4096, 13 * 4096)],
    ['a page that is blank in part', (log) => log.writeUInt8(0, 12 * 4096 + 4000)],
    ['a page in the middle blank', (log) => log.fill(0xff, 5 * 4096, 6 * 4096)],
    ['the first page blank', (log) => log.fill(0xff, 4 * 4096, 5 * 4096)],
  ];
  for (const [name, spoil] of damages) {
    it(`closes a gate with ${name}`, async () => {
      const log = logOf(one, written(one, lengths).writes);
      spoil(log);
      assert.equal(await gateOf(log), 'log-unreadable');
    });
  }

  it('closes a gate when the record of the newest checkpoint is missing', async () => {
    const log = logWriter(one);
    const writes = [...log.checkpoint(), ...log.checkpoint()];
    const restarts = writes.filter(({ at }) => at < 8192);
    assert.equal(await gateOf(logOf(one, restarts)), 'log-unreadable');
  });

  it('closes a gate when the last record goes on in a page that was not written', async () => {
    const log = logWriter(one);
    const writes = [...log.checkpoint(), ...log.checkpoint()];
    log.append(filled(5000, 1));
    const [first] = log.flush();
    assert.equal(await gateOf(logOf(one, [...writes, first!])), 'log-unreadable');
  });

  it('reads what was written when a newer copy of the page was not', async () => {
    const { writes } = written(one, [100, 100, 100, 100]);
    assert.lengthOf(await recordsOf(logOf(one, writes.slice(0, -2))), 3);
  });

  for (const [name, offset, value] of [
    ['two clients', 0x40 + 8, 2],
    ['other record headers', 0x40 + 36, 56],
    ['another start of records', 0x40 + 38, 72],
    ['more sequence bits than possible', 0x40 + 16, 60],
    ['fewer sequence bits than possible', 0x40 + 16, 8],
    ['a length of no whole pages', 0x40 + 24, 100],
  ] as const) {
    it(`closes a gate for ${name}`, async () => {
      const log = logOf(one, written(one, [100]).writes);
      for (const page of [0, 4096]) log.writeUInt16LE(value, page + offset);
      assert.equal(await gateOf(log), 'log-unreadable');
    });
  }

  it('closes a gate for a log longer than its file', async () => {
    const log = logOf(one, written(one, [100]).writes);
    assert.equal(await gateOf(log.subarray(0, 48 * 1024)), 'log-unreadable');
  });
});
