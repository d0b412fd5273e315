import { assert } from 'chai';
import { type AppError } from '../../../../shared/base/errors.ts';
import {
  encodeFlatDescriptor,
  flatExtentOf,
  frozenFlatExtent,
  parseDescriptor,
} from '../../../../worker/transport/vmdk-descriptor.ts';

const FLAT = `# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=4F3A2B1C
parentCID=ffffffff
createType="vmfs"

# Extent description
RW 2048 VMFS "db 01-flat.vmdk"

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.uuid = "60 00 C2 9a"
ddb.geometry.sectors = 63
`;

const bytes = (text: string): Uint8Array => Buffer.from(text);
const parse = (text: string) => parseDescriptor(bytes(text), 'x.vmdk');

function failure(run: () => unknown): AppError {
  try {
    run();
  } catch (error) {
    return error as AppError;
  }
  throw new Error('It did not fail');
}

describe('parseDescriptor', () => {
  it('reads values, extents and the disk database', () => {
    const descriptor = parse(FLAT);
    assert.equal(descriptor.createType, 'vmfs');
    assert.equal(descriptor.cid, '4f3a2b1c');
    assert.equal(descriptor.parentCid, 'ffffffff');
    assert.deepEqual(descriptor.extents, [
      { access: 'RW', sectors: 2048, type: 'VMFS', file: 'db 01-flat.vmdk', offsetSectors: 0 },
    ]);
    assert.equal(descriptor.ddb.get('uuid'), '60 00 C2 9a');
    assert.equal(descriptor.ddb.get('geometry.sectors'), '63');
  });

  it('takes CRLF, a byte order mark, blanks, other cases of keys and an extent with an offset', () => {
    const text = `\ufeff${FLAT.replace('createType', 'CreateType').replace('flat.vmdk"', 'flat.vmdk" 128')}`;
    const descriptor = parse(text.replace(/\n/g, '  \r\n'));
    assert.equal(descriptor.createType, 'vmfs');
    assert.equal(descriptor.extents[0]?.offsetSectors, 128);
  });

  const damaged: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['an empty file', bytes(''), /does not start with/],
    ['another text', bytes('<html>not found</html>'), /does not start with/],
    ['a whole disk', Buffer.concat([bytes('# Disk DescriptorFile\n'), new Uint8Array(70_000)]), /binary/],
    ['more than 64 KiB', bytes(FLAT + '# x\n'.repeat(17_000)), /larger than 65536/],
    ['a line without sense', bytes(`${FLAT}\nwhat is this`), /line 18 is neither/],
    ['no createType', bytes(FLAT.replace('createType', 'someType')), /no createType/],
    ['no CID', bytes(FLAT.replace('\nCID', '\nDID')), /no CID/],
    ['too many extents', bytes(FLAT + 'RW 1 ZERO\n'.repeat(70)), /71 extents/],
  ];
  for (const [what, input, reason] of damaged) {
    it(`refuses ${what}, naming the file`, () => {
      const error = failure(() => parseDescriptor(input, 'a/x.vmdk'));
      assert.equal(error.code, 'TRANSPORT_DESCRIPTOR_INVALID');
      assert.match(error.message, reason);
      assert.equal(error.facts['file'], 'a/x.vmdk');
    });
  }
});

describe('frozenFlatExtent', () => {
  it('gives file, offset and length of a flat disk', () => {
    const flat = frozenFlatExtent(parse(FLAT.replace('flat.vmdk"', 'flat.vmdk" 8')), 'x.vmdk');
    assert.deepEqual(flat, { file: 'db 01-flat.vmdk', offsetBytes: 4096, lengthBytes: 1_048_576 });
  });

  const refused: readonly (readonly [string, string, string])[] = [
    [
      'a disk with a parent',
      FLAT.replace('parentCID=ffffffff', 'parentCID=12345678'),
      'TRANSPORT_DELTA_CHAIN',
    ],
    ['a vmfsSparse disk', FLAT.replace('"vmfs"', '"vmfsSparse"'), 'TRANSPORT_DELTA_CHAIN'],
    ['an seSparse disk', FLAT.replace('"vmfs"', '"seSparse"'), 'TRANSPORT_DELTA_CHAIN'],
    ['a delta extent', FLAT.replace('VMFS "', 'VMFSSPARSE "'), 'TRANSPORT_DELTA_CHAIN'],
    ['a disk without extent', FLAT.replace(/RW .*/, ''), 'TRANSPORT_DESCRIPTOR_INVALID'],
    ['a split disk', FLAT.replace(/(RW .*)/, '$1\n$1'), 'TRANSPORT_DESCRIPTOR_INVALID'],
    ['a sparse workstation disk', FLAT.replace('VMFS "', 'SPARSE "'), 'TRANSPORT_DESCRIPTOR_INVALID'],
    ['a raw device', FLAT.replace('VMFS "', 'VMFSRDM "'), 'TRANSPORT_DESCRIPTOR_INVALID'],
    ['an extent without file', FLAT.replace(/VMFS ".*"/, 'VMFS'), 'TRANSPORT_DESCRIPTOR_INVALID'],
    ['an extent in another folder', FLAT.replace('"db 01', '"../db 01'), 'TRANSPORT_DESCRIPTOR_INVALID'],
    ['an impossible length', FLAT.replace('2048', '999999999999999'), 'TRANSPORT_DESCRIPTOR_INVALID'],
  ];
  for (const [what, text, code] of refused) {
    it(`refuses ${what}`, () => {
      const error = failure(() => frozenFlatExtent(parse(text), 'x.vmdk'));
      assert.equal(error.code, code);
      assert.include(error.message, '"x.vmdk"');
    });
  }
});

describe('flatExtentOf', () => {
  it('takes an extent as long as the disk or longer, and refuses a shorter one', () => {
    assert.equal(flatExtentOf(bytes(FLAT), 'x.vmdk', 1_048_576).lengthBytes, 1_048_576);
    const error = failure(() => flatExtentOf(bytes(FLAT), 'x.vmdk', 1_048_577));
    assert.equal(error.code, 'TRANSPORT_DESCRIPTOR_INVALID');
    assert.include(error.message, 'the disk has 1048577');
  });
});

describe('encodeFlatDescriptor', () => {
  for (const [capacityBytes, geometry] of [
    [512, '1/64/32'],
    [512 * 1024 * 1024, '512/64/32'],
    [1.5 * 1024 ** 3, '768/128/32'],
    [100 * 1024 ** 3, '13054/255/63'],
  ] as const) {
    it(`writes what parseDescriptor reads, ${capacityBytes} bytes with geometry ${geometry}`, () => {
      const text = encodeFlatDescriptor({ capacityBytes, extentName: 'disk-flat.vmdk', cid: '0123abcd' });
      const descriptor = parse(text);
      assert.deepEqual(frozenFlatExtent(descriptor, 'x.vmdk'), {
        file: 'disk-flat.vmdk',
        offsetBytes: 0,
        lengthBytes: capacityBytes,
      });
      const ddb = ['cylinders', 'heads', 'sectors'].map((name) => descriptor.ddb.get(`geometry.${name}`));
      assert.equal(ddb.join('/'), geometry);
    });
  }
});
