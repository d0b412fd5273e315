import { assert } from 'chai';
import { type VmDisk, readDisks, whyDiskNotInImage } from '../../../shared/vsphere/virtual-disk.ts';
import { throwsCode } from './throws-code.ts';

/** One decoded disk with a controller; `backing` and `device` replace fields. */
function aDisk(backing: object = {}, device: object = {}, bus = 'noSharing'): readonly unknown[] {
  return [
    { $type: 'ParaVirtualSCSIController', key: 1000, busNumber: 0, sharedBus: bus },
    {
      $type: 'VirtualDisk',
      key: 2000,
      deviceInfo: { label: 'Hard disk 1', summary: '' },
      backing: {
        $type: 'VirtualDiskFlatVer2BackingInfo',
        fileName: '[ds 1] vm/vm.vmdk',
        diskMode: 'persistent',
        ...backing,
      },
      controllerKey: 1000,
      unitNumber: 0,
      capacityInKB: 1024,
      capacityInBytes: 1_048_576,
      ...device,
    },
  ];
}

const only = (devices: readonly unknown[]): VmDisk => readDisks(devices)[0]!;

describe('readDisks', () => {
  it('reads a flat disk', () => {
    const uuid = '6000C29d-e716-438b-b0ff-e362232d1c63';
    assert.deepEqual(only(aDisk({ uuid, thinProvisioned: true, changeId: '52 de/4', contentId: 'c' })), {
      key: 2000,
      label: 'Hard disk 1',
      capacityBytes: 1_048_576,
      uuid,
      fileName: '[ds 1] vm/vm.vmdk',
      datastore: 'ds 1',
      mode: 'persistent',
      thin: true,
      changeId: '52 de/4',
      contentId: 'c',
      rdm: 'none',
      sharing: null,
      backingType: 'VirtualDiskFlatVer2BackingInfo',
      parentFileName: null,
      controllerKey: 1000,
      unitNumber: 0,
    });
  });
  it('counts in KiB where bytes are not told', () => {
    assert.equal(only(aDisk({}, { capacityInBytes: undefined })).capacityBytes, 1_048_576);
  });
  it('takes an empty ChangeId for none', () => assert.isNull(only(aDisk({ changeId: '' })).changeId));
  it('names the parent of a delta', () => {
    assert.equal(
      only(aDisk({ parent: { fileName: '[ds 1] vm/base.vmdk' } })).parentFileName,
      '[ds 1] vm/base.vmdk',
    );
  });
  it('leaves other devices out', () => assert.isEmpty(readDisks([{ $type: 'VirtualCdrom', key: 3 }])));

  const broken: readonly (readonly [string, object])[] = [
    ['a negative capacity', { capacityInBytes: -1 }],
    ['a capacity beyond any disk', { capacityInBytes: 2 ** 52 }],
    ['a capacity that no number holds', { capacityInBytes: '9007199254740993' }],
    ['no key', { key: undefined }],
    ['two capacities', { capacityInBytes: [1, 2] }],
    ['no capacity', { capacityInBytes: undefined, capacityInKB: undefined }],
    ['a backing that is a text', { backing: 'x' }],
  ];
  for (const [title, device] of broken) {
    it(`refuses a disk with ${title}`, () => {
      throwsCode('VSPHERE_ANSWER_INVALID', () => readDisks(aDisk({}, device)));
    });
  }
});

describe('whyDiskNotInImage', () => {
  const rdm = 'VirtualDiskRawDiskMappingVer1BackingInfo';
  const cases: readonly (readonly [string, readonly unknown[], RegExp | undefined])[] = [
    ['a plain disk', aDisk(), undefined],
    ['a disk that says it is not shared', aDisk({ sharing: 'sharingNone' }), undefined],
    ['a virtual RDM', aDisk({ $type: rdm, compatibilityMode: 'virtualMode' }), undefined],
    ['a physical RDM', aDisk({ $type: rdm, compatibilityMode: 'physicalMode' }), /raw device/],
    ['an RDM that does not tell its mode', aDisk({ $type: rdm }), /raw device/],
    ['a whole raw disk', aDisk({ $type: 'VirtualDiskRawDiskVer2BackingInfo' }), /raw device/],
    ['an independent disk', aDisk({ diskMode: 'independent_persistent' }), /independent_persistent/],
    ['a nonpersistent disk', aDisk({ diskMode: 'nonpersistent' }), /nonpersistent/],
    ['a multi-writer disk', aDisk({ sharing: 'sharingMultiWriter' }), /multi-writer/],
    ['a disk on a shared bus', aDisk({}, {}, 'physicalSharing'), /physicalSharing/],
  ];
  for (const [title, devices, wanted] of cases) {
    it(`${wanted === undefined ? 'takes' : 'refuses'} ${title}`, () => {
      const why = whyDiskNotInImage(only(devices));
      if (wanted === undefined) assert.isUndefined(why);
      else {
        assert.equal(why?.code, 'DISK_NOT_IN_IMAGE');
        assert.match(why!.reason, wanted);
      }
    });
  }
});
