/**
 * vSphere faults as AppErrors, by the name of the fault's type. Faults of calls (SOAP) and of tasks
 * (LocalizedMethodFault) go the same way. A fault that is not in the table is looked for in the families: vim25 has 633
 * types of fault, and what a caller can do depends on the family.
 *
 * Source: vSphere Web Services API 7.0.3, fault types and their ancestry.
 */
import { type ErrorCode } from '../base/error-table.ts';
import { AppError, type Facts } from '../base/errors.ts';

export interface VimFault {
  /** Name of the type, such as `NoPermission`; `unknown` when the server named none. */
  readonly type: string;
  /** The server's own words; may be empty. */
  readonly message: string;
  /** Fields of the fault as decoded. */
  readonly fields: Readonly<Record<string, unknown>>;
}

const families: readonly (readonly [ErrorCode, string])[] = [
  [
    'AUTH_LOGIN_REFUSED',
    'InvalidLogin InvalidClientCertificate PasswordExpired NoClientCertificate InvalidLocale',
  ],
  ['VSPHERE_NOT_AUTHENTICATED', 'NotAuthenticated'],
  ['AUTH_NO_PERMISSION', 'NoPermission SecurityError SolutionUserRequired'],
  ['VSPHERE_OBJECT_GONE', 'ManagedObjectNotFound'],
  [
    'VSPHERE_BUSY',
    'TaskInProgress VAppTaskInProgress ConcurrentAccess SnapshotLocked ResourceInUse VAppOperationInProgress',
  ],
  ['VSPHERE_FILE_LOCKED', 'FileLocked'],
  ['VSPHERE_NO_SPACE', 'NoDiskSpace InsufficientStorageSpace'],
  [
    'VSPHERE_FILE_FAULT',
    `FileFault CannotAccessFile CannotCreateFile CannotDeleteFile DirectoryNotEmpty FileAlreadyExists FileNameTooLong
     FileNotFound FileNotWritable FileTooLarge IncorrectFileType NetworkCopyFault NotADirectory NotAFile
     TooManyConcurrentNativeClones TooManyNativeCloneLevels TooManyNativeClonesOnFile`,
  ],
  ['SNAPSHOT_QUIESCE_FAILED', 'ApplicationQuiesceFault FilesystemQuiesceFault'],
  [
    'SNAPSHOT_FAILED',
    `SnapshotFault MemorySnapshotOnIndependentDisk MultipleSnapshotsNotSupported SnapshotDisabled
     SnapshotIncompatibleDeviceInVm SnapshotNoChange TooManySnapshotLevels`,
  ],
  [
    'VSPHERE_INVALID_ARGUMENT',
    `InvalidArgument IncompatibleSetting InvalidDasConfigArgument InvalidDasRestartPriorityForFtVm
     InvalidDrsBehaviorForFtVm InvalidIndexArgument InvalidRequest InvalidType InvalidProperty InvalidName
     InvalidDatastorePath`,
  ],
  [
    'VSPHERE_NOT_SUPPORTED',
    `NotSupported HostAccessRestrictedToManagementServer MethodNotFound NotImplemented RestrictedVersion NotEnoughLicenses
     LicenseRestricted RestrictedByAdministrator OperationDisallowedOnHost`,
  ],
  [
    'VSPHERE_INVALID_STATE',
    `InvalidState CannotPowerOffVmInCluster EncryptionKeyRequired InvalidDatastoreState InvalidHostState
     InvalidHostConnectionState InvalidPowerState InvalidVmState MksConnectionLimitReached NoActiveHostInCluster
     OvfConsumerPowerOnFault QuestionPending VmPowerOnDisabled MethodDisabled ToolsUnavailable`,
  ],
  ['VSPHERE_HOST_UNAVAILABLE', 'HostCommunication HostNotConnected HostNotReachable'],
  ['VSPHERE_TIMEOUT', 'Timedout'],
];

const codeOfType: ReadonlyMap<string, ErrorCode> = new Map(
  families.flatMap(([code, types]) => types.split(/\s+/).map((type) => [type, code] as const)),
);

/** The code for a type of fault. */
export function codeOfFault(type: string): ErrorCode {
  return codeOfType.get(type) ?? 'VSPHERE_FAULT';
}

/** Fields of faults that say where and what, and never hold a secret. */
const TELLING = [
  'privilegeId',
  'invalidProperty',
  'name',
  'file',
  'datastore',
  'reason',
  'existingState',
] as const;
const MAX_TEXT = 400;

/**
 * A fault as an error.
 * @param action - what failed, to follow "Cannot": `call "RemoveSnapshot_Task" on "snapshot-3"`
 */
export function faultToError(fault: VimFault, action: string): AppError {
  const facts: Record<string, string> = { fault: fault.type };
  for (const name of TELLING) {
    const value = fault.fields[name];
    if (typeof value === 'string') facts[name] = value.slice(0, MAX_TEXT);
  }
  const privilege = facts['privilegeId'];
  const detail = [
    fault.message.slice(0, MAX_TEXT),
    privilege === undefined ? '' : `privilege "${privilege}"`,
  ];
  const said = detail.filter((text) => text !== '').join(', ');
  const ending = said === '' ? fault.type : `${fault.type}: ${said}`;
  return new AppError(codeOfFault(fault.type), `Cannot ${action}: ${ending}`, facts satisfies Facts);
}

/** The fault in a decoded LocalizedMethodFault, as a task's `info.error` or a missing property holds it. */
export function readLocalizedFault(value: unknown): VimFault {
  const localized = asRecord(value);
  const fault = asRecord(localized['fault']);
  const message = localized['localizedMessage'];
  return {
    type: typeof fault['$type'] === 'string' ? fault['$type'] : 'unknown',
    message: typeof message === 'string' ? message.trim().replace(/\.$/, '') : '',
    fields: fault,
  };
}

/** The fault in a decoded `detail` element of a SOAP fault; its first child names the type. */
export function readSoapFault(detail: unknown, faultstring: string): VimFault {
  const [name, value] = Object.entries(asRecord(detail)).find(([key]) => key !== '$type') ?? ['unknown', {}];
  const fields = asRecord(value);
  const type = typeof fields['$type'] === 'string' ? fields['$type'] : name.replace(/Fault$/, '');
  return { type, message: faultstring.trim().replace(/\.$/, ''), fields };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
