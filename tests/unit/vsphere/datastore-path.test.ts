import { assert } from 'chai';
import fc from 'fast-check';
import { folderUrl, parseDatastorePath } from '../../../shared/vsphere/datastore-path.ts';

describe('parseDatastorePath', () => {
  const cases: readonly (readonly [string, object | undefined])[] = [
    ['[ds1] vm/vm.vmdk', { datastore: 'ds1', path: 'vm/vm.vmdk' }],
    ['[my ds (2)] a b/c.vmdk', { datastore: 'my ds (2)', path: 'a b/c.vmdk' }],
    ['[ds1] /vm/vm.vmdk', { datastore: 'ds1', path: 'vm/vm.vmdk' }],
    ['[ds1] a] b.vmdk', { datastore: 'ds1', path: 'a] b.vmdk' }],
    ['[ds1]', { datastore: 'ds1', path: '' }],
    ['vm/vm.vmdk', undefined],
    ['', undefined],
    ['[]', undefined],
    ['[] a', undefined],
    ['[ds1', undefined],
  ];
  for (const [text, wanted] of cases) {
    it(`reads "${text}"`, () => assert.deepEqual(parseDatastorePath(text), wanted as never));
  }
});

describe('folderUrl', () => {
  it('encodes each part', () => {
    const url = folderUrl('https://vc:8443/sdk', 'F/DC 0', 'ds #1', 'vm & co/ü%#?.vmdk');
    assert.equal(
      url,
      'https://vc:8443/folder/vm%20%26%20co/%C3%BC%25%23%3F.vmdk?dcPath=F%2FDC%200&dsName=ds%20%231',
    );
  });
  it('gives back every name', () => {
    const name = fc
      .string({ minLength: 1, unit: 'grapheme' })
      .filter((text) => !/^\.{1,2}$/.test(text) && !text.includes('/'));
    fc.assert(
      fc.property(name, name, name, (dc, ds, file) => {
        const url = new URL(folderUrl('https://vc/sdk', dc, ds, `d/${file}`));
        assert.equal(url.searchParams.get('dcPath'), dc);
        assert.equal(url.searchParams.get('dsName'), ds);
        assert.equal(decodeURIComponent(url.pathname), `/folder/d/${file}`);
      }),
    );
  });
});
