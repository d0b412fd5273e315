/** The law of sorting outside of memory: everything comes out, in the order of the keys, however little memory there is. */
import { readdir } from 'node:fs/promises';
import { assert } from 'chai';
import fc from 'fast-check';
import { ExternalSort } from '../../shared/repository/external-sort.ts';
import { tempFolder } from '../support/temp.ts';

const { signal } = new AbortController();

const anySort = fc
  .record({ keyBytes: fc.integer({ min: 1, max: 20 }), rest: fc.integer({ min: 0, max: 9 }) })
  .chain(({ keyBytes, rest }) => {
    const recordBytes = keyBytes + rest;
    const byte = fc.oneof(fc.constantFrom(0, 1, 255), fc.nat(255));
    const record = fc.array(byte, { minLength: recordBytes, maxLength: recordBytes });
    return fc.record({
      shape: fc.constant({ recordBytes, keyBytes }),
      records: fc.array(record, { maxLength: 200 }),
      bufferBytes: fc.integer({ min: 1, max: 60 * recordBytes }),
      fanIn: fc.integer({ min: 2, max: 5 }),
    });
  });

async function all(sort: ExternalSort): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for await (const record of sort.sorted(signal)) found.push(Buffer.from(record));
  return found;
}

describe('ExternalSort', () => {
  it('gives every record in the order of the keys, as often as it is asked', async function () {
    this.timeout(120_000);
    await using folder = await tempFolder();
    await fc.assert(
      fc.asyncProperty(anySort, async ({ shape, records, bufferBytes, fanIn }) => {
        const { keyBytes } = shape;
        {
          await using sort = new ExternalSort({ ...shape, bufferBytes, fanIn, folder: folder.path });
          for (const record of records) await sort.add(Uint8Array.from(record));
          assert.equal(sort.count, records.length);
          const found = await all(sort);
          const key = (record: Uint8Array): Buffer => Buffer.from(record.subarray(0, keyBytes));
          for (const [i, record] of found.entries()) {
            if (i > 0) assert.isAtMost(Buffer.compare(key(found[i - 1]!), key(record)), 0);
          }
          const sorted = (list: Buffer[]): string[] => list.map((record) => record.toString('hex')).sort();
          assert.deepEqual(sorted(found), sorted(records.map((record) => Buffer.from(record))));
          assert.deepEqual((await all(sort)).length, records.length);
        }
        assert.deepEqual(await readdir(folder.path), []);
      }),
      { numRuns: 150 },
    );
  });

  it('ends with the reason of the signal', async () => {
    await using folder = await tempFolder();
    await using sort = new ExternalSort({ recordBytes: 2, keyBytes: 2, bufferBytes: 4, folder: folder.path });
    for (let i = 0; i < 100; i++) await sort.add(Uint8Array.of(i, 0));
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    let seen: unknown;
    try {
      for await (const record of sort.sorted(abort.signal)) assert.isDefined(record);
    } catch (error) {
      seen = error;
    }
    assert.propertyVal(seen, 'message', 'enough');
  });

  it('takes no record after it was read', async () => {
    await using folder = await tempFolder();
    await using sort = new ExternalSort({ recordBytes: 2, keyBytes: 2, folder: folder.path });
    await all(sort);
    let seen: unknown;
    await sort.add(Uint8Array.of(1, 2)).catch((error: unknown) => (seen = error));
    assert.propertyVal(seen, 'code', 'BUG_INVARIANT');
  });
});
