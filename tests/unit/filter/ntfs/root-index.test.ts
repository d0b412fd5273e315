import { assert } from 'chai';
import { AppError } from '../../../../shared/base/errors.ts';
import { searchNode } from '../../../../worker/filter/ntfs/root-index.ts';
import { indexEntry, indexNode } from '../../../support/ntfs-bytes.ts';

const search = (...entries: Buffer[]) => searchNode(indexNode(...entries), 0, 0, 'hiberfil.sys');
const last = (below?: number): Buffer => indexEntry(below === undefined ? {} : { below });

describe('searchNode', () => {
  it('finds a name in any case', () => {
    for (const name of ['hiberfil.sys', 'HIBERFIL.SYS', 'HiberFil.Sys']) {
      const entry = indexEntry({ name, reference: 40n + (3n << 48n) });
      assert.deepEqual(search(indexEntry({ name: '$MFT' }), entry, last()), {
        found: { number: 40, sequence: 3 },
      });
    }
  });

  it('goes below the first greater name', () => {
    const entries = [indexEntry({ name: 'Boot', below: 1 }), indexEntry({ name: 'pagefile.sys', below: 2 })];
    assert.deepEqual(search(...entries, last(3)), { below: 2 });
  });

  it('goes below the last entry when all names are less', () => {
    assert.deepEqual(search(indexEntry({ name: 'Boot', below: 1 }), last(3)), { below: 3 });
  });

  it('ends where a leaf has no such name', () => {
    assert.isNull(search(indexEntry({ name: 'Boot' }), indexEntry({ name: 'Windows' }), last()));
    assert.isNull(search(last()));
  });

  it('takes letters outside ASCII as greater', () => {
    assert.deepEqual(search(indexEntry({ name: 'hıberfil.sys', below: 5 }), last()), { below: 5 });
  });

  const damages: readonly [string, (node: Buffer) => void][] = [
    ['an entry without length', (node) => node.writeUInt16LE(0, 24)],
    ['an entry past the end', (node) => node.writeUInt16LE(4000, 24)],
    ['entries past the node', (node) => node.writeUInt32LE(9999, 4)],
    ['a name past its entry', (node) => node.writeUInt8(200, 16 + 16 + 64)],
    ['entries that begin past their end', (node) => node.writeUInt32LE(500, 0)],
  ];
  for (const [name, spoil] of damages) {
    it(`refuses ${name}`, () => {
      const node = indexNode(indexEntry({ name: 'Boot' }), last());
      spoil(node);
      assert.throws(() => searchNode(node, 0, 0, 'hiberfil.sys'), AppError, 'directory index');
    });
  }

  it('refuses a node without a last entry', () => {
    assert.throws(() => search(indexEntry({ name: 'Boot' })), 'its last entry is missing');
  });
});
