import { assert } from 'chai';
import { mkdir, writeFile } from 'node:fs/promises';
import { isAppError } from '../../../../shared/base/errors.ts';
import { encodeFlatDescriptor } from '../../../../worker/transport/vmdk-descriptor.ts';
import { openLocalImage } from '../../../../worker/transport/file/local-image.ts';
import { type TempFolder, tempFolder } from '../../../support/temp.ts';

const signal = new AbortController().signal;

describe('openLocalImage', () => {
  let folder: TempFolder;
  beforeEach(async () => {
    folder = await tempFolder();
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  const codeOf = async (file: string): Promise<string> => {
    try {
      await using reader = await openLocalImage(file, signal);
      return `opened ${reader.capacityBytes}`;
    } catch (error) {
      assert.isTrue(isAppError(error));
      return isAppError(error) ? error.code : 'no code';
    }
  };

  it('reads a raw image', async () => {
    const file = folder.file('disk.raw');
    await writeFile(file, Buffer.from('0123456789'.repeat(100)));
    await using reader = await openLocalImage(file, signal);
    assert.equal(reader.capacityBytes, 1000);
    const into = new Uint8Array(4);
    await reader.read(12, into);
    assert.equal(Buffer.from(into).toString(), '2345');
  });

  it('reads a flat VMDK by its descriptor', async () => {
    const flat = Buffer.alloc(4096, 7);
    await writeFile(folder.file('disk-flat.vmdk'), flat);
    const text = encodeFlatDescriptor({
      capacityBytes: 4096,
      extentName: 'disk-flat.vmdk',
      cid: '12345678',
    });
    await writeFile(folder.file('disk.vmdk'), text);
    await using reader = await openLocalImage(folder.file('disk.vmdk'), signal);
    assert.equal(reader.capacityBytes, 4096);
    const into = new Uint8Array(4096);
    await reader.read(0, into);
    assert.isTrue(flat.equals(into));
  });

  const files: readonly (readonly [string, string | Buffer, string])[] = [
    ['an empty file', '', 'DISK_FILE_UNUSABLE'],
    ['a sparse VMDK', `KDMV${'\0'.repeat(508)}`, 'DISK_FILE_UNUSABLE'],
    ['a VMDK delta', `COWD${'\0'.repeat(508)}`, 'DISK_FILE_UNUSABLE'],
    ['a qcow2 image', Buffer.from('514649fb00000003', 'hex'), 'DISK_FILE_UNUSABLE'],
    ['a VHDX image', 'vhdxfile', 'DISK_FILE_UNUSABLE'],
    ['a dynamic VHD', 'conectix', 'DISK_FILE_UNUSABLE'],
    ['a descriptor without values', '# Disk DescriptorFile\n', 'TRANSPORT_DESCRIPTOR_INVALID'],
    [
      'a descriptor whose extent is gone',
      '# Disk DescriptorFile\nCID=1\ncreateType="vmfs"\nRW 8 VMFS "gone.vmdk"\n',
      'TRANSPORT_FAILED',
    ],
    [
      'a descriptor of a delta',
      '# Disk DescriptorFile\nCID=1\nparentCID=2\ncreateType="vmfsSparse"\nRW 8 VMFSSPARSE "x.vmdk"\n',
      'TRANSPORT_DELTA_CHAIN',
    ],
    ['one byte', 'x', 'opened 1'],
  ];
  for (const [what, bytes, code] of files) {
    it(`answers ${code} for ${what}`, async () => {
      await writeFile(folder.file('disk'), bytes);
      assert.equal(await codeOf(folder.file('disk')), code);
    });
  }

  it('refuses a folder, and a file that is not there', async () => {
    await mkdir(folder.file('dir'));
    assert.equal(await codeOf(folder.file('dir')), 'DISK_FILE_UNUSABLE');
    assert.equal(await codeOf(folder.file('none')), 'DISK_FILE_UNUSABLE');
  });

  it('refuses an extent that is shorter than its descriptor says', async () => {
    await writeFile(folder.file('short.vmdk'), Buffer.alloc(512));
    await writeFile(
      folder.file('disk.vmdk'),
      '# Disk DescriptorFile\nCID=1\ncreateType="monolithicFlat"\nRW 8 FLAT "short.vmdk" 0\n',
    );
    assert.equal(await codeOf(folder.file('disk.vmdk')), 'TRANSPORT_SHORT_READ');
  });
});
