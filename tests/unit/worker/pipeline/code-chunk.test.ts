import { assert } from 'chai';
import { randomFillSync } from 'node:crypto';
import { chunkIdOf } from '../../../../shared/format/hash.ts';
import { createTable, insert, tagOf } from '../../../../shared/repository/chunk-lookup-table.ts';
import { decompress } from '../../../../shared/repository/compression.ts';
import { codeBatch } from '../../../../worker/pipeline/code-chunk.ts';

describe('codeBatch', () => {
  it('tells zeros, known chunks, and fresh ones with their coded form', () => {
    const memory = new SharedArrayBuffer(10 * 4096);
    const plain = [0, 1, 2, 3].map((i) => Buffer.from(memory, i * 4096, 4096));
    plain[1]!.fill('again and ');
    plain[2]!.fill('known');
    randomFillSync(plain[3]!);
    const table = createTable(16);
    insert(table, tagOf(chunkIdOf(plain[2]!)), 0);
    const lookup = { tables: [table] };
    const chunks = plain.map((bytes, i) => ({
      inputAt: bytes.byteOffset,
      length: 4096,
      outputAt: (5 + i) * 4096,
      outputLength: 4096,
    }));

    const { chunks: coded, ids } = codeBatch({ memory, chunks, lookup, keys: null });

    assert.deepEqual(
      coded.map(({ kind, codec, from }) => `${kind} ${codec} ${from}`),
      ['zero none input', 'fresh zstd output', 'known none input', 'fresh none input'],
    );
    assert.equal(coded[3]!.storedLength, 4096);
    for (const i of [1, 2, 3]) {
      assert.isTrue(Buffer.from(ids.subarray(i * 32, i * 32 + 32)).equals(chunkIdOf(plain[i]!)));
    }
    const back = Buffer.alloc(4096);
    decompress('zstd', new Uint8Array(memory, 6 * 4096, coded[1]!.storedLength), back);
    assert.isTrue(back.equals(plain[1]!));
  });
});
