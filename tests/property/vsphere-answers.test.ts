import { assert } from 'chai';
import fc from 'fast-check';
import { AppError } from '../../shared/base/errors.ts';
import { listVms } from '../../shared/vsphere/inventory.ts';
import { VsphereSession } from '../../shared/vsphere/session.ts';
import { answer, SoapMock } from '../support/soap-mock.ts';

const signal = new AbortController().signal;

const device =
  '<VirtualDevice xsi:type="ParaVirtualSCSIController"><key>1000</key><busNumber>0</busNumber><device>2000</device>' +
  '<sharedBus>noSharing</sharedBus></VirtualDevice><VirtualDevice xsi:type="VirtualDisk"><key>2000</key><deviceInfo>' +
  '<label>Hard disk 1</label><summary>s</summary></deviceInfo><backing xsi:type="VirtualDiskFlatVer2BackingInfo">' +
  '<fileName>[ds] a/a.vmdk</fileName><diskMode>persistent</diskMode><thinProvisioned>true</thinProvisioned></backing>' +
  '<controllerKey>1000</controllerKey><unitNumber>0</unitNumber><capacityInKB>1024</capacityInKB>' +
  '<capacityInBytes>1048576</capacityInBytes></VirtualDevice>';
const good = String(
  answer(
    'RetrievePropertiesEx',
    '<returnval><objects><obj type="VirtualMachine">vm-1</obj><propSet><name>name</name><val xsi:type="xsd:string">a</val>' +
      '</propSet><propSet><name>runtime.host</name><val type="HostSystem" xsi:type="ManagedObjectReference">h</val></propSet>' +
      '<propSet><name>config.template</name><val xsi:type="xsd:boolean">false</val></propSet><propSet>' +
      `<name>config.hardware.device</name><val xsi:type="ArrayOfVirtualDevice">${device}</val></propSet></objects></returnval>`,
  ).body,
);

/** A piece of the answer taken out, doubled, or replaced by something that means much in XML. */
const damage = fc.record({
  at: fc.nat(good.length - 1),
  length: fc.nat(60),
  put: fc.oneof(
    fc.constantFrom(
      '',
      '<',
      '>',
      '&',
      '"',
      '</',
      '<x/>',
      '<![CDATA[',
      ']]>',
      '<!--',
      '<?x',
      '-1',
      '1e400',
      '__proto__',
      '\0',
    ),
    fc.tuple(fc.nat(good.length - 1), fc.nat(60)).map(([from, length]) => good.slice(from, from + length)),
  ),
});

describe('damaged answers', function () {
  this.timeout(60_000);

  it('give a list of VMs or an AppError that blames the answer, and nothing else', async () => {
    await using mock = await SoapMock.start();
    let body = good;
    mock.script = (call) => {
      if (call.method === 'CreateContainerView')
        return answer(call.method, '<returnval type="ContainerView">v</returnval>');
      return call.method === 'RetrievePropertiesEx' ? { body } : undefined;
    };
    await using session = await VsphereSession.connect(mock.options(), signal);
    assert.lengthOf((await listVms(session, signal))[0]!.disks, 1);
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
        body = damages.reduce(
          (text, { at, length, put }) => text.slice(0, at) + put + text.slice(at + length),
          good,
        );
        try {
          for (const vm of await listVms(session, signal)) {
            assert.isString(vm.name);
            assert.isTrue(
              vm.disks.every((disk) => Number.isSafeInteger(disk.capacityBytes) && disk.capacityBytes >= 0),
            );
          }
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          assert.include(['VSPHERE_ANSWER_INVALID', 'VSPHERE_FAULT'], error.code, error.message);
        }
      }),
      { numRuns: 250 },
    );
  });
});
