import { assert } from 'chai';
import {
  codeOfFault,
  faultToError,
  readLocalizedFault,
  readSoapFault,
} from '../../../shared/vsphere/fault.ts';

describe('codeOfFault', () => {
  const cases = {
    InvalidLogin: 'AUTH_LOGIN_REFUSED',
    NotAuthenticated: 'VSPHERE_NOT_AUTHENTICATED',
    NoPermission: 'AUTH_NO_PERMISSION',
    ManagedObjectNotFound: 'VSPHERE_OBJECT_GONE',
    TaskInProgress: 'VSPHERE_BUSY',
    ConcurrentAccess: 'VSPHERE_BUSY',
    SnapshotLocked: 'VSPHERE_BUSY',
    FileLocked: 'VSPHERE_FILE_LOCKED',
    NoDiskSpace: 'VSPHERE_NO_SPACE',
    FileFault: 'VSPHERE_FILE_FAULT',
    CannotAccessFile: 'VSPHERE_FILE_FAULT',
    ApplicationQuiesceFault: 'SNAPSHOT_QUIESCE_FAILED',
    FilesystemQuiesceFault: 'SNAPSHOT_QUIESCE_FAILED',
    TooManySnapshotLevels: 'SNAPSHOT_FAILED',
    InvalidArgument: 'VSPHERE_INVALID_ARGUMENT',
    InvalidProperty: 'VSPHERE_INVALID_ARGUMENT',
    NotSupported: 'VSPHERE_NOT_SUPPORTED',
    MethodNotFound: 'VSPHERE_NOT_SUPPORTED',
    InvalidPowerState: 'VSPHERE_INVALID_STATE',
    QuestionPending: 'VSPHERE_INVALID_STATE',
    HostNotReachable: 'VSPHERE_HOST_UNAVAILABLE',
    NotFound: 'VSPHERE_FAULT',
    SystemError: 'VSPHERE_FAULT',
    toString: 'VSPHERE_FAULT',
  } as const;
  for (const [type, code] of Object.entries(cases)) {
    it(`maps ${type} to ${code}`, () => assert.equal(codeOfFault(type), code));
  }
});

describe('readLocalizedFault', () => {
  it('reads the fault of a task', () => {
    const fault = readLocalizedFault({
      $type: 'LocalizedMethodFault',
      fault: { $type: 'FileLocked', file: '[ds] a/a.vmdk' },
      localizedMessage: 'Unable to access file.',
    });
    const error = faultToError(fault, 'remove snapshot "s-1"');
    assert.equal(error.code, 'VSPHERE_FILE_LOCKED');
    assert.equal(error.message, 'Cannot remove snapshot "s-1": FileLocked: Unable to access file');
    assert.deepEqual(error.facts, { fault: 'FileLocked', file: '[ds] a/a.vmdk' });
  });
  for (const broken of [
    undefined,
    null,
    'x',
    [],
    {},
    { fault: 3 },
    { fault: { $type: 4 }, localizedMessage: 5 },
  ]) {
    it(`makes the best of ${JSON.stringify(broken)}`, () => {
      assert.equal(faultToError(readLocalizedFault(broken), 'do it').code, 'VSPHERE_FAULT');
    });
  }
});

describe('readSoapFault', () => {
  it('takes the type from the attribute, else from the name of the element', () => {
    assert.equal(readSoapFault({ RuntimeFaultFault: { $type: 'SystemError' } }, 'x').type, 'SystemError');
    assert.equal(readSoapFault({ InvalidLoginFault: null }, 'x').type, 'InvalidLogin');
    assert.equal(readSoapFault(undefined, 'x').type, 'unknown');
  });
});

describe('faultToError', () => {
  it('names the privilege that is missing', () => {
    const fields = {
      privilegeId: 'VirtualMachine.State.CreateSnapshot',
      object: { type: 'VirtualMachine', value: 'vm-1' },
    };
    const error = faultToError({ type: 'NoPermission', message: 'Denied', fields }, 'call "X"');
    assert.include(error.message, 'privilege "VirtualMachine.State.CreateSnapshot"');
    assert.equal(error.facts['privilegeId'], 'VirtualMachine.State.CreateSnapshot');
  });
  it('cuts what a server says without end', () => {
    const error = faultToError({ type: 'SystemError', message: 'x'.repeat(100_000), fields: {} }, 'call "X"');
    assert.isBelow(error.message.length, 1_000);
  });
});
