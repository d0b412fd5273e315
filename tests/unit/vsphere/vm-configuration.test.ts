import { assert } from 'chai';
import { decodeName, parseHardwareVersion } from '../../../shared/vsphere/inventory.ts';
import { keptConfiguration } from '../../../shared/vsphere/vm-configuration.ts';

describe('keptConfiguration', () => {
  const kept = keptConfiguration({
    'config.guestId': 'otherGuest',
    'config.annotation': '  two\nlines ',
    'config.hardware': {
      numCPU: 2,
      memoryMB: 4096,
      device: [
        {
          $type: 'VirtualE1000',
          key: 4000,
          macAddress: '00:50:56:00:00:01',
          backing: { deviceName: 'VM Network' },
        },
      ],
    },
    'config.extraConfig': [
      { $type: 'OptionValue', key: 'nvram', value: 'a.nvram' },
      { $type: 'OptionValue', key: 'guestinfo.adminPassword', value: 'hunter2' },
      { $type: 'OptionValue', key: 'guestinfo.note', value: 'password = hunter2' },
      { $type: 'OptionValue', key: 'RemoteDisplay.vnc.key', value: 7 },
    ],
  }) as Record<string, unknown>;

  it('is plain JSON', () => assert.deepEqual(JSON.parse(JSON.stringify(kept)), kept));
  it('keeps hardware and devices', () => {
    assert.deepInclude(kept, { cpus: 2, memoryMiB: 4096, annotation: '  two\nlines ', coresPerSocket: null });
    assert.deepInclude((kept['devices'] as object[])[0], {
      $type: 'VirtualE1000',
      macAddress: '00:50:56:00:00:01',
    });
  });
  it('leaves out options that look like secrets, and names them', () => {
    assert.deepEqual(kept['extraConfig'], { nvram: 'a.nvram', 'RemoteDisplay.vnc.key': 7 });
    assert.deepEqual(kept['extraConfigOmitted'], ['guestinfo.adminPassword', 'guestinfo.note']);
    assert.notInclude(JSON.stringify(kept), 'hunter2');
  });
});

describe('decodeName', () => {
  it('undoes the three escapes of vSphere and no other', () =>
    assert.equal(decodeName('a%2fb%5Cc%25d%20'), 'a/b\\c%d%20'));
});

describe('parseHardwareVersion', () => {
  it('reads the number', () => assert.equal(parseHardwareVersion('vmx-04'), 4));
  it('gives 0 for anything else', () => assert.equal(parseHardwareVersion('vmx-x'), 0));
});
