/**
 * What every BlockReader promises, as one suite: tests of a transport call it with a way to open a disk of known content.
 * The disk must have at least 5 MiB and not end at a whole MiB.
 */
import { assert } from 'chai';
import { AppError, hasCode } from '../../shared/base/errors.ts';
import { KiB, MiB } from '../../shared/base/units.ts';
import { type BlockReader } from '../../worker/ports.ts';

export interface OpenedForContract extends AsyncDisposable {
  readonly reader: BlockReader;
  readonly content: Uint8Array;
}

export function blockReaderContract(name: string, open: () => Promise<OpenedForContract>): void {
  describe(`${name} as a BlockReader`, () => {
    let opened: OpenedForContract;
    before(async () => {
      opened = await open();
    });
    after(() => opened[Symbol.asyncDispose]());

    const expectRead = async (offset: number, length: number): Promise<void> => {
      const into = new Uint8Array(length).fill(0xee);
      await opened.reader.read(offset, into);
      const expected = opened.content.subarray(offset, offset + length);
      assert.isTrue(Buffer.from(into).equals(expected), `${length} bytes at ${offset} differ`);
    };

    it('tells the capacity of the disk and how many reads it takes at a time', () => {
      assert.equal(opened.reader.capacityBytes, opened.content.length);
      assert.isAtLeast(opened.reader.maxInFlight, 1);
    });

    it('fills the buffer from any byte, also across its own request size', async () => {
      const last = opened.content.length;
      for (const [offset, length] of [
        [0, 512],
        [1, 3],
        [64 * KiB - 1, 2],
        [MiB - 7, 3 * MiB + 11],
        [last - 1, 1],
        [0, last],
      ] as const) {
        await expectRead(offset, length);
      }
    });

    it('takes an empty buffer', () => expectRead(100, 0));

    it('fills a part of a larger buffer, and shared memory, and touches nothing beside', async () => {
      const shared = new Uint8Array(new SharedArrayBuffer(8 * KiB)).fill(0xee);
      await opened.reader.read(4096, shared.subarray(1000, 3000));
      const expected = new Uint8Array(8 * KiB).fill(0xee);
      expected.set(opened.content.subarray(4096, 6096), 1000);
      assert.deepEqual(Buffer.from(shared), Buffer.from(expected));
    });

    it('serves concurrent reads, each its own range', async () => {
      const count = opened.reader.maxInFlight * 3;
      await Promise.all(Array.from({ length: count }, (_, i) => expectRead(i * 99_991, 70_000 + i)));
    });

    it('refuses to read beyond its end and before its start', async () => {
      const outside: [number, number][] = [
        [opened.content.length, 1],
        [opened.content.length - 1, 2],
        [-1, 1],
        [Number.NaN, 1],
      ];
      for (const [offset, length] of outside) {
        const error = await opened.reader.read(offset, new Uint8Array(length)).catch((e: unknown) => e);
        assert.isTrue(hasCode(error, 'BUG_INVARIANT'), `${offset}, ${length}`);
      }
    });

    it('rejects with the reason of an aborted signal', async () => {
      const reason = new AppError('CANCELLED', 'Test was cancelled');
      const error = await opened.reader
        .read(0, new Uint8Array(2 * MiB), AbortSignal.abort(reason))
        .catch((e: unknown) => e);
      assert.strictEqual(error, reason);
    });

    it('still reads after a read was aborted', async () => {
      const stop = new AbortController();
      const reading = opened.reader.read(0, new Uint8Array(3 * MiB), stop.signal);
      stop.abort(new AppError('CANCELLED', 'Test was cancelled'));
      await reading.catch((error: unknown) => assert.isTrue(hasCode(error, 'CANCELLED')));
      await expectRead(5000, 5000);
    });
  });
}
