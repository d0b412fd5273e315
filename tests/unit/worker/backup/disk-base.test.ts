import { assert } from 'chai';
import { MiB } from '../../../../shared/base/units.ts';
import { type ManifestDisk } from '../../../../shared/format/manifest.ts';
import { type VmDisk } from '../../../../shared/vsphere/virtual-disk.ts';
import { decideDiskBase, fallbacksInARow } from '../../../../worker/backup/disk-base.ts';
import { aManifestDisk } from '../../format/samples.ts';

const epoch = '52 de c0 d9 b9 43 9d 10-61 d5 4c 1b e9 7b 65 63';
const otherEpoch = '52 de c0 d9 b9 43 9d 10-61 d5 4c 1b e9 7b 65 64';

const aDisk = (changes: Partial<VmDisk> = {}): VmDisk => ({
  key: 2000,
  label: 'Hard disk 1',
  capacityBytes: 64 * MiB,
  uuid: '6000C29f',
  fileName: '[ds1] vm/vm.vmdk',
  datastore: 'ds1',
  mode: 'persistent',
  thin: true,
  changeId: `${epoch}/7`,
  contentId: null,
  rdm: 'none',
  sharing: null,
  backingType: 'VirtualDiskFlatVer2BackingInfo',
  parentFileName: null,
  controllerKey: 1000,
  unitNumber: 0,
  ...changes,
});

const aBase = (changes: Partial<ManifestDisk> = {}): ManifestDisk => ({
  ...aManifestDisk(),
  key: 2000,
  uuid: '6000C29f',
  capacityBytes: 64 * MiB,
  changeId: `${epoch}/4`,
  fallback: null,
  ...changes,
});

describe('decideDiskBase', () => {
  it('asks for changes since the base of the same disk, size and epoch', () => {
    const decision = decideDiskBase(aDisk(), [aBase()], true);
    assert.equal(decision.usable, true);
    if (decision.usable) assert.equal(decision.changeId, `${epoch}/4`);
  });

  it('takes a base at the same sequence: nothing has changed', () => {
    assert.isTrue(decideDiskBase(aDisk({ changeId: `${epoch}/4` }), [aBase()], true).usable);
  });

  const refusals: readonly (readonly [string, VmDisk, ManifestDisk, RegExp, boolean])[] = [
    ['another key', aDisk({ key: 2001 }), aBase(), /not in the base/, true],
    ['another disk under the same key', aDisk({ uuid: 'other' }), aBase(), /not in the base/, true],
    [
      'a resized disk, whose allocated map is not believed',
      aDisk({ capacityBytes: 65 * MiB }),
      aBase(),
      /resized/,
      false,
    ],
    ['another epoch', aDisk({ changeId: `${otherEpoch}/9` }), aBase(), /anew/, true],
    ['a lower sequence', aDisk({ changeId: `${epoch}/3` }), aBase(), /went back/, true],
    ['a base without tracking', aDisk(), aBase({ changeId: null }), /when the base was made/, true],
    ['a disk without tracking', aDisk({ changeId: null }), aBase(), /off for the disk/, false],
    ['a ChangeId that is none', aDisk({ changeId: '*' }), aBase(), /none/, true],
  ];
  for (const [what, disk, base, reason, mayAskAllocated] of refusals) {
    it(`refuses ${what}`, () => {
      const decision = decideDiskBase(disk, [base], true);
      assert.equal(decision.usable, false);
      if (decision.usable) return;
      assert.match(decision.reason, reason);
      assert.equal(decision.mayAskAllocated, mayAskAllocated);
    });
  }

  it('asks nothing when the job does without tracking', () => {
    const decision = decideDiskBase(aDisk(), [aBase()], false);
    assert.equal(decision.usable, false);
    if (!decision.usable) assert.isFalse(decision.mayAskAllocated);
  });
});

describe('fallbacksInARow', () => {
  it('counts on from the base', () => {
    const fallback = { code: 'CBT_NOT_USABLE', reason: 'x', method: 'whole', inARow: 2 } as const;
    assert.equal(fallbacksInARow(aDisk(), [aBase({ fallback })]), 3);
  });

  it('begins at one', () => {
    assert.equal(fallbacksInARow(aDisk(), [aBase()]), 1);
    assert.equal(fallbacksInARow(aDisk(), []), 1);
  });
});
